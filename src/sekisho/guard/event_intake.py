"""Dovecot's exported events: scripts stored over ManageSieve, mail redirected by a script, sessions that ended.

A PUTSCRIPT event has no text, and the guard runs no command: it spools the change, the agent fetches the script and
writes what it found into `findings/` (a journal.ScriptChanged as "forward" or "discard"), which comes back through
`scripts.Scripts.take_finding`. The end of a session tells how much was read in it (session_ends), what is done in it
goes to session_reads. A redirect that Dovecot carried out soon after such a change is the same finding, made without
the agent.
"""

from __future__ import annotations

import logging
import time

from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.http_service import Request, Response
from sekisho.guard.scripts import Scripts
from sekisho.guard.session_ends import SessionEnds
from sekisho.guard.session_reads import SessionReads
from sekisho.journal import ReturnFiled
from sekisho.wire import WireError
from sekisho.wire.dovecot_event import (
    MessageFiled,
    RedirectSent,
    ScriptActivated,
    ScriptStored,
    SessionAct,
    SessionFinished,
    parse_event,
)

log = logging.getLogger("sekisho.guard")

# Dovecot ignores the answer's body; anything but 2xx it logs as an error of its own.
TAKEN = Response(200, b"{}")
_UNREADABLE = Response(400, b"{}")
_WRONG_METHOD = Response(405, b"{}")


class EventIntake:
    """Serves the exporter's posts."""

    def __init__(self, scripts: Scripts, checkpoint: Checkpoint, returned_folder: str = "") -> None:
        self._scripts = scripts
        self._checkpoint = checkpoint
        # The folder for mail that comes back for a hijacker's messages.
        self._returned_folder = returned_folder
        self.reads = SessionReads(checkpoint, scripts.sessions)
        checkpoint.on_decision.append(self.reads.decided)
        self.ends = SessionEnds(checkpoint, scripts.sessions, self.reads)

    def serve(self, request: Request) -> Response:
        if request.method != "POST":
            return _WRONG_METHOD
        now = time.time()
        try:
            event = parse_event(request.body)
        except WireError as error:
            log.warning("events: %s", error)
            return _UNREADABLE
        if isinstance(event, ScriptStored | ScriptActivated):
            self._scripts.changed(event.user, event.session, event.script, now)
        elif isinstance(event, RedirectSent):
            self._scripts.redirected(event.user, event.target, now)
        elif isinstance(event, MessageFiled):
            self._filed(event, now)
        elif isinstance(event, SessionFinished):
            self.ends.take_event(event, now)
        elif isinstance(event, SessionAct):
            self.reads.take(event, now)
        return TAKEN

    def _filed(self, event: MessageFiled, now: float) -> None:
        """Counts returned mail, for people: it says nothing for or against the owner who is back."""
        mailbox = self._checkpoint.mailbox(event.user)
        if mailbox is not None and event.folder and event.folder == self._returned_folder:
            self._checkpoint.spool(ReturnFiled(now, mailbox, event.message_id[:250]))
