"""P4: whoever puts a burned password back behind our back, in the site's own table, lets nobody in for long: the old
hash trips as it is written, the old password under a new hash at its first login, also from the owner's office. A
dismissal ends it; an owner's fresh password never trips, and one that Dovecot cannot tell from the old one is refused.
Sabotage: tests/sabotage/t38.patch (the guard does not compare the login's hash)."""

from __future__ import annotations

import json
import secrets

import pytest
from harness import HOME, PASSWORD, Box, Stack

from sekisho.rehearsal.doors import try_imap
from sekisho.rehearsal.outside import wait_until
from sekisho.wire.dovecot_policy import password_hash

# The worker looks every 5 s, the state file is made anew every 2 s; a loaded machine takes its time.
NOTICED_S = 15


def is_in(stack: Stack, box: Box, password: str) -> bool:
    return try_imap(stack.places, box.address, password, HOME).accepted


def stored(stack: Stack, box: Box) -> str:
    [(password,)] = stack.site_sql("SELECT password FROM mailbox WHERE username = ?", box.address)
    return str(password)


def write(stack: Stack, box: Box, hashed: str) -> None:
    """As PostfixAdmin does it: another program's statement on the site's table."""
    stack.site_sql("UPDATE mailbox SET password = ? WHERE username = ?", hashed, box.address)


def hashed_anew(stack: Stack, password: str) -> str:
    code = (
        f"from sekisho.directory.passwords import hash_password\nresult = hash_password({password!r}, 'SHA512-CRYPT')"
    )
    return str(stack.shell.run(code))


def is_suspended(stack: Stack, box: Box) -> bool:
    return stack.our_sql("SELECT status FROM incidents_mailboxstatus WHERE mailbox = ?", box.address) == [
        ("suspended",)
    ]


def is_watched(stack: Stack, box: Box) -> bool:
    """Whether the guard has been told to look for this mailbox's burned hashes."""
    state = json.loads((stack.var / "agent" / "state.json").read_bytes())
    return bool(state["mailboxes"].get(box.address, {}).get("burned"))


@pytest.fixture(scope="module")
def boxes(stack: Stack) -> list[tuple[Box, str]]:
    """Three mailboxes that PASSWORD opened, then taken over and recovered by us; and their former hashes."""
    boxes = stack.new_boxes("t38", 3)
    before = [stored(stack, box) for box in boxes]
    assert all(is_in(stack, box, PASSWORD) for box in boxes)
    seen = "SELECT count(DISTINCT mailbox) FROM incidents_signin WHERE mailbox LIKE 't38%' AND success AND pwhash <> ''"
    assert wait_until(lambda: stack.our_sql(seen)[0][0] >= 3, NOTICED_S) is not None
    addresses = [box.address for box in boxes]
    code = "from sekisho.incidents import decisions\nfrom sekisho.recovery import flow\nincidents = []\n"
    stack.shell.run(code + f"for one in {addresses!r}: incidents.append(decisions.suspend(one, 'story', 'operator'))")
    stack.shell.run("for one in incidents: flow.wait_until_contained(one, 20)")
    for box in boxes:
        box.password = f"hoshi-{secrets.token_hex(4)}-umi-{secrets.token_hex(4)}"
        stack.shell.run(f"flow.reinstate({box.address!r}, {box.password!r}, 'operator')")
    assert stack.shell.run("result = all(flow.wait_until_released(one, 30) for one in incidents)")
    assert all(is_in(stack, box, box.password) for box in boxes)
    return list(zip(boxes, before, strict=True))


def assert_tripped(stack: Stack, box: Box) -> None:
    assert wait_until(lambda: is_suspended(stack, box), NOTICED_S, pause=0.1) is not None, stack.log("worker")
    assert wait_until(lambda: not is_in(stack, box, PASSWORD), 5, pause=0.1) is not None
    assert stack.incident(box)["indicators"][0]["name"] == "burned_password", stack.incident(box)["indicators"]


def test_the_old_hash_written_back_trips_before_anybody_logs_in(stack: Stack, boxes: list[tuple[Box, str]]) -> None:
    box, before = boxes[0]
    write(stack, box, before)
    assert_tripped(stack, box)


def test_the_old_password_under_a_new_hash_trips_at_its_first_login_until_a_person_dismisses_it(
    stack: Stack, boxes: list[tuple[Box, str]]
) -> None:
    box, before = boxes[1]
    write(stack, box, hashed_anew(stack, PASSWORD))
    assert stored(stack, box) != before
    assert wait_until(lambda: is_watched(stack, box), NOTICED_S, pause=0.1) is not None
    assert not is_suspended(stack, box)
    # A phone at the owner's own office: familiar, and it sends nothing. The guard has read the file within 0.5 s.
    assert wait_until(lambda: not is_in(stack, box, PASSWORD), 5, pause=0.5) is not None
    assert_tripped(stack, box)

    stack.command("incident", "dismiss", str(stack.incident(box)["id"]), "--reason", "the owner insists")
    assert wait_until(lambda: is_in(stack, box, PASSWORD), NOTICED_S, pause=0.3) is not None
    assert not is_watched(stack, box) and not is_suspended(stack, box)


def test_a_fresh_password_never_trips_and_a_look_alike_is_refused(stack: Stack, boxes: list[tuple[Box, str]]) -> None:
    box, _ = boxes[2]
    # The site hashes it anew (PostfixAdmin, a change of scheme): nobody vouches for the row any more.
    write(stack, box, hashed_anew(stack, box.password))
    assert wait_until(lambda: is_watched(stack, box), NOTICED_S, pause=0.1) is not None
    stack.assert_open(box)
    assert stack.status(box) == "probation"

    nonce = (stack.var / "secrets" / "nonce").read_text().strip()
    old = password_hash(box.address, PASSWORD, nonce)
    drawn = (f"hoshi-{secrets.token_hex(4)}-umi-{secrets.token_hex(4)}" for _ in range(100_000))
    alike = next(new for new in drawn if password_hash(box.address, new, nonce) == old)
    refused = stack.command("mailbox", "password", box.address, "--password-stdin", given=alike, check=False)
    assert refused.returncode == 1 and "cannot tell this password from an old one" in refused.stderr, refused
