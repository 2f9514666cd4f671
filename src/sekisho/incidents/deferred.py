"""The ledger of who waits: pairs of (sender, recipient) whose mail to a suspended mailbox was deferred.

Idea: at RCPT a retry cannot be told from a new message, so pairs are counted, not messages: "at least 37 senders
waited, 36 arrived". A pair is marked arrived when mail of that sender is delivered into the mailbox later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from django.db.models import F, Min, Q, QuerySet

from sekisho.incidents.models import DeferredPair, Incident
from sekisho.incidents.timeline import add_entry
from sekisho.journal import MailArrived, SenderDeferred

# A stranger may invent senders as fast as he can speak SMTP; beyond this the answer "at least" is enough.
MOST_PAIRS = 10_000
# Exchange returns undelivered mail after 2 days by default, Exim after 4, Postfix after 5 (RELIABILITY F15).
EARLIEST_RETURN = timedelta(days=2)


class Waiting(msgspec.Struct, frozen=True):
    """How many pairs waited for a mailbox in one incident; each number is a lower bound."""

    waited: int
    arrived: int
    tries: int
    # Of those still waiting: when the first one was deferred, and when its server may give up.
    oldest_at: datetime | None
    earliest_return: datetime | None


def note_waiting(event: SenderDeferred) -> bool:
    """Counts one deferral; False when the mailbox has no incident to count it for, or too many wait already."""
    incident = _incident_for(event.mailbox)
    if incident is None:
        return False
    at = datetime.fromtimestamp(event.t, UTC)
    key = {
        "incident": incident,
        "sender": event.sender[:320],
        "recipient": event.recipient.lower()[:320],
        "where": event.where,
    }
    changed = DeferredPair.objects.filter(**key).update(
        tries=F("tries") + 1, last_at=at, client=event.client[:255], arrived_at=None
    )
    if changed:
        return True
    count = incident.deferred.count()
    if count >= MOST_PAIRS:
        return False
    DeferredPair.objects.create(**key, mailbox=event.mailbox, client=event.client[:255], first_at=at, last_at=at)
    if count == 0:
        add_entry(incident, at, "first_deferred", f"first-deferred-{incident.pk}", {"where": event.where})
    return True


def _incident_for(mailbox: str) -> Incident | None:
    """The incident that makes people wait: the latest one that suspended the mailbox."""
    return Incident.objects.filter(mailbox=mailbox, action="suspend", enforced=True).order_by("-id").first()


def note_arrival(event: MailArrived) -> bool:
    """Marks the longest-waiting pair of that sender as arrived; False when none waits."""
    waiting = DeferredPair.objects.filter(mailbox=event.mailbox, sender=event.sender[:320], arrived_at__isnull=True)
    pair = waiting.order_by("first_at", "id").first()
    if pair is None:
        return False
    at = datetime.fromtimestamp(event.t, UTC)
    DeferredPair.objects.filter(pk=pair.pk).update(arrived_at=at)
    incident = Incident.objects.get(pk=pair.incident_id)
    if not incident.deferred.filter(arrived_at__isnull=True).exists():
        add_entry(incident, at, "all_arrived", f"all-arrived-{incident.pk}-{incident.deferred.count()}", {})
    return True


def waiting_pairs(incident: Incident) -> QuerySet[DeferredPair]:
    """The incident's pairs, those that waited longest first."""
    return DeferredPair.objects.filter(incident=incident).order_by("first_at", "id")


def summarize(incident: Incident) -> Waiting:
    """The incident's ledger in numbers."""
    still = Q(arrived_at__isnull=True)
    pairs = DeferredPair.objects.filter(incident=incident)
    oldest = pairs.filter(still).aggregate(at=Min("first_at"))["at"]
    return Waiting(
        waited=pairs.count(),
        arrived=pairs.exclude(still).count(),
        tries=sum(pairs.values_list("tries", flat=True)),
        oldest_at=oldest,
        earliest_return=oldest + EARLIEST_RETURN if oldest else None,
    )
