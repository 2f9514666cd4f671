"""Orders about mail on hold of this host: deleting it, sending it on, holding it again.

Each order is an entry in a ledger of its own, numbered by the order, like a refresh: it opens and shuts nothing, and
may come months after its incident's entry was archived. The main loop calls `take_order` and `tick`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sekisho.containment import plans
from sekisho.containment.ledger import Entry, Ledger, PlanRecord, StepRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.postfix import is_queue_id
from sekisho.containment.step_runner import StepRunner
from sekisho.containment.work import Step, Tools

log = logging.getLogger(__name__)

KINDS = ("purge_held", "requeue_held", "hold_held")
# What was deleted by hand, or has left since it was sent on, is noticed within a minute; a queue of 100,000 messages is
# read in 2 s.
LOOK_S = 60.0


class HeldOrders:
    """The orders under way; killed at any instruction, the agent goes on with them."""

    def __init__(self, directory: Path, tools: Tools, finish: Callable[[int, str], None]) -> None:
        self._ledger = Ledger(directory)
        self._tools = tools
        # Reports an order as finished.
        self._finish = finish
        self._runner = StepRunner(replace(tools, ledger=self._ledger), _tell_nobody)
        self._next_look = 0.0

    def take_order(self, order: ClaimedOrder) -> None:
        """Begins it; one that is under way (claimed again after its lease) goes on as it is."""
        if self._ledger.get(order.mailbox, order.id) is not None:
            return
        if self._tools.held.find(order.mailbox, order.generation) is None:
            log.error("order %d: the ledger knows no incident of %s in this generation", order.id, order.mailbox)
            self._finish(order.id, "failed")
            return
        now = self._tools.now()
        entry = Entry(order.mailbox, order.id, "released", None, now, now, [order.mailbox], [order.mailbox])
        entry.queue_ids = [i for i in order.details.get("queue_ids") or () if isinstance(i, str) and is_queue_id(i)]
        entry.plans[order.kind] = PlanRecord(order.kind, order.generation, now, order_ids=[order.id])  # type: ignore[arg-type]
        self._ledger.save(entry)

    def tick(self) -> None:
        """Starts what is due, reports what was read back. Waits for nothing but the disk."""
        entries = self._ledger.entries()
        self._runner.dispatch(entries)
        for entry in entries:
            [plan] = entry.plans.values()
            if plans.is_complete(entry, plan) and not self._runner.is_busy(entry):
                self._finish(entry.generation, "done")
                self._ledger.forget(entry)

    def look(self) -> None:
        """Once a minute compares what the ledger says is on hold with the queue, in the pool."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_S
            self._runner.submit(lambda: self._tools.held.look(self._tools.postfix.queue))

    def entries(self) -> list[Entry]:
        """Those under way."""
        return self._ledger.entries()

    @property
    def unreadable(self) -> list[str]:
        """Files that could not be read; their orders are claimed again after the lease."""
        return self._ledger.unreadable

    def stop(self) -> None:
        """Starts nothing more."""
        self._runner.stop()


def _tell_nobody(entry: Entry, plan: PlanRecord, step: Step, record: StepRecord) -> None:
    """Every message tells its own state; the order's says the rest."""
