"""Turns what arrives (decisions of the journal, orders, the record) into ledger entries and plans. Runs no step.

Direction of trust: a decision of the journal or an order may shut; only an order of a newer generation opens. The
record may add what the ledger lacks, never take away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Literal

from sekisho.containment import rescue
from sekisho.containment.ledger import Entry, Ledger, PlanRecord, StepRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.postfix import is_queue_id
from sekisho.containment.site_names import SiteNames
from sekisho.journal import DecisionRecord, StateFile

log = logging.getLogger(__name__)

# Queue ids of one mailbox worth remembering; a hijacker's mail beyond this is found through its queue files.
MOST_QUEUE_IDS = 20_000

PlanKind = Literal["contain", "restrict", "release", "dismiss"]


class Intake:
    """The only writer of new entries and plans; the main loop calls it."""

    def __init__(
        self, ledger: Ledger, names: SiteNames, now: Callable[[], float], finish: Callable[[int, str], None]
    ) -> None:
        self._ledger = ledger
        self._names = names
        self._now = now
        # Reports an order that needs no plan (any more) as finished.
        self._finish = finish

    # --- shutting

    def take_decision(self, decision: DecisionRecord) -> None:
        """Shuts what the guard decided to shut; a record read twice changes nothing."""
        if not decision.enforced or decision.action == "alert":
            return
        if self._ledger.is_history(decision.mailbox, decision.generation):
            log.info("decision %s is history: %s was opened since", decision.id, decision.mailbox)
            return
        self._shut(
            decision.mailbox,
            decision.generation,
            suspended=decision.action == "suspend",
            limit=decision.limit,
            since=decision.t,
            hold_since=decision.first_risk_at or decision.t,
            queue_ids=decision.queue_ids,
            origin=decision.id,
        )

    def _shut(
        self,
        mailbox: str,
        generation: int,
        *,
        suspended: bool,
        limit: int | None,
        since: float,
        hold_since: float,
        queue_ids: Iterable[str] = (),
        origin: str,
        order_id: int | None = None,
    ) -> None:
        with self._ledger.lock:
            entry = self._ledger.get(mailbox, generation)
            if entry is None or entry.opening is not None:
                names = self._names.forms_of(mailbox)
                entry = Entry(mailbox, generation, "restricted", limit, since, hold_since, names, list(names))
            elif origin in entry.origins and self._ledger.is_saved(entry):
                return
            if origin not in entry.origins:
                entry.origins.append(origin)
            self._widen_hold(entry, hold_since, queue_ids)
            self._tighten(entry, suspended, limit)
            plan = entry.plans["contain" if entry.status == "suspended" else "restrict"]
            if order_id is not None and order_id not in plan.order_ids:
                plan.order_ids.append(order_id)
            self._ledger.save(entry)

    def _widen_hold(self, entry: Entry, hold_since: float, queue_ids: Iterable[str]) -> None:
        known = set(entry.queue_ids)
        fresh = [i for i in queue_ids if is_queue_id(i) and i not in known]
        if not fresh and hold_since >= entry.hold_since:
            return
        entry.hold_since = min(entry.hold_since, hold_since)
        entry.queue_ids = (entry.queue_ids + fresh)[-MOST_QUEUE_IDS:]
        for plan in entry.plans.values():
            _begin_again(plan, "hold_queue")

    def _tighten(self, entry: Entry, suspended: bool, limit: int | None) -> None:
        """The stricter of what stands and what is asked; a plan for it, begun once."""
        if _is_tighter(limit, entry):
            entry.limit = limit
            if restrict := entry.plans.get("restrict"):
                _begin_again(restrict, "raise_barrier")
        if suspended and entry.status != "suspended":
            entry.status = "suspended"
            self._supersede(entry, ("restrict",))
        kind: PlanKind = "contain" if entry.status == "suspended" else "restrict"
        if kind not in entry.plans:
            entry.plans[kind] = PlanRecord(kind, entry.generation, self._now())

    def _supersede(self, entry: Entry, kinds: Iterable[str]) -> None:
        for kind in kinds:
            plan = entry.plans.get(kind)
            if plan is not None and not plan.superseded:
                plan.superseded = True
                for order_id in set(plan.order_ids) - set(plan.finished_orders):
                    self._finish(order_id, "done")

    # --- orders

    def take_order(self, order: ClaimedOrder) -> None:
        """Attaches an order to the plan it asks for, which may have been under way for long."""
        if order.kind in ("contain", "restrict"):
            self._take_shutting_order(order)
        elif order.kind in ("release", "dismiss"):
            self._take_opening_order(order)
        elif order.kind in rescue.KINDS:
            rescue.take_order(self._ledger, order, self._now, self._finish)
        else:
            log.error("order %d is of an unknown kind: %s", order.id, order.kind[:20])
            self._finish(order.id, "failed")

    def _take_shutting_order(self, order: ClaimedOrder) -> None:
        entry = self._ledger.get(order.mailbox, order.generation)
        details: dict[str, Any] = order.details
        limit = details["limit"] if isinstance(details.get("limit"), int) else None
        if entry is not None and self._attach(entry, order) and not _is_tighter(limit, entry):
            return
        self._shut(
            order.mailbox,
            order.generation,
            suspended=order.kind == "contain",
            limit=limit,
            since=order.created_at,
            hold_since=float(details.get("hold_since") or order.created_at),
            queue_ids=[i for i in details.get("queue_ids") or () if isinstance(i, str)],
            # A restriction that is made tighter comes as the same order, opened again.
            origin=f"order {order.id}" if limit is None else f"order {order.id} limit {limit}",
            order_id=order.id,
        )

    def _attach(self, entry: Entry, order: ClaimedOrder) -> bool:
        """Whether this order is known: claimed again after its lease, or after the agent was killed."""
        with self._ledger.lock:
            for plan in entry.plans.values():
                if order.id in plan.order_ids:
                    # Reported as finished while the database was away, perhaps: it is told again.
                    plan.finished_orders = [i for i in plan.finished_orders if i != order.id]
                    if plan.superseded:
                        self._finish(order.id, "done")
                    self._ledger.save(entry)
                    return True
        return False

    def _take_opening_order(self, order: ClaimedOrder) -> None:
        kind: PlanKind = "release" if order.kind == "release" else "dismiss"
        with self._ledger.lock:
            of_mailbox = list(self._ledger.of_mailbox(order.mailbox))
            if any(entry.is_shut and entry.generation >= order.generation for entry in of_mailbox):
                log.info("order %d is overtaken: %s is shut in a newer generation", order.id, order.mailbox)
                self._finish(order.id, "done")
                return
            older = [entry for entry in of_mailbox if entry.generation < order.generation]
            if not older:
                older = [self._entry_without_memory(order)]
            for entry in older[:-1]:
                self._open(entry, kind, order.generation, None)
            self._open(older[-1], kind, order.generation, order)

    def _entry_without_memory(self, order: ClaimedOrder) -> Entry:
        """An entry for a mailbox the ledger knows nothing of (it was lost): opening runs on names and record alone."""
        names = self._names.forms_of(order.mailbox)
        entry = Entry(order.mailbox, order.generation - 1, "released", None, order.created_at, 0.0, names, list(names))
        entry.former_active = order.former_active
        return entry

    def _open(self, entry: Entry, kind: PlanKind, generation: int, order: ClaimedOrder | None) -> None:
        if order is not None and self._attach(entry, order):
            return
        if entry.former_active is None and order is not None:
            entry.former_active = order.former_active
        if order is not None:
            entry.sent_ids, entry.sent_message_ids = _words(order, "sent_ids"), _words(order, "sent_message_ids")
        self._supersede(entry, ("contain", "restrict", *rescue.KINDS))
        plan = entry.plans.setdefault(kind, PlanRecord(kind, generation, self._now()))
        plan.generation = max(plan.generation, generation)
        if order is not None:
            entry.origins.append(f"order {order.id}")
            plan.order_ids.append(order.id)
        self._ledger.save(entry)

    # --- names and record

    def learn_names(self) -> bool:
        """Adds names the site has got since to every shut entry; whether there were any."""
        learnt = False
        with self._ledger.lock:
            for entry in self._ledger.shut_entries():
                fresh = [name for name in self._names.forms_of(entry.mailbox) if name not in entry.addresses]
                if fresh:
                    entry.addresses += fresh
                    entry.login_names += [name for name in fresh if name not in entry.login_names]
                    for plan in entry.plans.values():
                        _begin_again(plan, "raise_barrier")
                    self._ledger.save(entry)
                    learnt = True
        return learnt

    def take_record(self, state: StateFile) -> None:
        """Shuts what the record says is shut and the ledger does not know of (lost, or decided on another host)."""
        for mailbox, known in state.mailboxes.items():
            if known.status not in ("suspended", "restricted"):
                continue
            entry = self._ledger.get(mailbox, known.generation)
            suspended = known.status == "suspended"
            stands = entry is not None and entry.opening is None and (entry.status == "suspended" or not suspended)
            if entry is not None and stands and not _is_tighter(known.limit, entry):
                continue
            log.warning("the record says %s is %s; the ledger follows", mailbox, known.status)
            self._shut(
                mailbox,
                known.generation,
                suspended=suspended,
                limit=known.limit,
                since=known.since,
                hold_since=known.since,
                origin=f"record {known.since:.0f} {known.status}",
            )

    def contradictions(self, state: StateFile, older_than: float) -> list[str]:
        """Mailboxes the ledger holds shut without the record's consent and without an order to open them."""
        found = []
        for entry in self._ledger.shut_entries():
            known = state.mailboxes.get(entry.mailbox)
            agrees = known is not None and known.status in ("suspended", "restricted")
            if not agrees and entry.opening is None and entry.since < older_than:
                found.append(entry.mailbox)
        return found


def _is_tighter(limit: int | None, entry: Entry) -> bool:
    """Whether this limit allows a restricted mailbox less than it has now."""
    return entry.status == "restricted" and limit is not None and (entry.limit is None or limit < entry.limit)


def _begin_again(plan: PlanRecord, step: str) -> None:
    if step in plan.steps:
        plan.steps[step] = StepRecord()


def _words(order: ClaimedOrder, name: str) -> list[str]:
    found = order.details.get(name)
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []
