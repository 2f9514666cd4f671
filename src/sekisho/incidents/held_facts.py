"""The held mail of an incident or a domain as plain data: what `--json` prints and the panel shows."""

from __future__ import annotations

from collections.abc import Iterable

from sekisho.incidents import held_mail, held_orders
from sekisho.incidents.held_mail import Facts
from sekisho.incidents.models import HeldMessage, Incident, Order
from sekisho.incidents.orders import HELD_KINDS

# Messages listed one by one; the totals count all of them.
MOST_LISTED = 500


def order_facts(order: Order) -> Facts:
    """An order about held mail: what, by whom, of how many messages, and until when it can be taken back."""
    return {
        "kind": order.kind,
        "host": order.host,
        "state": order.state,
        "messages": len(order.details.get("queue_ids", ())),
        "by": order.actor,
        "ordered_at": order.created_at,
        # A deletion that nobody has begun can be taken back until then.
        "undo_until": order.not_before if order.state == "open" else None,
    }


def waiting_orders(incident: Incident) -> list[Facts]:
    """What has been ordered and is not done: waiting, begun or failed."""
    orders = incident.orders.filter(kind__in=HELD_KINDS, state__in=[*held_orders.WAITING, "failed"])
    return [order_facts(order) for order in orders.order_by("id")]


def incident_queue(incident: Incident, *, addresses: bool) -> Facts:
    """The held mail of one incident, those on hold first; with addresses only for the operator."""
    rows = HeldMessage.objects.filter(incident=incident).select_related("order")
    held = rows.filter(state="held").order_by("arrived_at", "id")[:MOST_LISTED]
    others = rows.exclude(state="held").order_by("-at", "id")[: MOST_LISTED - len(held)]
    return {
        "incident": incident.pk,
        "mailbox": incident.mailbox,
        **held_mail.totals(rows),
        "orders": waiting_orders(incident),
        "messages": [held_mail.message_facts(row, addresses=addresses) for row in [*held, *others]],
    }


def domain_queue(domains: Iterable[str]) -> list[Facts]:
    """Of each of these domains with mail on hold: totals, and its incidents with theirs."""
    found = held_mail.by_domain(domains)
    for facts in found:
        numbers = HeldMessage.objects.filter(state="held", incident__domain=facts["domain"]).values("incident")
        incidents = Incident.objects.filter(pk__in=numbers).order_by("-detected_at", "-id")[:MOST_LISTED]
        facts["by_incident"] = [
            {
                "incident": incident.pk,
                "mailbox": incident.mailbox,
                "phase": incident.phase,
                **held_mail.totals(HeldMessage.objects.filter(incident=incident)),
                "orders": waiting_orders(incident),
            }
            for incident in incidents
        ]
    return found
