"""The guard's two pens: decisions, durable before they count, and events, in batches and bounded.

A disk can refuse (full) or hang. Neither may let a hijacker send or keep honest mail waiting: a decision waits 200 ms
at most for its fsync, then it counts in memory all the same, an alarm goes up and the writer tries again until the
disk has it (DESIGN §9: decided from memory). Both pens are threads, so the answering loop never waits for a write.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path

import msgspec

from sekisho.journal import AppendLog, DecisionRecord, Event, RecordError, format_record
from sekisho.journal.failpoint import failpoint

log = logging.getLogger("sekisho.guard")

# An fsync takes 1 to 20 ms on disks that work; the guard must answer within 300 ms.
FSYNC_WAIT_SECONDS = 0.2
RETRY_SECONDS = 1.0
# A decision is about 2 KB: 256 MiB keeps the last hundred thousand of them for readers that were away.
JOURNAL_BYTES = 256 * 1024 * 1024
SPOOL_BYTES = 64 * 1024 * 1024
# Events that may wait in memory while the disk hangs; the oldest go first, and are counted.
SPOOL_PENDING = 50_000
# Agent and worker poll their logs every 0.2 s or more; half of it adds little to what they see.
SPOOL_FLUSH_SECONDS = 0.1


class _Waiting:
    """A decision on its way to disk; `tried` is set at the first outcome, good or bad."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        self.tried = threading.Event()
        self.written = False


class DecisionJournal:
    """Writes decisions with fsync from a thread of its own; `record` says whether the disk had it in time."""

    def __init__(self, directory: Path, wait: float = FSYNC_WAIT_SECONDS, retry: float = RETRY_SECONDS) -> None:
        self._directory = directory
        self._wait = wait
        self._retry = retry
        self._log: AppendLog | None = None
        self._pending: deque[_Waiting] = deque()
        self._work = threading.Event()
        self._stopping = False
        self._refusal = ""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def record(self, decision: DecisionRecord) -> bool:
        """True when the decision is on disk; False when it is not yet (it is being retried, and alarmed)."""
        line = _line_of(decision)
        if not line:
            return False
        behind = bool(self._pending)
        waiting = _Waiting(line)
        self._pending.append(waiting)
        self._work.set()
        # Robustness: with others waiting already the disk is in trouble, and each answer must still come in time.
        if not behind and waiting.tried.wait(self._wait) and waiting.written:
            return True
        log.error("decision %s counts in memory, the journal has not taken it yet: %s", decision.id, self.alarm)
        return False

    @property
    def unwritten(self) -> int:
        """Decisions that count in memory only."""
        return len(self._pending)

    @property
    def alarm(self) -> str:
        """Why decisions are not on disk yet; empty when all of them are."""
        return (self._refusal or "the journal's disk does not answer") if self._pending else ""

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            while self._pending:
                if self._write_first():
                    continue
                if self._stopping:
                    return
                self._work.wait(self._retry)
                self._work.clear()
            if self._stopping:
                return

    def _write_first(self) -> bool:
        first = self._pending[0]
        failpoint("guard.before_journal")
        try:
            if self._log is None:
                self._log = AppendLog(self._directory, fsync=True, max_total_bytes=JOURNAL_BYTES)
            self._log.append(first.line)
        except OSError as error:
            self._refusal = f"the journal cannot be written: {error.strerror}"
            first.tried.set()
            return False
        failpoint("guard.journal.after_append")
        self._refusal = ""
        self._pending.popleft()
        first.written = True
        first.tried.set()
        return True

    def close(self) -> None:
        """Writes what waits, tries once more where the disk refused, and ends."""
        self._stopping = True
        self._work.set()
        self._thread.join(timeout=5.0)


def _line_of(decision: DecisionRecord) -> bytes:
    """The decision's record; without its findings if those cannot be written, empty if nothing can be (our bug)."""
    for attempt in (decision, msgspec.structs.replace(decision, score=0.0, indicators=())):
        try:
            return format_record(attempt)
        except RecordError:
            log.exception("decision %s about %s cannot be written as it is", decision.id, ascii(decision.mailbox))
    return b""


class Spool:
    """Collects events and appends them in batches; when memory or disk is full the oldest are dropped and counted."""

    def __init__(self, directory: Path, flush_every: float = SPOOL_FLUSH_SECONDS) -> None:
        self._directory = directory
        self._flush_every = flush_every
        self._log: AppendLog | None = None
        self._pending: deque[Event] = deque(maxlen=SPOOL_PENDING)
        self._stop = threading.Event()
        self.dropped = 0
        self.alarm = ""
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Takes an event; it is on its way to disk within 0.1 s."""
        if len(self._pending) == SPOOL_PENDING:
            self.dropped += 1
        self._pending.append(event)

    def _run(self) -> None:
        while not self._stop.wait(self._flush_every):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Appends what was collected; an event the disk refuses is tried again at the next flush."""
        while self._pending and self._append_batch():
            pass

    def _append_batch(self) -> bool:
        batch: list[Event] = []
        lines: list[bytes] = []
        # Formatted and written a thousand at a time, so that the answering loop gets its turns in between.
        while self._pending and len(batch) < 1000:
            event = self._pending.popleft()
            try:
                lines.append(format_record(event))
            except RecordError:
                log.exception("an event cannot be written")
                self.dropped += 1
                continue
            batch.append(event)
        try:
            if self._log is None:
                self._log = AppendLog(self._directory, fsync=False, max_total_bytes=SPOOL_BYTES)
            self._log.append(*lines)
        except OSError as error:
            self.alarm = f"the spool cannot be written: {error.strerror}"
            self._pending.extendleft(reversed(batch))
            return False
        self.alarm = ""
        return True

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5.0)
