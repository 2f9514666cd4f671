"""Orders to forget a mailbox's old password while its doors stay open; no incident, no barrier, no status.

Each order is an entry in a ledger of its own, numbered by the order, so that a second change of password while the
first is being carried out is carried out after it. The main loop calls `take_order` and `tick`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sekisho.containment import plans
from sekisho.containment.ledger import Entry, Ledger, PlanRecord, StepRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.site_names import SiteNames
from sekisho.containment.step_runner import StepRunner
from sekisho.containment.work import Step, Tools


class Refreshes:
    """The refresh orders of this host; killed at any instruction, the agent goes on with them."""

    def __init__(self, directory: Path, tools: Tools, names: SiteNames, finish: Callable[[int, str], None]) -> None:
        self._ledger = Ledger(directory)
        self._names = names
        self._now = tools.now
        # Reports an order as finished.
        self._finish = finish
        self._runner = StepRunner(replace(tools, ledger=self._ledger), _tell_nobody)

    def take_order(self, order: ClaimedOrder) -> None:
        """Begins a refresh; one that is under way (claimed again after its lease) goes on as it is."""
        if self._ledger.get(order.mailbox, order.id) is not None:
            return
        names, now = self._names.forms_of(order.mailbox), self._now()
        entry = Entry(order.mailbox, order.id, "released", None, now, now, names, list(names))
        entry.plans["refresh"] = PlanRecord("refresh", order.id, now, order_ids=[order.id])
        self._ledger.save(entry)

    def tick(self) -> None:
        """Starts what is due, reports what was read back. Waits for nothing but the disk."""
        entries = self._ledger.entries()
        self._runner.dispatch(entries)
        for entry in entries:
            if plans.is_complete(entry, entry.plans["refresh"]) and not self._runner.is_busy(entry):
                # Killed before the database has this, the order is claimed again after its lease and done once more.
                self._finish(entry.generation, "done")
                self._ledger.forget(entry)

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
    """Step rows belong to incidents; these steps are in the log, and their order's state says the rest."""
