"""How much mail was handed in, counted from the kept rows about single messages (models.QueueIdLogin, ten days)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from django.db.models import Count, Q

from sekisho.incidents.models import Incident, QueueIdLogin

HOURS = 24
# Whole days before the last 24 hours that "usual" is the median of: a week of habits, within the ten days kept.
USUAL_DAYS = 7
# Around an incident: bars, and how long before its first sign and after its detection they reach. A takeover spends
# its first mail within minutes; two hours before show what is usual for that time of the day.
BARS = 48
BEFORE, AFTER = timedelta(hours=2), timedelta(hours=2)
# Rows read for one drawing; a mailbox hands in no more in four hours under the hard caps.
MOST_ROWS = 20_000


class Volume(NamedTuple):
    """Messages handed in, per bar of `width`, the first bar beginning at `since`."""

    since: datetime
    width: timedelta
    counts: list[int]
    # Messages a bar would have on a usual day; None where nothing older is known.
    usual: float | None = None

    @property
    def total(self) -> int:
        return sum(self.counts)


def _scope(domains: Collection[str] | None) -> Q:
    """Rows of these domains' mailboxes; None: of all."""
    if domains is None:
        return Q()
    scope = Q(pk__in=[])
    for domain in domains:
        scope |= Q(mailbox__endswith=f"@{domain}")
    return scope


def last_day(domains: Collection[str] | None, now: datetime) -> Volume:
    """The last 24 hours by the hour; `domains`: whose mail is counted (None: everybody's)."""
    scope, since = _scope(domains), now - timedelta(hours=HOURS)
    edges = [since + timedelta(hours=hour) for hour in range(HOURS + 1)]
    hours = {
        f"hour_{number}": Count("pk", filter=Q(at__gte=edges[number], at__lt=edges[number + 1]))
        for number in range(HOURS)
    }
    found = QueueIdLogin.objects.filter(scope, at__gte=since).aggregate(**hours)
    days = [
        QueueIdLogin.objects.filter(
            scope, at__gte=since - timedelta(days=day), at__lt=since - timedelta(days=day - 1)
        ).count()
        for day in range(1, USUAL_DAYS + 1)
    ]
    # A day without a single message lies before the installation, or was no usual one.
    known = [count for count in days if count]
    counts = [found[f"hour_{number}"] for number in range(HOURS)]
    return Volume(since, timedelta(hours=1), counts, median(known) / HOURS if known else None)


def around(incident: Incident) -> Volume:
    """What the incident's mailbox handed in from two hours before its first sign to two hours after its detection."""
    since, until = incident.first_risk_at - BEFORE, incident.detected_at + AFTER
    width = (until - since) / BARS
    counts = [0] * BARS
    rows = QueueIdLogin.objects.filter(mailbox=incident.mailbox, at__gte=since, at__lt=until)
    for at in rows.values_list("at", flat=True)[:MOST_ROWS]:
        counts[min(int((at - since) / width), BARS - 1)] += 1
    return Volume(since, width, counts)


class SentMail(NamedTuple):
    """What one mailbox handed in within 24 hours; `usual` is a day's median of messages, None without an older day."""

    messages: int
    recipients: int
    usual: float | None


def of_mailbox(mailbox: str, now: datetime) -> SentMail:
    """The mailbox' last 24 hours, beside the days with mail of the week before."""
    rows = QueueIdLogin.objects.filter(mailbox=mailbox, at__gte=now - timedelta(days=USUAL_DAYS + 1))
    by_day = [0] * (USUAL_DAYS + 1)
    recipients = 0
    for at, count in rows.values_list("at", "recipients")[:MOST_ROWS]:
        day = min(max((now - at) // timedelta(days=1), 0), USUAL_DAYS)
        by_day[day] += 1
        recipients += count if day == 0 else 0
    known = [count for count in by_day[1:] if count]
    return SentMail(by_day[0], recipients, median(known) if known else None)
