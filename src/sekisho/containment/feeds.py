"""Follows the guard's journal (decisions) and spool (events), each with a cursor of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from sekisho.config import Settings
from sekisho.containment.intake import Intake
from sekisho.containment.queue_pairs import QueuePairs
from sekisho.journal import (
    Follower,
    MessageSubmitted,
    QueueIdPaired,
    RecordError,
    ScriptChanged,
    parse_decision,
    parse_event,
    read_cursor,
    write_cursor,
)

log = logging.getLogger(__name__)

# Decisions taken in one tick: their ledger entries cost one fsync each, then the barrier goes up for all of them.
MOST_DECISIONS = 100
# Events in one tick: 5 ms, so that a long spool does not delay a decision.
MOST_EVENTS = 2000


class Feeds:
    """`read` is called in every tick; nothing in it waits."""

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        pairs: QueuePairs,
        intake: Intake,
        look_into: Callable[[ScriptChanged], None],
    ) -> None:
        self._journal_cursor = directory / "journal.cursor"
        self._spool_cursor = directory / "spool.cursor"
        self._journal = Follower(settings.journal_directory, read_cursor(self._journal_cursor))
        self._spool = Follower(settings.spool_directory, read_cursor(self._spool_cursor))
        self._kept_spool = self._spool.cursor
        self._pairs = pairs
        self._intake = intake
        self._look_into = look_into
        self._unreadable = 0

    def read(self) -> None:
        """Takes new decisions, then new events."""
        # Events first: a decision's message ids should be known when its queue is held.
        self._read_spool()
        self._read_journal()

    def _read_journal(self) -> None:
        before = self._journal.cursor
        try:
            for line in self._journal.read(MOST_DECISIONS):
                try:
                    self._intake.take_decision(parse_decision(line))
                except RecordError as error:
                    self._unreadable += 1
                    log.error("journal: %s", error)
        except OSError:
            # The ledger could not be written: the same decisions come again.
            self._journal.cursor = before
            raise
        if self._journal.cursor != before:
            # Only now: whatever was read is in the ledger.
            write_cursor(self._journal_cursor, self._journal.cursor)

    def _read_spool(self) -> None:
        for line in self._spool.read(MOST_EVENTS):
            try:
                event = parse_event(line)
            except RecordError:
                # A newer guard may spool what we do not know.
                continue
            if isinstance(event, MessageSubmitted | QueueIdPaired):
                self._pairs.note(event)
            elif isinstance(event, ScriptChanged) and event.change == "filter":
                self._look_into(event)

    def keep_cursors(self) -> None:
        """Keeps the spool's place; losing a second of it makes a finding come twice, which the guard ignores."""
        if self._spool.cursor != self._kept_spool:
            write_cursor(self._spool_cursor, self._spool.cursor)
            self._kept_spool = self._spool.cursor

    def trouble(self) -> str:
        """What went wrong with the journal since the start, in words; "" for nothing."""
        bad = self._journal.bad_lines + self._unreadable
        if self._journal.lost_segments:
            return f"{self._journal.lost_segments} segments of the journal were deleted before they were read"
        return f"{bad} records of the journal could not be read" if bad else ""
