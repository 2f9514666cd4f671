"""The worker's metrics: what the record holds, counted by the worker with each heartbeat and read by its listener.

It tells for the agents as well, which open no network socket: what they said in their last heartbeat. Labels are hosts,
processes and the record's own words; never an address or a domain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric

from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.deferred import waiting_for
from sekisho.incidents.models import HostHeartbeat, Incident, MailboxStatus, Notice, Order

# Heartbeats come every 5 s.
FRESH_SECONDS = 30.0
STATUSES = ("suspended", "restricted", "probation")
ACTIONS = ("alert", "restrict", "suspend")
ORDER_STATES = ("open", "claimed", "failed")


# Families that a room above this one counts.
MoreFamilies = Callable[[datetime], Iterable[Metric]]


class WorkerMeasures:
    """Figures of the last look, as finished families: the listener's thread needs no database of its own."""

    def __init__(self, more: Sequence[MoreFamilies] = ()) -> None:
        self._more = more
        self._families: list[Metric] = []
        self._at = 0.0
        self._heard = time.monotonic()
        self._is_away = False

    def take(self, behind: dict[str, int], alarms: int, now: datetime) -> None:
        """Counts everything; raises what the database raises."""
        families = [*_record(now), *_hosts(now)]
        for count in self._more:
            families += count(now)
        families.append(_by("worker_behind_bytes", "Bytes the worker has not read yet.", "feed", behind))
        families.append(GaugeMetricFamily("sekisho_worker_alarms", "Standing alarms of the worker.", value=alarms))
        self._families, self._at, self._is_away = families, time.time(), False
        self._heard = time.monotonic()

    def database_is_away(self) -> None:
        """The worker waits for it: figures are the last known."""
        self._is_away = True
        self._heard = time.monotonic()

    def is_alive(self) -> bool:
        """Whether the main loop turned lately, with the database or without."""
        return time.monotonic() - self._heard < 2 * FRESH_SECONDS

    def not_ready(self) -> list[str]:
        """What it waits for."""
        if self._is_away:
            return ["database"]
        return [] if self._at and time.time() - self._at < FRESH_SECONDS else ["main loop"]

    def families(self) -> Iterable[Metric]:
        """What the last look found, with its age."""
        age = time.time() - self._at if self._at else float("nan")
        yield GaugeMetricFamily("sekisho_worker_look_age_seconds", "Since these figures were counted.", value=age)
        up = not self._is_away and bool(self._at)
        yield GaugeMetricFamily("sekisho_database_up", "1 when the database answered the worker last.", value=up)
        yield from self._families


def _by(name: str, text: str, label: str, values: dict[str, Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sekisho_{name}", text, labels=[label])
    for name_of, value in values.items():
        family.add_metric([name_of], value)
    return family


def _record(now: datetime) -> Iterable[Metric]:
    statuses = dict(MailboxStatus.objects.values_list("status").annotate(Count("mailbox")).order_by())
    yield _by("mailboxes", "Mailboxes by status on record.", "status", {one: statuses.get(one, 0) for one in STATUSES})
    opened = Incident.objects.filter(phase__in=OPEN_PHASES).values_list("action").annotate(Count("pk")).order_by()
    actions = dict(opened)
    text = "Open incidents by what was decided; alerts suspend nobody and wait for a person."
    yield _by("incidents_open", text, "action", {one: actions.get(one, 0) for one in ACTIONS})
    waiting = waiting_for(None).waited
    text = "Pairs of sender and recipient that wait for a suspended mailbox, at least."
    yield GaugeMetricFamily("sekisho_deferred_pairs", text, value=waiting)
    states = dict(Order.objects.filter(state__in=ORDER_STATES).values_list("state").annotate(Count("pk")).order_by())
    yield _by("orders", "Orders not done.", "state", {one: states.get(one, 0) for one in ORDER_STATES})
    oldest = Order.objects.filter(state__in=("open", "claimed")).aggregate(at=Min("created_at"))["at"]
    yield GaugeMetricFamily(
        "sekisho_oldest_order_age_seconds", "Age of the oldest open order.", value=_age(oldest, now)
    )
    notices = Notice.objects.filter(state__in=("open", "sending"))
    yield GaugeMetricFamily("sekisho_notices_waiting", "Notices not sent yet.", value=notices.count())


def _hosts(now: datetime) -> Iterable[Metric]:
    heard = GaugeMetricFamily("sekisho_heartbeat_age_seconds", "Since a sign of life.", labels=["host", "process"])
    alarms = GaugeMetricFamily("sekisho_alarms", "Standing alarms.", labels=["host", "process"])
    barrier = GaugeMetricFamily(
        "sekisho_barrier_mailboxes", "Mailboxes each host's barrier holds.", labels=["host", "status"]
    )
    generation = GaugeMetricFamily(
        "sekisho_barrier_generation",
        "Newest generation of a mailbox that the host's agent carries out.",
        labels=["host"],
    )
    for row in HostHeartbeat.objects.all():
        heard.add_metric([row.host, row.process], max(0.0, (now - row.at).total_seconds()))
        alarms.add_metric([row.host, row.process], len(row.facts.get("alarms") or ()))
        if row.process != "agent":
            continue
        for status in ("suspended", "restricted"):
            barrier.add_metric([row.host, status], int(row.facts.get(status, 0)))
        generation.add_metric([row.host], int(row.facts.get("generation", 0)))
    return heard, alarms, barrier, generation


def _age(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0.0
