"""The ledger of who waits: pairs of (sender, recipient) whose mail to a suspended mailbox was deferred.

Idea: at RCPT a retry cannot be told from a new message, so pairs are counted, not messages: "at least 37 senders
waited, 36 arrived". A pair is marked arrived when mail of that sender is delivered into the mailbox later.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec
from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone

from sekisho.incidents import giving_up
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.models import DeferredPair, Incident
from sekisho.incidents.timeline import add_entry
from sekisho.journal import MailArrived, SenderDeferred

# A stranger may invent senders as fast as he can speak SMTP; beyond this the answer "at least" is enough.
MOST_PAIRS = 10_000


class Waiting(msgspec.Struct, frozen=True):
    """How many pairs waited for a mailbox in one incident; each number is a lower bound."""

    waited: int
    arrived: int
    tries: int
    # Of those still waiting: when the first one was deferred, and the earliest time at which a server may give up.
    oldest_at: datetime | None
    earliest_return: datetime | None
    # Not arrived, and its server may have given up by now: perhaps returned to the sender.
    overdue: int = 0


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
    with transaction.atomic(using="default"):
        pair = DeferredPair.objects.select_for_update().filter(**key).first()
        if pair is not None:
            _try_again(pair, event, at)
            return True
    count = incident.deferred.count()
    if count >= MOST_PAIRS:
        return False
    DeferredPair.objects.create(
        **key, mailbox=event.mailbox, client=event.client[:255], first_at=at, last_at=at, give_up_at=_give_up(event, at)
    )
    if count == 0:
        add_entry(incident, at, "first_deferred", f"first-deferred-{incident.pk}", {"where": event.where})
    return True


def _try_again(pair: DeferredPair, event: SenderDeferred, at: datetime) -> None:
    if pair.arrived_at is not None:
        # What waited has arrived; this is new mail with a lifetime of its own.
        pair.first_at, pair.gaps, pair.arrived_at = at, [], None
    else:
        pair.gaps = giving_up.add_gap(pair.gaps, pair.last_at, at)
    pair.tries, pair.last_at, pair.client = pair.tries + 1, at, event.client[:255]
    pair.give_up_at = _give_up(event, pair.first_at, at, pair.gaps)
    pair.save(update_fields=["first_at", "last_at", "tries", "gaps", "client", "give_up_at", "arrived_at"])


def _give_up(
    event: SenderDeferred, first_at: datetime, last_at: datetime | None = None, gaps: list[int] | None = None
) -> datetime | None:
    """Mail in our own queue is put on hold before it expires (containment.keep_waiting): nobody gives it up."""
    return giving_up.earliest(first_at, last_at or first_at, gaps or []) if event.where == "sender" else None


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


def summarize(incident: Incident, now: datetime | None = None) -> Waiting:
    """The incident's ledger in numbers; `earliest_return` may lie in the past (then some are overdue)."""
    still = Q(arrived_at__isnull=True)
    pairs = DeferredPair.objects.filter(incident=incident)
    first = pairs.filter(still).aggregate(at=Min("first_at"), returns=Min("give_up_at"))
    return Waiting(
        waited=pairs.count(),
        arrived=pairs.exclude(still).count(),
        tries=sum(pairs.values_list("tries", flat=True)),
        oldest_at=first["at"],
        earliest_return=first["returns"],
        overdue=pairs.filter(still, give_up_at__lt=now or timezone.now()).count(),
    )


def earliest_returns(mailboxes: Collection[str]) -> dict[str, datetime]:
    """For each of these mailboxes, the earliest time at which a sender's server may give up on it; it may be past.

    Only of the open incident: what never came back in an older one is over.
    """
    rows = DeferredPair.objects.filter(mailbox__in=mailboxes, incident__phase__in=OPEN_PHASES)
    waiting = rows.filter(arrived_at__isnull=True, give_up_at__isnull=False)
    found = waiting.values("mailbox").annotate(at=Min("give_up_at")).order_by()
    return {row["mailbox"]: row["at"] for row in found}


def waiting_for(domains: Collection[str] | None) -> Waiting:
    """The ledgers of all open incidents of these domains (None: of all) together; only what still waits is counted."""
    rows = DeferredPair.objects.filter(incident__phase__in=OPEN_PHASES, arrived_at__isnull=True)
    if domains is not None:
        rows = rows.filter(incident__domain__in=domains)
    found = rows.aggregate(waited=Count("pk"), tries=Sum("tries"), oldest=Min("first_at"), returns=Min("give_up_at"))
    return Waiting(found["waited"], 0, found["tries"] or 0, found["oldest"], found["returns"])
