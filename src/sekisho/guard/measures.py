"""The guard's metrics: the status it writes each second, in Prometheus' words, and how long its answers take."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from sekisho.guard.status_file import GAP_SECONDS, GuardStatus

# Seconds. Answers from memory take tens of microseconds; one that tripped waits for an fsync, 0.2 s at most.
BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.3)


class Latencies:
    """How many answers took how long. `add` costs well under a microsecond; torn reads are off by one answer."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    def family(self) -> HistogramMetricFamily:
        """Cumulative counts by upper bound, as Prometheus wants them."""
        total, buckets = 0, []
        for bound, count in zip([*map(str, BUCKETS), "+Inf"], list(self._counts), strict=True):
            total += count
            buckets.append((bound, total))
        text = "Seconds from a whole request of Postfix to its answer."
        return HistogramMetricFamily("sekisho_guard_answer_seconds", text, buckets=buckets, sum_value=self._sum)


class GuardMeasures:
    """Reads the last status; called from the listener's thread, so it touches nothing that the main loop changes."""

    def __init__(self, status: Callable[[], GuardStatus | None], unwritten: Callable[[], int]) -> None:
        self._status = status
        self._unwritten = unwritten
        self.latencies = Latencies()

    def is_alive(self) -> bool:
        """Whether the main loop turned lately."""
        status = self._status()
        return status is not None and time.time() - status.at < 2 * GAP_SECONDS

    def not_ready(self) -> list[str]:
        """What keeps it from deciding as it should, in words that name nobody."""
        status = self._status()
        if status is None or not self.is_alive():
            return ["main loop"]
        return ["journal"] if self._unwritten() else []

    def families(self) -> Iterable[Metric]:
        """Everything the guard tells; nothing before its first status."""
        yield self.latencies.family()
        yield _gauge(
            "guard_decisions_unwritten", "Decisions that count in memory and are not on disk.", self._unwritten()
        )
        status = self._status()
        if status is None:
            return
        yield from _counts(status)
        yield from _levels(status)
        yield from _ages(status)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"sekisho_{name}", text, value=value)


def _counter(name: str, text: str, label: str, values: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"sekisho_{name}", text, labels=[label])
    for name_of, value in values.items():
        family.add_metric([name_of], value)
    return family


def _counts(status: GuardStatus) -> Iterable[Metric]:
    passed = status.requests - status.refused
    yield _counter("guard_requests", "Requests of Postfix.", "verdict", {"passed": passed, "refused": status.refused})
    made = {"alert": status.alerts, "restrict": status.restrictions, "suspend": status.trips}
    yield _counter("guard_decisions", "Decisions made.", "action", made)
    seen = {"login": status.logins, "event": status.events, "routine": status.routine, "log_line": status.log_lines}
    yield _counter("guard_observed", "What it has seen.", "kind", seen)
    bad = {"turned_away": status.turned_away, "malformed": status.malformed, "spool_dropped": status.spool_dropped}
    yield _counter("guard_refusals", "Connections, requests and events it could not take.", "kind", bad)


def _levels(status: GuardStatus) -> Iterable[Metric]:
    yield _gauge("guard_profiles", "Mailboxes with a profile.", status.profiles)
    yield _gauge("guard_alarms", "Standing alarms of the guard.", len(status.alarms))
    yield _gauge(
        "guard_enforces", "1 when decisions are carried out, 0 when they are only recorded.", status.mode == "enforce"
    )
    family = GaugeMetricFamily(
        "sekisho_guard_mailboxes", "Mailboxes not active, as the guard knows.", labels=["status"]
    )
    for name in ("restricted", "suspended", "probation"):
        family.add_metric([name], status.standing.get(name, 0))
    yield family
    doors = GaugeMetricFamily("sekisho_guard_connections", "Open connections.", labels=["door"])
    for name, count in status.connections.items():
        doors.add_metric([name], count)
    yield doors


def _ages(status: GuardStatus) -> Iterable[Metric]:
    now = time.time()
    yield _gauge("guard_heartbeat_age_seconds", "Since the main loop turned.", now - status.at)
    yield _gauge(
        "guard_state_age_seconds", "Since the agent wrote the state in force.", _age(status.state_written_at, now)
    )
    yield _gauge("guard_snapshot_age_seconds", "Since profiles were saved.", _age(status.saved_at, now))
    if status.address_networks:
        age = _age(status.address_data_at, now)
        yield _gauge("guard_address_data_age_seconds", "Since the oldest address data in use were made.", age)


def _age(at: float, now: float) -> float:
    """Seconds since then; NaN where it has never been."""
    return now - at if at else float("nan")
