"""P2, DESIGN §9: a barrier file deleted or corrupted: the doors stay shut or fail for the moment, never 5xx for
mail, and the agent repairs it. Sabotage: tests/sabotage/t17.patch (the agent does not look at its files again)."""

from __future__ import annotations

import time

import pytest
from harness import DOMAIN, SUSPENDED_421, Box, Stack

from sekisho.rehearsal.outside import wait_until

FILES = ("rcpt.lmdb", "identity.lmdb", "transport.lmdb", "sasl.lmdb", "deny", "lmtp")
REPAIRED_WITHIN = 10.0


@pytest.fixture(scope="module")
def box(stack: Stack) -> Box:
    made = stack.new_box("t17")
    stack.new_alias(f"t17-alias@{DOMAIN}", made.address)
    stack.suspend(made)
    return made


@pytest.mark.parametrize("harm", ["deleted", "corrupted", "emptied"])
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_opens_nothing_and_is_repaired(stack: Stack, box: Box, name: str, harm: str) -> None:
    path = stack.var / "barrier" / name
    whole = path.stat().st_size
    if harm == "deleted":
        path.unlink()
    else:
        # In place, as a full disk or a careless hand would: size and time change, the name stays.
        path.write_bytes(b"" if harm == "emptied" else b"\x00\xff garbage : \n" * 40)
    started = time.monotonic()
    while time.monotonic() - started < REPAIRED_WITHIN:
        answer = stack.mx(box.address)
        # 0: the connection ended, which a sender treats as temporary, too (a map cut short under a running smtpd).
        assert answer.code in (0, 450, 451), answer
        assert not any(answer.accepted for answer in stack.doors(box).values())
        if path.exists() and path.stat().st_size >= min(whole, 1) and is_whole(stack, box, name):
            break
        time.sleep(0.2)
    assert is_whole(stack, box, name), f"{name} was not repaired within {REPAIRED_WITHIN:.0f} s"
    # Everybody else goes on: at the latest when it is repaired.
    assert wait_until(lambda: stack.mx(f"postmaster-none@{DOMAIN}").code == 550, 5) is not None


def is_whole(stack: Stack, box: Box, name: str) -> bool:
    """Whether the file answers for the suspended mailbox as it did."""
    import subprocess

    path = stack.var / "barrier" / name
    if not path.exists():
        return False
    if not name.endswith(".lmdb"):
        return box.address in path.read_text(errors="replace")
    table = f"lmdb:{path.with_suffix('')}"
    found = subprocess.run(
        ["/usr/sbin/postmap", "-c", str(stack.places.our_postfix), "-q", box.address, table],
        capture_output=True, text=True,
    )  # fmt: skip
    expected = {
        "rcpt.lmdb": "450 4.2.1", "identity.lmdb": box.address, "transport.lmdb": "retry:4.2.1",
        "sasl.lmdb": SUSPENDED_421,
    }  # fmt: skip
    return found.returncode == 0 and expected[name] in found.stdout
