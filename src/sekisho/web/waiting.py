"""Who waits for a suspended mailbox, in figures people can rely on: at least these, at the earliest then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from sekisho.incidents.models import DeferredPair, Incident

SHOWN_SENDERS = 8


@dataclass(frozen=True)
class WaitingSender:
    """One of those who wait; `ours`: some of it is in our own queue (through an alias, or from a colleague)."""

    sender: str
    first_at: datetime
    ours: bool


@dataclass(frozen=True)
class Waiting:
    """The deferred ledger of one incident as a page shows it."""

    # Distinct senders seen so far, waiting or arrived; there may be more behind a sender's own queue.
    senders: int
    arrived: int
    first: list[WaitingSender]
    # When the first of them may be given up by its own server; None when nobody waits. It may have passed.
    give_up_from: datetime | None
    # Senders who have not come back although their time may be over: perhaps their mail was returned to them.
    overdue: int = 0

    @property
    def still_waiting(self) -> int:
        return self.senders - self.arrived


def of_incident(incident: Incident) -> Waiting:
    """The senders who were deferred because of this incident."""
    pairs = DeferredPair.objects.filter(incident=incident)
    senders = pairs.values("sender").distinct().count()
    waiting = pairs.filter(arrived_at=None)
    still = waiting.values("sender").distinct().count()
    return Waiting(
        senders=senders,
        arrived=senders - still,
        first=_first(waiting),
        give_up_from=waiting.aggregate(at=Min("give_up_at"))["at"],
        overdue=waiting.filter(give_up_at__lt=timezone.now()).values("sender").distinct().count(),
    )


def _first(waiting: QuerySet[DeferredPair]) -> list[WaitingSender]:
    by_sender = waiting.values("sender").annotate(first=Min("first_at"), ours=Count("pk", filter=Q(where="ours")))
    return [
        WaitingSender(sender=row["sender"], first_at=row["first"], ours=row["ours"] > 0)
        for row in by_sender.order_by("first", "sender")[:SHOWN_SENDERS]
    ]
