"""P3, P6: who reads a whole mailbox from an unfamiliar place raises a sign of its own within a second, on Dovecot 2.3
that tells octets in its log only; a log that the guard may not read is an alarm, and nothing in it is lost. Sabotage:
tests/sabotage/t24.patch (the end of a session in the log says nothing)."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from harness import ABROAD, Box, Stack

from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.outside import wait_until

# Demo mailboxes with a history from Japan; all it takes is letters of some weight (1 MB) and four readings of them.
READER, LATER, OWNER_ONLY = "soumu@yunoyado-kitano.test", "chubo@yunoyado-kitano.test", "okami@yunoyado-kitano.test"
OWNERS_HOME = "198.18.30.11"
LETTERS, READINGS = 8, 4
TEXT = ("x" * 76 + "\n") * 13_000
# Dovecot writes the line as the session ends, the guard looks every 0.2 s; the machine is busy.
SEEN_WITHIN = 5.0


def fill(stack: Stack, box: Box) -> None:
    for place in range(LETTERS):
        answer = stack.outside.write(f"bulk-{place}", "eigyo@yama-sake.test", box.address, "Catalogue", TEXT)
        assert answer.code == 250, answer
    assert wait_until(lambda: sum(stack.inbox(box).values()) >= LETTERS, 20) is not None


def read_all(stack: Stack, box: Box, source: str) -> None:
    """Fetches every letter four times: 32 MB."""
    with ImapSession(stack.places.imap, client_address=source) as session:
        answer = session.login(box.address, box.password)
        assert answer.accepted, answer
        for _ in range(READINGS):
            assert session.read(100) >= LETTERS


def decisions(stack: Stack, box: Box) -> list[dict[str, Any]]:
    """What the guard's journal says of a mailbox."""
    found = []
    for segment in sorted((stack.var / "guard" / "journal").glob("*.log")):
        for line in segment.read_text().splitlines():
            record = json.loads(line.partition(" ")[2])
            if record.get("type") == "decision" and record["mailbox"] == box.address:
                found.append(record)
    return found


def reading_sign(stack: Stack, box: Box) -> dict[str, Any] | None:
    """The sign of bulk reading in the latest decision that has one."""
    signs = [
        sign for record in decisions(stack, box) for sign in record["indicators"] if sign["name"] == "bulk_reading"
    ]
    return signs[-1] if signs else None


def test_who_reads_everything_from_abroad_is_noticed_at_the_end_of_his_session(stack: Stack) -> None:
    box = stack.known_box(READER)
    fill(stack, box)
    read_all(stack, box, ABROAD)
    assert wait_until(lambda: reading_sign(stack, box), SEEN_WITHIN) is not None, decisions(stack, box)
    sign = reading_sign(stack, box)
    # Counted once: line and event are of one session.
    assert sign and "fetched 32 MB of mail" in sign["evidence_en"]
    assert sign["value"] > 2
    # The new country alone is no alert, unless others' mailboxes saw this stranger too; with this sign it restricts.
    assert [record["action"] for record in decisions(stack, box) if record["action"] != "alert"] == ["restrict"]
    assert wait_until(lambda: stack.status(box) == "restricted", 10) is not None


def test_an_owner_who_reads_everything_at_home_is_not(stack: Stack) -> None:
    box = stack.known_box(OWNER_ONLY)
    fill(stack, box)
    lines = guard_status(stack)["log_lines"]
    read_all(stack, box, OWNERS_HOME)
    assert wait_until(lambda: guard_status(stack)["log_lines"] > lines, SEEN_WITHIN) is not None
    assert decisions(stack, box) == []
    assert stack.status(box) == "active"


def test_a_log_that_may_not_be_read_is_an_alarm_and_nothing_in_it_is_lost(stack: Stack) -> None:
    box, log = stack.known_box(LATER), stack.var / "log" / "ours-dovecot.log"
    fill(stack, box)
    rotate(stack, log)
    # Made by Dovecot for root alone, as by a logrotate rule without `create`.
    assert log.stat().st_mode & 0o077 == 0
    read_all(stack, box, ABROAD)
    assert wait_until(lambda: reading_alarms(stack, log), 15) is not None
    assert reading_sign(stack, box) is None
    # The next night, before anybody has looked: now two files wait to be read.
    rotate(stack, log, name="ours-dovecot.log.2")
    for path in (log.with_name("ours-dovecot.log.2"), log):
        os.chown(path, 0, (stack.var / "log").stat().st_gid)
        path.chmod(0o640)
    assert wait_until(lambda: reading_sign(stack, box), SEEN_WITHIN) is not None
    assert wait_until(lambda: not reading_alarms(stack, log), SEEN_WITHIN) is not None
    said = [line for line in stack.log("guard").splitlines() if "cannot be read" in line and str(log) in line]
    assert len(said) == 1, said


def rotate(stack: Stack, log: Path, name: str = "ours-dovecot.log.1") -> None:
    """As logrotate: renamed, and Dovecot told to write a new file."""
    log.rename(log.with_name(name))
    os.kill(stack.pid("dovecot-ours"), signal.SIGUSR1)
    assert wait_until(log.exists, 10) is not None


def guard_status(stack: Stack) -> dict[str, Any]:
    status: dict[str, Any] = json.loads((stack.var / "guard" / "status.json").read_text())
    return status


def reading_alarms(stack: Stack, log: Path) -> list[str]:
    return [alarm for alarm in guard_status(stack)["alarms"] if str(log) in alarm]
