"""How others see this host, as plain data: for `--json`, the API, `status`, the pages, and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from sekisho.config import settings
from sekisho.impact import listings
from sekisho.impact.normality import NOW_DAYS, back_to_normal, normality_facts
from sekisho.incidents import receivers
from sekisho.incidents.models import Incident
from sekisho.incidents.receivers import Count

# What a page and a program see of the past: two of the four weeks that "before" is made of, and now.
SHOWN_DAYS = 28
# Incidents whose "back to normal" is told: a host with more of them has other worries.
MOST_INCIDENTS = 20


def reputation_facts(now: datetime) -> dict[str, Any]:
    """What blocklists and receivers say of us at `now`, and whether it is as it was before each recent incident."""
    rows = listings.open_listings()[: listings.MOST_SHOWN]
    return {
        "at": now,
        "blocklists": {
            "asked": settings().harm_watch.blocklists,
            "listings": [listings.listing_facts(row) for row in rows],
            "lists": listings.list_facts(),
        },
        "receivers": receiver_facts(now),
        "days": day_facts(now),
        "incidents": [
            {"incident": row.pk, "mailbox": row.mailbox, **normality_facts(back_to_normal(row, now))}
            for row in recent(now)
        ],
    }


def recent(now: datetime) -> list[Incident]:
    """The incidents whose harm may still be felt, the newest first."""
    return list(listings.recent_incidents(now).order_by("-detected_at", "-id")[:MOST_INCIDENTS])


def receiver_facts(now: datetime, domain: str = "") -> list[dict[str, Any]]:
    """Each receiver's counts of the last NOW_DAYS days and of four weeks, to one sender domain's mail or to all."""
    today = now.astimezone(UTC).date()
    lately = receivers.by_receiver(today - timedelta(days=NOW_DAYS - 1), today, domain=domain)
    weeks = receivers.by_receiver(today - timedelta(days=SHOWN_DAYS - 1), today, domain=domain)
    names = [*lately, *(name for name in weeks if name not in lately)]
    return [
        {
            "receiver": name,
            "name": receivers.name_of(name),
            "now": _counts(lately.get(name, Count())),
            "weeks": _counts(weeks.get(name, Count())),
        }
        for name in names
    ]


def day_facts(now: datetime, domain: str = "") -> list[dict[str, Any]]:
    """All receivers together, day by day (UTC), days without mail included."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=SHOWN_DAYS - 1)
    found = receivers.by_day(first, today, domain=domain)
    days = (first + timedelta(days=number) for number in range(SHOWN_DAYS))
    return [{"day": day.isoformat(), **_counts(found.get(day, Count()))} for day in days]


def _counts(count: Count) -> dict[str, Any]:
    return {**count._asdict(), "share": round(count.share, 4)}


def families(now: datetime) -> Iterator[Metric]:
    """Metrics: listings that stand, by list; the results of the last days by receiver."""
    listed = GaugeMetricFamily("sekisho_listings", "Listings of ours on blocklists.", labels=["list"])
    zones = {row["list"]: 0 for row in listings.list_facts()}
    for zone in listings.open_listings().values_list("zone", flat=True):
        zones[zone] = zones.get(zone, 0) + 1
    for zone, count in zones.items():
        listed.add_metric([zone], count)
    yield listed
    text = "Results of mail to big receivers within three days: refused (5.7), put off (4.7), delivered."
    results = GaugeMetricFamily("sekisho_receiver_results", text, labels=["receiver", "result"])
    for row in receiver_facts(now):
        for word in ("refused_57", "deferred_47", "delivered"):
            results.add_metric([row["receiver"], word], row["now"][word])
    yield results
