"""The thread that talks to the databases, so that containment never waits for them.

It claims orders, writes step rows, fetches the state, answers the questions of steps. Everything
between it and the main loop is a bounded queue or a dictionary of latest values. With a database locked, gone or
frozen it alone stands still; what it could not write it writes later.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sekisho.containment.messages import AppPasswordsRead, ClaimedOrder, HeldRow, InboundRow, StepRow
from sekisho.containment.work import StepFailed
from sekisho.journal import StateFile

if TYPE_CHECKING:
    from sekisho.containment.record_keeping import Records

log = logging.getLogger(__name__)
T = TypeVar("T")

# A new order is claimed within this time.
PASS_S = 0.2
# While a database does not answer it is asked again after this.
AWAY_S = 1.0
# How often the whole state is fetched; longer where that takes long (20 times its duration).
STATE_S = 2.0
BEAT_S = 5.0
# A third of the orders' lease of 60 s.
RENEW_S = 20.0
# A step waits so long for an answer about `mailbox.active`: one lock timeout of the database (2 s) and a pass.
ANSWER_S = 4.0
# Step rows waiting to be written; beyond this the oldest is dropped (the ledger still has it).
MOST_ROWS = 100_000
# Messages of incidents written in one transaction: a statement or two each, 0.1 s of SQLite's write lock.
HELD_A_BATCH = 100
# A row whose incident is not recorded yet comes again after this.
UNRECORDED_S = 1.0


class Fetched(NamedTuple):
    """The state as the record has it, the domains hosted here, the app passwords in force, and what domains want of
    inbound warnings."""

    state: StateFile
    domains: frozenset[str]
    app_passwords: AppPasswordsRead | None = None
    inbound: tuple[InboundRow, ...] | None = None


class DatabaseLink(threading.Thread):
    """Start it once; everything it learns arrives in `inbox`."""

    def __init__(self, host: str) -> None:
        super().__init__(name="database", daemon=True)
        self._host = host
        # ClaimedOrder or Fetched, in the order of their reading.
        self.inbox: queue.SimpleQueue[ClaimedOrder | Fetched] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._rows: dict[tuple[str, int, str, str], tuple[float, StepRow]] = {}
        self._held: dict[tuple[str, int, str], tuple[float, HeldRow]] = {}
        self._finished: dict[int, str] = {}
        # What `mailbox.active` was before we wrote it, still to be noted in the record.
        self._former: dict[str, bool | None] = {}
        self._facts: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        # Since when a database does not answer (epoch seconds); None while it does.
        self.away_since: float | None = None
        self._next: dict[str, float] = {}

    # --- called by the main loop and the steps

    def record(self, row: StepRow) -> None:
        """Writes this row when the database can take it; a later outcome of the same step replaces it."""
        with self._lock:
            if len(self._rows) >= MOST_ROWS:
                self._rows.pop(next(iter(self._rows)))
            self._rows[row.mailbox, row.generation, row.plan, row.name] = (0.0, row)
        self._wake.set()

    def record_held(self, row: HeldRow) -> None:
        """Writes how a message of an incident stands when the database can take it; the latest word counts."""
        with self._lock:
            if len(self._held) >= MOST_ROWS:
                self._held.pop(next(iter(self._held)))
            self._held[row.mailbox, row.generation, row.queue_id] = (0.0, row)
        self._wake.set()

    def finish(self, order_id: int, state: str) -> None:
        with self._lock:
            self._finished[order_id] = state
        self._wake.set()

    def set_facts(self, process: str, at: float, facts: dict[str, Any]) -> None:
        """What the next heartbeat says about a process of this host, and when that was true."""
        with self._lock:
            self._facts[process] = (at, facts)

    def fetch_soon(self) -> None:
        """Asks for the state now instead of in its turn."""
        self._next["state"] = 0.0
        self._wake.set()

    def read_active(self, mailbox: str) -> bool | None:
        from sekisho.containment import record_keeping

        return self._ask(lambda: record_keeping.read_active(mailbox))

    def write_active(self, mailbox: str, active: bool) -> None:
        from sekisho.containment import record_keeping

        self._ask(lambda: record_keeping.write_active(mailbox, active))
        with self._lock:
            self._former[mailbox] = None if active else True

    def password_marks(self, mailboxes: Sequence[str]) -> dict[str, str]:
        from sekisho.containment import record_keeping

        return self._ask(lambda: record_keeping.password_marks(mailboxes))

    def about_planted(self, question: Callable[[Any], Any]) -> Any:
        """The answer of `question` to the module `incidents.planted`; raises StepFailed like the others."""

        def ask() -> Any:
            from sekisho.incidents import planted

            return question(planted)

        return self._ask(ask)

    def app_passwords(self) -> AppPasswordsRead:
        from sekisho.containment import record_keeping

        return self._ask(record_keeping.read_app_passwords)

    def _ask(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        self._questions.put((question, answer))
        self._wake.set()
        try:
            return answer.result(ANSWER_S)
        except FutureTimeout as error:
            answer.cancel()
            raise StepFailed("the database does not answer") from error

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    # --- the thread

    def run(self) -> None:
        from sekisho.directory.start import start_django

        start_django()
        from sekisho.containment.record_keeping import Records, drop_connections
        from sekisho.incidents import audit

        audit.enter_by("agent")

        records = Records(self._host)
        while not self._stopping:
            self._wake.wait(PASS_S)
            self._wake.clear()
            if self.away_since is not None and not self._due("away", AWAY_S):
                self._answer_all()
                continue
            try:
                self._pass(records)
                self._is_back()
            except Exception as error:
                # Robustness: whatever a database does to us, this thread comes back; a bug shows in the log.
                self._is_away(error)
                drop_connections()

    def _due(self, name: str, interval: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(name, 0.0):
            return False
        self._next[name] = now + interval
        return True

    def _is_away(self, error: Exception) -> None:
        if self.away_since is None:
            self.away_since = time.time()
            log.warning("database: no answer, going on without it: %s", error, exc_info=not _is_database_error(error))

    def _is_back(self) -> None:
        if self.away_since is not None:
            log.info("database: answers again after %.1f s", time.time() - self.away_since)
            self.away_since = None

    def _pass(self, records: Records) -> None:
        from sekisho.containment.record_keeping import read_app_passwords, read_inbound

        self._answer_all()
        claimed = records.claim()
        for order in claimed:
            self.inbox.put(order)
        if claimed:
            self._next["state"] = 0.0
        if self._due("state", STATE_S):
            began = time.monotonic()
            self.inbox.put(Fetched(*records.state(), read_app_passwords(), read_inbound()))
            took = time.monotonic() - began
            self._next["state"] = max(self._next["state"], time.monotonic() + 20 * took)
        # An order is finished after what was told before it was done.
        with self._lock:
            finished = dict(self._finished)
        self._write_rows(records)
        self._write_held(records)
        self._finish_orders(records, finished)
        self._note_former()
        if self._due("renew", RENEW_S):
            records.renew()
        if self._due("beat", BEAT_S):
            self._beat(records)

    def _beat(self, records: Records) -> None:
        with self._lock:
            facts = dict(self._facts)
        for process, (at, of_process) in facts.items():
            records.beat(process, at, of_process)

    def _answer_all(self) -> None:
        while True:
            try:
                question, answer = self._questions.get_nowait()
            except queue.Empty:
                return
            if not answer.set_running_or_notify_cancel():
                continue
            try:
                answer.set_result(question())
            except Exception as error:
                log.warning("database: a question of a step failed: %s", error)
                failure = StepFailed("the database does not answer")
                failure.__cause__ = error
                answer.set_exception(failure)

    def _write_rows(self, records: Records) -> None:
        now = time.monotonic()
        with self._lock:
            due = [(key, row) for key, (at, row) in self._rows.items() if at <= now]
        for key, row in due:
            written = records.record_step(row)
            with self._lock:
                # A newer outcome may have come meanwhile; then this one does not matter.
                if self._rows.get(key, (0, None))[1] is not row:
                    continue
                if written:
                    del self._rows[key]
                else:
                    self._rows[key] = (now + UNRECORDED_S, row)
            self._answer_all()

    def _write_held(self, records: Records) -> None:
        now = time.monotonic()
        with self._lock:
            due = [row for at, row in self._held.values() if at <= now]
        for start in range(0, len(due), HELD_A_BATCH):
            batch = due[start : start + HELD_A_BATCH]
            unrecorded = records.record_held(batch)
            with self._lock:
                for row in batch:
                    key = row.mailbox, row.generation, row.queue_id
                    if self._held.get(key, (0, None))[1] is not row:
                        continue
                    if row in unrecorded:
                        self._held[key] = (now + UNRECORDED_S, row)
                    else:
                        del self._held[key]
            self._answer_all()

    def _note_former(self) -> None:
        from sekisho.containment.record_keeping import note_former_active

        with self._lock:
            former = dict(self._former)
        for mailbox, active in former.items():
            note_former_active(mailbox, active)
            with self._lock:
                self._former.pop(mailbox, None)

    def _finish_orders(self, records: Records, finished: dict[int, str]) -> None:
        for order_id, state in finished.items():
            records.finish(order_id, state)
            with self._lock:
                self._finished.pop(order_id, None)


def _is_database_error(error: Exception) -> bool:
    from django.db import Error

    return isinstance(error, Error)
