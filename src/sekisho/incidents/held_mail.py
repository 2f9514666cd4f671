"""Mail that incidents put on hold: what agents tell of it, and the figures and lists that people look at.

Secrecy of correspondence: subjects and contents are never read. Whoever looks after a domain sees how many messages
there are, when and how large they are, and the domains they go to; only the operator, who has the queue itself, sees
addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet, Sum

from sekisho.incidents.held_rows import HeldRow
from sekisho.incidents.models import HeldMessage, Incident

Facts = dict[str, Any]

# Domains named of one message or in a sum; the rest is a number.
MOST_DOMAINS = 20


def record(host: str, rows: Iterable[HeldRow]) -> list[HeldRow]:
    """Writes what a host's agent tells, in one transaction; the rows whose incident is not recorded yet."""
    incidents: dict[tuple[str, int], int | None] = {}
    unrecorded = []
    with transaction.atomic(using="default"):
        for row in rows:
            key = row.mailbox, row.generation
            if key not in incidents:
                found = Incident.objects.filter(mailbox=row.mailbox, generation=row.generation)
                incidents[key] = found.values_list("pk", flat=True).first()
            if (incident := incidents[key]) is None:
                unrecorded.append(row)
            else:
                _write(incident, host, row)
    return unrecorded


def _write(incident_id: int, host: str, row: HeldRow) -> None:
    values: Facts = {"state": row.state, "at": datetime.fromtimestamp(row.at, UTC)}
    if row.order_id is not None:
        values["order_id"] = row.order_id
    if row.recipients:
        # Details that are known once are not lost when the message is gone.
        values |= {
            "arrived_at": datetime.fromtimestamp(row.arrived_at, UTC),
            "sender": printable(row.sender),
            "size": row.size,
            "recipients": row.recipients,
            "addresses": [printable(address) for address in row.addresses],
        }
    HeldMessage.objects.update_or_create(
        incident_id=incident_id, host=host, queue_id=row.queue_id[:40], defaults=values
    )


def printable(text: str) -> str:
    """An address as it may reach a terminal or a page: a hijacker chose its letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:320]


# --- figures


def count_held(incident: Incident) -> int:
    """Messages on hold now."""
    return HeldMessage.objects.filter(incident=incident, state="held").count()


def totals(rows: QuerySet[HeldMessage]) -> Facts:
    """Messages by state; of those on hold their size, recipients and the times of the first and last."""
    by_state = dict(rows.values_list("state").annotate(n=Count("pk")))
    facts: Facts = {state: by_state.get(state, 0) for state in HeldMessage.STATES}
    held = rows.filter(state="held").aggregate(
        size=Sum("size"), recipients=Sum("recipients"), first_at=Min("arrived_at"), last_at=Max("arrived_at")
    )
    return {**facts, **held, "size": held["size"] or 0, "recipients": held["recipients"] or 0}


def domains_of(addresses: Iterable[str]) -> list[tuple[str, int]]:
    """The domains of addresses with their numbers, the most frequent first, MOST_DOMAINS at most."""
    return Counter(address.rpartition("@")[2].lower() for address in addresses).most_common(MOST_DOMAINS)


def message_facts(row: HeldMessage, *, addresses: bool) -> Facts:
    """One message as people see it; with the addresses only where `addresses` (the operator)."""
    facts: Facts = {
        "queue_id": row.queue_id,
        "host": row.host,
        "state": row.state,
        "at": row.at,
        "by": row.order.actor if row.order else None,
        "arrived_at": row.arrived_at,
        "size": row.size,
        "recipients": row.recipients,
        "recipient_domains": [domain for domain, _ in domains_of(row.addresses)],
    }
    if addresses:
        facts |= {"sender": row.sender, "addresses": list(row.addresses)}
    return facts


def by_domain(domains: Iterable[str]) -> list[Facts]:
    """Of each of these domains with mail on hold: the totals over its incidents and how many those are."""
    held = HeldMessage.objects.filter(state="held", incident__domain__in=list(domains))
    sums = held.values("incident__domain").annotate(
        messages=Count("pk"),
        incidents=Count("incident", distinct=True),
        size=Sum("size"),
        recipients=Sum("recipients"),
        first_at=Min("arrived_at"),
    )
    return [
        {
            "domain": row["incident__domain"],
            "messages": row["messages"],
            "incidents": row["incidents"],
            "size": row["size"],
            "recipients": row["recipients"],
            "first_at": row["first_at"],
        }
        for row in sums.order_by("incident__domain")
    ]
