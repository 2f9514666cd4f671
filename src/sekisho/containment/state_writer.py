"""The state file for the guard: the record as last read, overlaid by the ledger, which is ahead of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sekisho.containment.ledger import Entry
from sekisho.journal import MailboxState, StateFile, write_state
from sekisho.journal.records import Status

log = logging.getLogger(__name__)

_STRENGTH = {"active": 0, "probation": 0, "restricted": 1, "suspended": 2}


def overlay(record: StateFile, entries: Iterable[Entry]) -> StateFile:
    """The record with every mailbox at least as shut as the ledger holds it.

    A newer generation in the record counts only once an order to open the mailbox has arrived here: until then the
    barrier stands, and the guard says the same as the barrier.
    """
    mailboxes = dict(record.mailboxes)
    for entry in entries:
        known = mailboxes.get(entry.mailbox, MailboxState("active", 0))
        opening = entry.opening
        if opening is not None:
            if known.generation < opening.generation:
                # The order is here before the record was read again; the release's status follows in a moment.
                status: Status = "probation" if opening.kind == "release" else "active"
                confirmed = opening.kind == "dismiss"
                mailboxes[entry.mailbox] = MailboxState(status, opening.generation, None, opening.started_at, confirmed)
        elif entry.status in ("suspended", "restricted"):
            newer = known.generation > entry.generation
            weaker = _STRENGTH[known.status] < _STRENGTH[entry.status]
            if newer or weaker:
                mailboxes[entry.mailbox] = MailboxState(entry.status, entry.generation, entry.limit, entry.since)
    return msgspec.structs.replace(record, mailboxes=mailboxes)


class StateWriter:
    """Writes the file when its content changes."""

    def __init__(self, path: Path, last: StateFile | None) -> None:
        self._path = path
        self._last = last

    def write(self, record: StateFile, entries: Iterable[Entry], now: float) -> bool:
        """Writes what has changed; whether it had to. An OSError is the caller's alarm."""
        state = msgspec.structs.replace(overlay(record, entries), written_at=0.0)
        if self._last is not None and state == msgspec.structs.replace(self._last, written_at=0.0):
            return False
        state = msgspec.structs.replace(state, written_at=now)
        write_state(self._path, state)
        self._last = state
        return True
