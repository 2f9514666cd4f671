"""P2: the doors of a suspended mailbox are tried again while it is suspended. Taken out of Dovecot's configuration, the
barrier's `deny` is missed and the alarm says which doors are open; the guard goes on refusing meanwhile; put back, the
alarm ends. Sabotage: tests/sabotage/t27.patch (an open door is taken for shut)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Stack

from sekisho.rehearsal.outside import wait_until

# Once an hour in production; the shortest that can be set.
EVERY_S = 5


@pytest.fixture
def impatient(stack: Stack) -> Iterator[None]:
    """The agent with another interval, and as it was afterwards."""
    configuration = stack.var / "sekisho.toml"
    before = configuration.read_text()
    configuration.write_text(f"probe_every_s = {EVERY_S}\n{before}")
    restart_agent(stack)
    try:
        yield
    finally:
        configuration.write_text(before)
        restart_agent(stack)


def restart_agent(stack: Stack) -> None:
    pid = stack.pid("agent")
    os.kill(pid, signal.SIGTERM)
    stack.restarted("agent", pid)


@pytest.fixture
def without_deny(stack: Stack) -> Iterator[Path]:
    """Dovecot's configuration file; whatever a story makes of it is undone."""
    path = stack.var / "ours" / "dovecot" / "dovecot.conf"
    before = path.read_text()
    try:
        yield path
    finally:
        path.write_text(before)
        reload(path)


def reload(path: Path) -> None:
    subprocess.run(["doveadm", "-c", str(path), "reload"], check=True, timeout=20)


def alarms(stack: Stack, address: str) -> list[str]:
    return [text for text in stack.ask("status")["alarms"] if address in text]


def test_an_open_door_is_an_alarm_until_it_is_shut_again(stack: Stack, impatient: None, without_deny: Path) -> None:
    box = stack.new_box("t27")
    stack.suspend(box)

    def looked() -> bool:
        return any(step["name"] == "watch_doors" and step["state"] == "done" for step in stack.incident(box)["steps"])

    # The plan's own last look is after 30 s.
    assert wait_until(looked, 60, pause=1.0) is not None, stack.incident(box)
    assert alarms(stack, box.address) == []

    before = without_deny.read_text()
    without_deny.write_text(before.replace("  deny = yes\n", "  deny = no\n"))
    reload(without_deny)
    assert wait_until(lambda: bool(alarms(stack, box.address)), 30, pause=1.0) is not None, stack.log("agent")[-2000:]
    text = alarms(stack, box.address)[0]
    assert all(door in text for door in ("IMAP", "POP3", "ManageSieve", "SMTP AUTH")), text
    # The second line of defence: the guard's own word.
    stack.assert_shut(box, within=2)

    without_deny.write_text(before)
    reload(without_deny)
    assert wait_until(lambda: not alarms(stack, box.address), 40, pause=1.0) is not None, alarms(stack, box.address)
    stack.reinstate(box)
    stack.assert_open(box)
