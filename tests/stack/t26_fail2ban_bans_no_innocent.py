"""P6: the real fail2ban, with Debian's own filters, bans neither a sender who waits at our 450, nor an owner whose
session we cut, nor his office where a phone goes on trying the old password; a stranger who guesses is banned.
Sabotage: tests/sabotage/t26.patch (nobody is spared)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import SEKISHO, Box, Hijacker, Stack

from sekisho.rehearsal.doors import try_imap, try_smtp
from sekisho.rehearsal.outside import wait_until

# Senders of other hosts that retry against our 450, and a stranger who guesses passwords.
WAITING, GUESSER = "198.19.11.23", "198.19.24.99"
# Where somebody logs in as on every day.
SOUND = "198.18.40.9"
# fail2ban's own defaults are 5 tries in 600 s; each place here tries more often than that.
TRIES = 8

RECORDING = """\
[Definition]
actionban = echo <ip> >> {list}
actionunban =
"""
# "tail": what other stories left in the logs is not looked at. The stack's two Postfixes are told apart by syslog_name;
# Debian's filter looks for "postfix".
JAILS = """\
[DEFAULT]
backend = polling
findtime = 600
maxretry = 5
bantime = 600
banaction = record
action = record
usedns = no

[dovecot]
enabled = true
filter = dovecot
logpath = {log}/ours-dovecot.log tail

[postfix]
enabled = true
filter = postfix[mode=more, _daemon="ours/[a-z/]+"]
logpath = {log}/ours-mail.log tail

[postfix-sasl]
enabled = true
filter = postfix[mode=auth, _daemon="ours/[a-z/]+"]
logpath = {log}/ours-mail.log tail
"""


class Fail2ban:
    """A fail2ban of its own: Debian's filters, our jail file, an action that only writes addresses down."""

    def __init__(self, directory: Path, stack: Stack) -> None:
        self._directory, self._list = directory, directory / "banned"
        self._list.touch()
        # The addresses of an earlier run would be banned again at the start.
        (directory / "fail2ban.local").write_text("[Definition]\ndbfile = None\n")
        for name in ("filter.d", "fail2ban.conf"):
            (directory / name).symlink_to(Path("/etc/fail2ban") / name)
        (directory / "action.d").mkdir()
        (directory / "action.d" / "record.conf").write_text(RECORDING.format(list=self._list))
        (directory / "jail.conf").write_text(JAILS.format(log=stack.var / "log"))
        (directory / "jail.d").mkdir()
        ours = stack.command("fail2ban-ignore", "--jail").stdout
        assert SEKISHO in ours
        (directory / "jail.d" / "sekisho.local").write_text(ours)
        places = ["-s", str(directory / "socket"), "-p", str(directory / "pid"), "--logtarget", str(directory / "log")]
        command = ["/usr/bin/fail2ban-server", "-c", str(directory), *places, "-f", "start"]
        # No environment of ours: what the jail file says must be enough. The stack's logs are in Japan's time.
        environment = {"PATH": os.environ["PATH"], "TZ": "Asia/Tokyo"}
        self._process = subprocess.Popen(command, env=environment, cwd="/", stdout=sys.stderr)
        assert wait_until(lambda: "Jail 'postfix-sasl' started" in self.log(), 20) is not None, self.log()

    def log(self) -> str:
        try:
            return (self._directory / "log").read_text()
        except OSError:
            return ""

    def banned(self) -> set[str]:
        return set(self._list.read_text().split())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


@pytest.fixture
def fail2ban(tmp_path: Path, stack: Stack) -> Iterator[Fail2ban]:
    running = Fail2ban(tmp_path, stack)
    try:
        yield running
    finally:
        running.stop()


def old_password_goes_on(stack: Stack, box: Box, source: str) -> None:
    """A phone and a mail program try the same wrong password, as they do for days."""
    for _ in range(TRIES):
        assert not try_imap(stack.places, box.address, box.password, source).accepted
    for _ in range(TRIES):
        assert not try_smtp(stack.places, box.address, box.password, source).accepted


def test_it_bans_the_guesser_and_nobody_whom_we_refused(stack: Stack, fail2ban: Fail2ban) -> None:
    # demo/provider.toml: 30 days of work at this office line, which his colleagues share.
    owner, home = stack.known_box("kobo@hanamaru-pan.example"), "198.18.10.15"
    Hijacker(stack, owner).run()
    stack.assert_shut(owner, within=5)
    # The doors are shut by the guard's memory already when the barrier is still going up.
    assert wait_until(lambda: stack.mx(owner.address).code == 450, 5, pause=0.1) is not None
    for number in range(TRIES):
        answer = stack.mx(owner.address, f"friend{number}@faraway.test", source=WAITING)
        assert answer.code == 450, answer
    assert wait_until(lambda: stack.command("fail2ban-ignore", home, check=False).returncode == 0, 5) is not None
    assert stack.command("fail2ban-ignore", GUESSER, check=False).returncode == 1
    old_password_goes_on(stack, owner, home)
    guessed = stack.new_box("t26")
    for _ in range(TRIES):
        assert all(answer.accepted for answer in stack.doors(guessed, source=SOUND).values())
    for number in range(TRIES):
        assert not try_imap(stack.places, guessed.address, f"guess-{number}", GUESSER).accepted
    assert wait_until(lambda: GUESSER in fail2ban.banned(), 30) is not None, fail2ban.log()
    # What was logged before the last guess has been read by now; ignored addresses are named in fail2ban's own log.
    assert wait_until(lambda: f"Ignore {home} by command" in fail2ban.log(), 15) is not None, fail2ban.log()
    time.sleep(1)
    assert fail2ban.banned().isdisjoint({home, SOUND, WAITING}), fail2ban.log()
    # Who logs in as always is no failure on any line: our own passdbs must not log their misses.
    assert f"Found {SOUND}" not in fail2ban.log()
