"""P2: the doctor finds the running stack well, and names each damage that would let a suspended mailbox through. It
reads copies of the real configuration through Postfix' and Dovecot's own tools. Sabotage: tests/sabotage/t43.patch
(the barrier anywhere in a list will do)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Stack

SEKISHO = Path(sys.executable).with_name("sekisho")


@pytest.fixture
def copy(stack: Stack) -> Iterator[Path]:
    """A configuration directory that may be damaged: sekisho.toml, postfix/ and dovecot.conf of the stack."""
    # Below `var`: a Dovecot in a tree of its own (make dovecot24) sees nothing else.
    place = Path(tempfile.mkdtemp(prefix="doctor-", dir=stack.var))
    shutil.copytree(stack.var / "ours" / "postfix", place / "postfix")
    shutil.copy(stack.var / "ours" / "dovecot" / "dovecot.conf", place / "dovecot.conf")
    text = (stack.var / "sekisho.toml").read_text()
    text = text.replace(f"{stack.var}/ours/postfix", f"{place}/postfix")
    text = text.replace(f"{stack.var}/ours/dovecot/dovecot.conf", f"{place}/dovecot.conf")
    (place / "sekisho.toml").write_text(text)
    yield place
    shutil.rmtree(place)


def examined(stack: Stack, configuration: Path) -> tuple[int, dict[str, str]]:
    """The doctor's exit code, and what is not well."""
    done = subprocess.run(
        [SEKISHO, "doctor", "--no-dns", "--json"], capture_output=True, text=True, timeout=60,
        env={**stack.environment, "SEKISHO_CONFIG": str(configuration)},
    )  # fmt: skip
    assert done.stdout, done.stderr
    found = {one["name"]: one["result"] for one in json.loads(done.stdout)}
    # Whether somebody keeps this machine's clock or makes backups is not the stack's matter, and alarms may be another
    # story's.
    for name in ("clock", "backups", "process.guard", "process.agent", "process.worker"):
        found.pop(name)
    return done.returncode, {name: result for name, result in found.items() if result != "ok"}


def test_it_finds_the_running_stack_well(stack: Stack):
    _, bad = examined(stack, stack.var / "sekisho.toml")
    assert bad == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("postfix/main.cf", "= check_recipient_access $barrier/rcpt, reject_unauth_destination",
         "= reject_unauth_destination, check_recipient_access $barrier/rcpt", "postfix.inbound"),
        ("postfix/main.cf", "virtual_alias_maps = $barrier/identity, ", "virtual_alias_maps = ", "postfix.aliases"),
        ("postfix/main.cf", "= $submission_barrier, reject_sender_login_mismatch",
         "= reject_sender_login_mismatch, $submission_barrier", "postfix.submission"),
        ("postfix/main.cf", "timeout=3s, ", "", "postfix.deadline"),
        ("dovecot.conf", "  deny = yes\n", "", "dovecot.deny"),
    ],
)  # fmt: skip
def test_it_names_what_would_let_a_suspended_mailbox_through(
    stack: Stack, copy: Path, file: str, old: str, new: str, found: str
):
    path = copy / file
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    code, bad = examined(stack, copy / "sekisho.toml")
    assert code == 2
    assert bad[found] == "fail"
