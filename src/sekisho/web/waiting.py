"""Who waits for a suspended mailbox, in figures people can rely on: at least these, at the earliest then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet

from sekisho.incidents.models import DeferredPair, Incident

# Senders' servers give up after: Exchange 2 days, Exim 4, Postfix 5 (their defaults). The first is the cautious one.
EARLIEST_GIVE_UP = timedelta(days=2)
LATEST_GIVE_UP = timedelta(days=5)
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
    # When the first of them may be given up by its own server; None when nobody waits.
    give_up_from: datetime | None
    give_up_until: datetime | None

    @property
    def still_waiting(self) -> int:
        return self.senders - self.arrived


def of_incident(incident: Incident) -> Waiting:
    """The senders who were deferred because of this incident."""
    pairs = DeferredPair.objects.filter(incident=incident)
    senders = pairs.values("sender").distinct().count()
    waiting = pairs.filter(arrived_at=None)
    still = waiting.values("sender").distinct().count()
    # Mail in our own queue is put on hold before its lifetime ends; only senders' queues run out.
    outside = waiting.filter(where="sender").order_by("first_at").first()
    return Waiting(
        senders=senders,
        arrived=senders - still,
        first=_first(waiting),
        give_up_from=outside.first_at + EARLIEST_GIVE_UP if outside else None,
        give_up_until=outside.first_at + LATEST_GIVE_UP if outside else None,
    )


def _first(waiting: QuerySet[DeferredPair]) -> list[WaitingSender]:
    by_sender = waiting.values("sender").annotate(first=Min("first_at"), ours=Count("pk", filter=Q(where="ours")))
    return [
        WaitingSender(sender=row["sender"], first_at=row["first"], ours=row["ours"] > 0)
        for row in by_sender.order_by("first", "sender")[:SHOWN_SENDERS]
    ]
