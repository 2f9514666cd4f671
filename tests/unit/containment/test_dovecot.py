"""What doveadm of 2.3 and 2.4 say differently comes out the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sekisho.containment.commands import CommandError, CompletedCommand
from sekisho.containment.dovecot import Dovecot


def dovecot(code: int, out: bytes, err: bytes = b"") -> Dovecot:
    def runner(argv: Sequence[str], stdin: bytes = b"", deadline: float = 0.0) -> CompletedCommand:
        return CompletedCommand(code, out, err)

    return Dovecot("/etc/dovecot/dovecot.conf", runner)


@pytest.mark.parametrize(
    ("code", "out", "ended"),
    [
        (0, b"kicked connections from the following users:\nalice@ours.test\n", True),
        (68, b"", False),
        # 2.4.1
        (0, b"2 connections kicked\n", True),
        (0, b"10 connections kicked\n", True),
        (0, b"0 connections kicked\n", False),
    ],
)
def test_a_kick_tells_whether_there_was_a_session(code: int, out: bytes, ended: bool) -> None:
    assert dovecot(code, out).kick("alice@ours.test") is ended


def test_a_kick_that_nobody_carried_out_is_an_error() -> None:
    with pytest.raises(CommandError, match="Permission denied"):
        dovecot(75, b"", b"doveadm: Error: net_connect_unix(anvil) failed: Permission denied\n").kick("alice@ours.test")


def test_sessions_of_both_versions_are_counted_with_their_processes() -> None:
    old = dovecot(0, b"username\t#\tproto\t(pids)\t(ips)\nalice@ours.test\t2\timap\t(31 32)\t(198.51.100.1)\n")
    new = dovecot(0, b"username\t#\tservice\t(pids)\t(ips)\nalice@ours.test\t2\timap\t(32 31)\t(198.51.100.1)\n")
    for one in (old, new):
        assert one.sessions("alice@ours.test") == 2
        assert one.session_processes("alice@ours.test") == {31, 32}
