"""Keeps the barrier equal to the ledger: raises what is new in one go, looks at the files each second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from sekisho.containment import plans, steps
from sekisho.containment.barrier import BarrierError, is_plain, rows_to_lower, wanted_rows
from sekisho.containment.ledger import Entry, PlanRecord, StepRecord
from sekisho.containment.status import Alarms
from sekisho.containment.work import Step, Tools, Work
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

CHECK_S = 1.0
# All rows are read this often; longer where that takes long (20 times its duration).
THOROUGH_S = 5.0
# How long a repaired file stays an alarm, for people to see.
REPAIR_SHOWN_S = 300.0
_RAISE = "raise_barrier"

OnStep = Callable[[Entry, PlanRecord, Step, StepRecord], None]


class BarrierKeeper:
    """The main loop's side of the barrier; `lower_barrier` is a step of its own."""

    def __init__(self, tools: Tools, alarms: Alarms, on_step: OnStep) -> None:
        self._tools = tools
        self._alarms = alarms
        self._on_step = on_step
        self._next_check = 0.0
        self._next_thorough = 0.0
        self._repaired_at: dict[str, float] = {}

    def raise_due(self, entries: Iterable[Entry]) -> None:
        """Raises the barrier for every entry that waits for it: one run of postmap per file, not per mailbox."""
        now = self._tools.now()
        due = [
            (entry, plan, step)
            for entry in entries
            for plan in plans.live_plans(entry)
            for step in plans.steps_of(entry, plan)
            if step.name == _RAISE and (at := plans.due_at(plan, step)) is not None and at <= now
        ]
        if not due:
            return
        failure = self._raise(due)
        for entry, plan, step in due:
            work = Work(self._tools, entry, plan)
            outcome = failure or steps.barrier_outcome(work)
            record = plans.settle(self._tools, entry, plan, step, "failed" if failure else "done", outcome)
            self._on_step(entry, plan, step, record)
        if failure:
            # A broken file is repaired now, not at the next look.
            self._next_check = self._next_thorough = 0.0

    def _raise(self, due: list[tuple[Entry, PlanRecord, Step]]) -> str:
        """Empty when all rows stand and were read back; else what went wrong."""
        barrier = self._tools.barrier
        try:
            with barrier.lock:
                barrier.raise_rows(wanted_rows(self._tools.ledger.entries()))
                for _, plan, step in due:
                    failpoint(f"agent.{plan.kind}.{step.name}.before_verify")
                wanted = wanted_rows(self._tools.ledger.entries())
                asked = wanted_rows(entry for entry, _, _ in due)
                # What an older, stricter entry of the mailbox wants counts, not the younger one's row.
                barrier.verify({f: {k: wanted[f][k] for k in rows if k in wanted[f]} for f, rows in asked.items()})
        except BarrierError as error:
            return str(error)
        return ""

    def check(self, *, at_once: bool = False) -> None:
        """Looks whether the files are as we left them, each second; reads all rows now and then."""
        began = time.monotonic()
        if began < self._next_check and not at_once:
            return
        thorough = at_once or began >= self._next_thorough
        self._next_check = began + CHECK_S
        barrier = self._tools.barrier
        with barrier.lock:
            entries = self._tools.ledger.entries()
            opening = wanted_rows(e for e in entries if not e.is_shut)
            explained = {file: dict(rows) for file, rows in opening.items()}
            for entry in entries:
                for file, rows in rows_to_lower(entry).items():
                    explained[file].update(rows)
            try:
                found = barrier.check(wanted_rows(entries), explained, thorough=thorough)
                self._alarms.set("barrier broken", None)
            except BarrierError as error:
                self._alarms.set("barrier broken", f"barrier: {error}")
                return
        if thorough:
            took = time.monotonic() - began
            self._next_thorough = began + max(THOROUGH_S, 20 * took)
        self._tell(found.rebuilt, found.restored, found.unexplained if thorough else None)
        self._tell_inexpressible(entries)

    def _tell(self, rebuilt: list[str], restored: list[str], unexplained: list[str] | None) -> None:
        now = time.time()
        for file in rebuilt:
            self._repaired_at[f"barrier: {file} was missing, broken or replaced and has been rebuilt"] = now
        for row in restored[:10]:
            self._repaired_at[f"barrier: a row was missing and stands again ({row})"] = now
        self._repaired_at = {text: at for text, at in self._repaired_at.items() if now - at < REPAIR_SHOWN_S}
        self._alarms.replace("repaired ", {f"repaired {text}": text for text in self._repaired_at})
        if unexplained is not None:
            rows = ", ".join(unexplained[:3])
            text = f"barrier: {len(unexplained)} rows nobody can explain ({rows} …)" if unexplained else None
            self._alarms.set("unexplained rows", text)

    def _tell_inexpressible(self, entries: Iterable[Entry]) -> None:
        names = [n for e in entries if e.status == "suspended" for n in e.login_names if not is_plain(n)]
        text = f"barrier: {names[0]!r} cannot be written into its files" if names else None
        self._alarms.set("inexpressible", text)
