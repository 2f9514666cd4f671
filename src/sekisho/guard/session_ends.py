"""How much was read in a session: its address and its octets come from different neighbours, and are counted once.

Dovecot 2.4 says octets and address in one event. Dovecot 2.3 says the octets in its log only; the address is known from
the auth policy's report of the login or from the event of the session's end, whichever the guard was there for. The
line and the event race each other, so each waits for the other a while.
"""

from __future__ import annotations

from sekisho.detection import SessionEnded
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.recent import Recent
from sekisho.guard.session_reads import SessionReads
from sekisho.guard.sessions import Sessions
from sekisho.wire.dovecot_event import SessionFinished
from sekisho.wire.dovecot_log import SessionClosed

# Ended sessions that are remembered, so that line and event of one are not two: they come within a second.
REMEMBERED = 20_000
# Lines whose session nobody has named yet: those of a second, or of sessions from before the guard's start.
WAITING = 1_000


class SessionEnds:
    """Joins both and hands the end of a session to the checkpoint, and to `reads` (None: old logs, nobody asks)."""

    def __init__(self, checkpoint: Checkpoint, sessions: Sessions, reads: SessionReads | None = None) -> None:
        self._checkpoint = checkpoint
        self._sessions = sessions
        self._reads = reads
        self._counted: Recent[bool] = Recent(REMEMBERED)
        self._waiting: Recent[tuple[SessionClosed, float]] = Recent(WAITING)

    def take_event(self, event: SessionFinished, now: float) -> None:
        """Dovecot has told the end of a session."""
        mailbox = self._checkpoint.mailbox(event.user)
        if mailbox is None:
            return
        if self._reads is not None:
            self._reads.end(event, now)
        if event.bytes_out:
            self._count(event.session, mailbox, event.ip, event.protocol, event.bytes_out, 0, now)
        if event.session:
            self._sessions.begin(event.session, mailbox, event.ip)
            if (waiting := self._waiting.get(event.session)) is not None:
                self._waiting.forget(event.session)
                self.take_line(*waiting)

    def take_line(self, found: SessionClosed, t: float) -> None:
        """Dovecot has logged the end of a session; without a known address it says nothing (yet)."""
        mailbox = self._checkpoint.mailbox(found.user)
        if mailbox is None:
            return
        if ip := self._sessions.ip(found.session, mailbox):
            if self._reads is not None:
                self._reads.close(found, ip, t)
            self._count(found.session, mailbox, ip, found.protocol, found.bytes_out, found.fetched, t)
        elif found.session:
            self._waiting.put(found.session, (found, t))

    def _count(self, session: str, mailbox: str, ip: str, protocol: str, octets: int, fetched: int, t: float) -> None:
        # Up to Dovecot 2.2 a line names no session; then each is one.
        if session:
            if self._counted.get(session):
                return
            self._counted.put(session, True)
        source, place = self._checkpoint.places.source(ip)
        self._checkpoint.observe(SessionEnded(t, mailbox, source, place, protocol, octets, fetched), t)
