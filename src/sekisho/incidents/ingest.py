"""Journal and spool into rows: each record once, in order, wherever the worker is killed.

The place read so far (ReadPosition) moves in the same transaction as the rows, so a batch is either wholly there or
read again. A record that cannot be taken is set aside with one log line, and the next one is taken: one bad record
must not stop the loop. A database that is locked or gone is no fault of the record: the batch waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.db import Error, InterfaceError, OperationalError, transaction

from sekisho.config import Settings
from sekisho.incidents.decisions import record_detection
from sekisho.incidents.events import EventBatch
from sekisho.incidents.models import ReadPosition
from sekisho.incidents.sent_mail import SentMail
from sekisho.journal import Cursor, Follower, RecordError, format_record, parse_decision, parse_event
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

# A batch holds SQLite's write lock, and others wait 2 s for it at most: a decision writes a dozen rows (5 ms), an event
# one or none (below 1 ms; on a busy machine 2 to 4, so that 150 of them take half a second).
DECISIONS_A_BATCH = 50
EVENTS_A_BATCH = 150
# Records set aside are kept for a person to look at; a flood of them is not worth a disk.
REJECTED_FILE_BYTES = 8 * 1024 * 1024


def _take_decision(line: bytes) -> None:
    record_detection(parse_decision(line))


class Intake:
    """One host's journal and spool, followed by the worker."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._rejected = Path(settings.var) / "worker" / "rejected"
        self._rejected.parent.mkdir(parents=True, exist_ok=True)
        self._journal = self._follow("journal", settings.journal_directory)
        self._spool = self._follow("spool", settings.spool_directory)
        # Records set aside since this worker started, for its heartbeat.
        self.rejected = 0

    def _follow(self, name: str, directory: Path) -> Follower:
        row = ReadPosition.objects.filter(name=f"{name}@{self._host}").first()
        cursor = Cursor(row.segment, row.offset) if row else Cursor(0, 0)
        return Follower(directory, cursor)

    def behind(self) -> dict[str, int]:
        """Bytes of journal and spool that are not in the database yet."""
        return {"journal": self._journal.behind(), "spool": self._spool.behind()}

    def take(self) -> int:
        """Takes what is new, decisions before events; how many records were read (0: all has been read).

        Raises OperationalError or InterfaceError while the database is away; then nothing was taken from the batch.
        """
        read = self._take_batch("journal", self._journal, DECISIONS_A_BATCH, self._take_decisions)
        if read:
            # Mail that waits belongs to an incident: all decisions first.
            return read
        return self._take_batch("spool", self._spool, EVENTS_A_BATCH, self._take_events)

    def _take_batch(self, name: str, follower: Follower, limit: int, take: Callable[[list[bytes]], None]) -> int:
        before = follower.cursor
        lines = follower.read(limit)
        if follower.cursor == before:
            return 0
        try:
            with transaction.atomic(using="default"):
                take(lines)
                self._keep_position(name, follower.cursor)
                failpoint("worker.ingest.before_commit")
        except (Error, OSError):
            follower.cursor = before
            raise
        failpoint("worker.ingest.after_commit")
        return len(lines)

    def _keep_position(self, name: str, cursor: Cursor) -> None:
        ReadPosition.objects.update_or_create(
            name=f"{name}@{self._host}", defaults={"segment": cursor.segment, "offset": cursor.offset}
        )

    def _take_decisions(self, lines: list[bytes]) -> None:
        for line in lines:
            self._guarded(line, partial(_take_decision, line))

    def _take_events(self, lines: list[bytes]) -> None:
        batch = EventBatch()
        for line in lines:
            self._take_event(batch, line)
        self._write_sent(batch.sent)
        for event, write in batch.sums():
            self._guarded(format_record(event), write)

    def _take_event(self, batch: EventBatch, line: bytes) -> None:
        try:
            event = parse_event(line)
        except RecordError as error:
            self._set_aside(line, f"no record: {error}")
            return
        if batch.only_collects(event):
            batch.add(event)
        else:
            self._guarded(line, partial(batch.add, event))

    def _write_sent(self, sent: SentMail) -> None:
        """All messages of a batch in one go; where one of them cannot be written, each by itself."""
        try:
            with transaction.atomic(using="default"):
                sent.write()
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.warning("messages are written one by one: %s: %s", type(error).__name__, ascii(str(error))[:200])
            for event, write in sent.singly():
                self._guarded(format_record(event), write)

    def _guarded(self, line: bytes, take: Callable[[], object]) -> None:
        """Takes one record in a savepoint of its own; one that cannot be taken is set aside."""
        try:
            with transaction.atomic(using="default"):
                take()
        except (OperationalError, InterfaceError):
            raise
        except RecordError as error:
            self._set_aside(line, f"no record: {error}")
        except Exception as error:
            log.exception("a record cannot be taken")
            self._set_aside(line, f"{type(error).__name__}: {error}")

    def _set_aside(self, line: bytes, why: str) -> None:
        self.rejected += 1
        log.warning("set aside in %s: %s", self._rejected, why[:300])
        if self._rejected.exists() and self._rejected.stat().st_size > REJECTED_FILE_BYTES:
            return
        with self._rejected.open("ab") as file:
            file.write(line[:8192] + b"\n")
