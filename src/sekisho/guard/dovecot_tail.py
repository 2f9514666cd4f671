"""What Dovecot's log tells the guard, live or read again: how much a session read, and logins nobody reported.

Logins are the auth policy's to tell. Lines about them count only for the time in which nobody answered Dovecot, that
is between the last snapshot and the guard's start: where syslog collects the log any local user can write lines into
it, and nobody may shoot a mailbox with lines (DESIGN P3). For the same reason the end of a session counts only for a
session whose address somebody trustworthy has named (session_ends).
"""

from __future__ import annotations

from typing import NamedTuple

from sekisho.detection import Login
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.log_clock import LIVE_SECONDS, LineClock
from sekisho.guard.session_ends import SessionEnds
from sekisho.guard.sessions import Sessions
from sekisho.guard.settings_test import SettingsTest
from sekisho.journal import LoginSeen
from sekisho.wire import WireError, dovecot_log


class Absence(NamedTuple):
    """When nobody answered, in epoch seconds: logins after `learnt` and before `until` are in no profile, those after
    `spooled` also in no spool."""

    learnt: float
    spooled: float
    until: float


# Old logs: nobody answered at all.
ALWAYS = Absence(float("-inf"), float("-inf"), float("inf"))
# A first start: what was logged before is history.
NEVER = Absence(0.0, 0.0, 0.0)


class DovecotTail:
    """Reads Dovecot's lines into events."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        sessions: Sessions,
        ends: SessionEnds,
        absence: Absence,
        settings_test: SettingsTest | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._sessions = sessions
        self._ends = ends
        self._absence = absence
        self._settings_test = settings_test
        self._clock = LineClock()
        # Lines that ought to say something and are in no form known here.
        self.unreadable = 0

    def take_line(self, line: str, now: float) -> None:
        """Acts on one log line; lines that say nothing we use change nothing."""
        try:
            found = dovecot_log.parse_line(line)
        except WireError:
            self.unreadable += 1
            return
        if found is None:
            return
        t = self._clock.read(found.stamp, now)
        if isinstance(found, dovecot_log.NameRefused | dovecot_log.ConnectionRefused):
            self._tell_test(found, t, now)
        elif isinstance(found, dovecot_log.SessionClosed):
            self.take(found, t)
        elif self._absence.learnt < self._clock.logged < self._absence.until:
            self.take(found, self._clock.logged)

    def _tell_test(self, found: dovecot_log.NameRefused | dovecot_log.ConnectionRefused, t: float, now: float) -> None:
        # Only what happens now is of use to somebody who tries his mail program.
        if self._settings_test is None or now - t > LIVE_SECONDS:
            return
        if isinstance(found, dovecot_log.NameRefused):
            self._settings_test.take_refused_name(found, t)
        else:
            self._settings_test.take_refused_connection(found, t)

    def take(self, found: dovecot_log.LogLine, t: float) -> None:
        """Acts on what a line of the absence, or of the end of a session, written at `t`, says."""
        if isinstance(found, dovecot_log.SessionClosed):
            self._ends.take_line(found, t)
        elif isinstance(found, dovecot_log.LoggedIn | dovecot_log.LoginRefused):
            self._login(found, t)

    def _login(self, found: dovecot_log.LoggedIn | dovecot_log.LoginRefused, t: float) -> None:
        mailbox = self._checkpoint.mailbox(found.user)
        if mailbox is None:
            return
        success, session = isinstance(found, dovecot_log.LoggedIn), ""
        if isinstance(found, dovecot_log.LoggedIn):
            session = found.session
            # The log's second in which we began to answer holds logins that were reported.
            if session and self._sessions.ip(session, mailbox):
                return
            self._sessions.begin(session, mailbox, found.ip)
        source, place = self._checkpoint.places.source(found.ip)
        self._checkpoint.observe(Login(t, mailbox, source, place, found.protocol, success), t)
        if t > self._absence.spooled:
            seen = LoginSeen(t, mailbox, success, found.protocol, found.ip, place.country, place.asn, session=session)
            self._checkpoint.spool(seen)
