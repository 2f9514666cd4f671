"""Complaints that `sekisho complaint` tied to a message of ours: each message once, and only in its own generation.

Which message, whose, and who vouches for the report was found before (incidents.complaints), from rows that we wrote
ourselves when the message was handed in. What is left here is time: a complaint comes days after its message, and mail
that a hijacker sent before the recovery says nothing about the owner who is back (DESIGN §4).
"""

from __future__ import annotations

import logging

from sekisho.detection import Complaint
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.recent import Recent
from sekisho.journal import RecordError, parse_complaint

log = logging.getLogger("sekisho.guard")

# The database keeps a message from being reported twice; this is for a record appended twice by a killed reporter.
REMEMBERED = 10_000


class Complaints:
    """Hands what is new to the checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._seen: Recent[bool] = Recent(REMEMBERED)

    def take(self, line: bytes, now: float) -> None:
        """Observes the complaint of one line, unless it is known or about a message of an earlier generation."""
        try:
            found = parse_complaint(line)
        except RecordError as error:
            log.warning("complaints: %s", error)
            return
        if self._seen.get(found.queue_id):
            return
        self._seen.put(found.queue_id, True)
        profile = self._checkpoint.profiles.known(found.mailbox)
        # A mailbox we know nothing of has sent nothing in this generation: there is nothing to complain about.
        if profile is None or found.submitted_at < profile.started_at:
            return
        self._checkpoint.observe(Complaint(now, found.mailbox, found.reporter), now)
