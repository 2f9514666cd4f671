"""Runs steps in a small pool: several mailboxes at a time, one step at a time per mailbox."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from sekisho.containment import plans
from sekisho.containment.barrier_keeper import OnStep
from sekisho.containment.ledger import Entry
from sekisho.containment.work import Tools

log = logging.getLogger(__name__)

# Steps mostly wait for a neighbour (a refused probe: 2 s); more at a time only crowd the processors.
PARALLEL = 8
# Raised for all mailboxes together by the main loop.
_ELSEWHERE = frozenset({"raise_barrier"})
# Odd jobs (scripts to look into) waiting at most; a flood of script changes is not worth more.
MOST_JOBS = 500


class StepRunner:
    """The pool. `dispatch` never waits."""

    def __init__(self, tools: Tools, on_step: OnStep) -> None:
        self._tools = tools
        self._on_step = on_step
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="step")
        self._busy: set[tuple[str, int]] = set()
        self._jobs = 0
        self._lock = threading.Lock()
        self._stopping = False

    def dispatch(self, entries: Iterable[Entry]) -> None:
        """Starts work on every entry that has a step due and is not being worked on."""
        now = self._tools.now()
        for entry in entries:
            key = (entry.mailbox, entry.generation)
            with self._lock:
                if key in self._busy:
                    continue
                if plans.next_step(entry, now, _ELSEWHERE) is None:
                    continue
                self._busy.add(key)
            self._pool.submit(self._work_on, entry)

    def _work_on(self, entry: Entry) -> None:
        try:
            while not self._stopping and (due := plans.next_step(entry, self._tools.now(), _ELSEWHERE)):
                plan, step = due
                self._on_step(entry, plan, step, plans.run_step(self._tools, entry, plan, step))
        except Exception:
            # The disk refused the ledger, or a bug: the main loop will dispatch this entry again.
            log.exception("work on %s", entry.mailbox)
            self._tools.sleep(1.0)
        finally:
            with self._lock:
                self._busy.discard((entry.mailbox, entry.generation))

    def is_busy(self, entry: Entry) -> bool:
        with self._lock:
            return (entry.mailbox, entry.generation) in self._busy

    def submit(self, job: Callable[[], object]) -> bool:
        """Runs an odd job in the pool; False when too many are waiting."""
        with self._lock:
            if self._jobs >= MOST_JOBS:
                return False
            self._jobs += 1
        self._pool.submit(self._odd_job, job)
        return True

    def _odd_job(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            log.exception("job in the background")
        finally:
            with self._lock:
                self._jobs -= 1

    def stop(self) -> None:
        """Starts nothing more; what runs is ended by `commands.end_all`."""
        self._stopping = True
        self._pool.shutdown(wait=False, cancel_futures=True)
