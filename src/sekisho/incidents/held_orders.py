"""What people do with mail on hold: delete it after ten minutes of grace, send it on, hold again what was sent on.

Each is an order for the host that has the messages, naming exactly those the person saw; the agent touches none that
its own ledger does not hold for that incident. Until an order is claimed it can be taken back by compare-and-set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sekisho.incidents.changes import NotAllowed, Overtaken, write_audit
from sekisho.incidents.models import HeldMessage, Incident, Order
from sekisho.incidents.orders import HELD_KINDS
from sekisho.incidents.timeline import add_entry

# Deleted mail does not come back, and the owner's own may be among it: time to notice, not so long that one forgets.
PURGE_GRACE = timedelta(minutes=10)
WAITING = ("open", "claimed")
# The line of an incident's story for each kind that was carried out, and the state it leaves messages in.
LINES = {"purge_held": "mail_purged", "requeue_held": "mail_requeued", "hold_held": "mail_held_again"}
DONE_STATES = {"purge_held": ["purged"], "requeue_held": ["released", "left"], "hold_held": ["held"]}


def waiting(incident: Incident) -> QuerySet[Order]:
    """Orders about this incident's held mail that are not carried out yet, the next first."""
    return incident.orders.filter(kind__in=HELD_KINDS, state__in=WAITING).order_by("not_before", "id")


def spoken_for(orders: Iterable[Order]) -> set[tuple[str, str]]:
    """(host, queue id) of the messages that waiting orders are about."""
    return {(order.host, queue_id) for order in orders for queue_id in order.details.get("queue_ids", ())}


def purge(
    incident: Incident,
    actor: str,
    queue_ids: Collection[str] | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """Orders that held messages be deleted for good (None: all that are on hold now) when the grace is over.

    Raises NotAllowed when none of them is on hold.
    """
    return _place(incident, "purge_held", "held", actor, queue_ids, account, now, PURGE_GRACE)


def requeue(
    incident: Incident,
    actor: str,
    queue_ids: Collection[str] | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """Orders that held messages be sent on at once; raises NotAllowed when none of them is on hold."""
    return _place(incident, "requeue_held", "held", actor, queue_ids, account, now)


def hold_again(
    incident: Incident,
    actor: str,
    queue_ids: Collection[str] | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """Undoes `requeue` for what is still in our queue; raises NotAllowed when none of it is known to be."""
    return _place(incident, "hold_held", "released", actor, queue_ids, account, now)


def undo_purge(
    incident: Incident, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> int:
    """Takes back every deletion of this incident's mail whose grace is not over; how many messages stay.

    Raises NotAllowed when there is none, Overtaken when the agents have begun all of them.
    """
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        orders = list(waiting(incident).filter(kind="purge_held"))
        if not orders:
            raise NotAllowed(f"incident {incident.pk}: no deletion is waiting")
        # Claimed in this moment it is being carried out: too late.
        kept = [order for order in orders if _cancel(Order.objects.filter(pk=order.pk))]
        if not kept:
            raise Overtaken(incident.mailbox)
        count = sum(len(order.details["queue_ids"]) for order in kept)
        _note(incident, "undo_purge", actor, count, at, account)
    return count


def cancel_all(incident: Incident) -> int:
    """Takes back whatever nobody has begun: a dismissal decides about all held mail."""
    return _cancel(Order.objects.filter(incident=incident, kind__in=HELD_KINDS))


def _cancel(orders: QuerySet[Order]) -> int:
    return orders.filter(state="open").update(state="obsolete")


def purge_domain(
    domain: str, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> list[Order]:
    """`purge` for every incident of a domain with mail on hold that no order is about; the orders, perhaps none."""
    placed = []
    with transaction.atomic(using="default"):
        found = HeldMessage.objects.filter(state="held", incident__domain=domain)
        for number in sorted(set(found.values_list("incident", flat=True))):
            incident = Incident.objects.get(pk=number)
            try:
                placed += purge(incident, actor, account=account, now=now)
            except NotAllowed:
                continue
    return placed


def _place(
    incident: Incident,
    kind: str,
    state: str,
    actor: str,
    queue_ids: Collection[str] | None,
    account: AbstractBaseUser | None,
    now: datetime | None,
    grace: timedelta = timedelta(0),
) -> list[Order]:
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        taken = spoken_for(waiting(incident))
        by_host: dict[str, list[str]] = defaultdict(list)
        rows = HeldMessage.objects.filter(incident=incident, state=state).order_by("id")
        if queue_ids is not None:
            rows = rows.filter(queue_id__in=list(queue_ids))
        for host, queue_id in rows.values_list("host", "queue_id"):
            if (host, queue_id) not in taken:
                by_host[host].append(queue_id)
        if not by_host:
            raise NotAllowed(f"incident {incident.pk}: no such message is {state}, or one has been ordered already")
        placed = [
            Order.objects.create(
                incident=incident, mailbox=incident.mailbox, kind=kind, generation=incident.generation, host=host,
                created_at=at, not_before=at + grace if grace else None, actor=actor, details={"queue_ids": ids},
            )
            for host, ids in sorted(by_host.items())
        ]  # fmt: skip
        _note(incident, kind, actor, sum(map(len, by_host.values())), at, account)
    return placed


def _note(
    incident: Incident, verb: str, actor: str, count: int, at: datetime, account: AbstractBaseUser | None
) -> None:
    details: dict[str, object] = {"incident": incident.pk, "messages": count}
    write_audit(actor, verb, incident.mailbox, details, at=at, account=account)


def note_finished(order: Order, state: str, at: datetime) -> None:
    """The line in the incident's story when an order was carried out: how many messages, by whose word."""
    if order.kind not in HELD_KINDS or state != "done":
        return
    count = HeldMessage.objects.filter(order=order, state__in=DONE_STATES[order.kind]).count()
    details: dict[str, object] = {"count": count, "actor": order.actor, "host": order.host}
    add_entry(order.its_incident, at, LINES[order.kind], f"{order.kind}-{order.pk}", details)
