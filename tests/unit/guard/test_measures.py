"""The guard's metrics: its status in Prometheus' words, with labels that name nobody."""

from __future__ import annotations

import math
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from guard.test_memory import ask, site, trip
from sekisho.guard.measures import BUCKETS, GuardMeasures, Latencies
from sekisho.guard.memory import Memory, restore


class _Of(Collector):
    def __init__(self, measures: GuardMeasures) -> None:
        self.collect = measures.families  # type: ignore[method-assign, assignment]


def told(measures: GuardMeasures) -> dict[str, Metric]:
    registry = CollectorRegistry()
    registry.register(_Of(measures))
    return {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    (sample,) = [one for one in families[name].samples if one.labels == labels and not one.name.endswith("_created")]
    return sample.value


def measured(memory: Memory) -> GuardMeasures:
    memory.last_status = memory.status({})
    return GuardMeasures(lambda: memory.last_status, lambda: memory.journal.unwritten)


def test_it_tells_what_the_guard_has_done(tmp_path: Path) -> None:
    memory = restore(site(tmp_path), time.time())
    ask(memory)
    memory.checkpoint.standing.take_decision(trip(time.time()))
    families = told(measured(memory))
    assert value(families, "sekisho_guard_requests", verdict="passed") == 1
    assert value(families, "sekisho_guard_requests", verdict="refused") == 0
    assert value(families, "sekisho_guard_mailboxes", status="suspended") == 1
    assert value(families, "sekisho_guard_decisions_unwritten") == 0
    assert 0 <= value(families, "sekisho_guard_heartbeat_age_seconds") < 60
    # Never saved, never told by the agent: no age, rather than a wrong one.
    assert math.isnan(value(families, "sekisho_guard_state_age_seconds"))
    memory.close()


def test_no_label_names_anybody(tmp_path: Path) -> None:
    memory = restore(site(tmp_path), time.time())
    ask(memory)
    memory.checkpoint.standing.take_decision(trip(time.time()))
    labels = {
        (name, one)
        for family in told(measured(memory)).values()
        for sample in family.samples
        for name, one in sample.labels.items()
        if name != "le"
    }
    assert labels and not [one for _, one in labels if "@" in one or "." in one]
    memory.close()


def test_latencies_are_cumulative_and_none_is_lost() -> None:
    latencies = Latencies()
    for seconds in (0.00001, BUCKETS[0], 0.0002, 5.0):
        latencies.add(seconds)
    samples = {sample.labels.get("le", sample.name): sample.value for sample in latencies.family().samples}
    assert samples[str(BUCKETS[0])] == 2
    assert samples[str(BUCKETS[2])] == samples[str(BUCKETS[-1])] == 3
    assert samples["+Inf"] == samples["sekisho_guard_answer_seconds_count"] == 4


def test_a_guard_whose_loop_stands_still_is_not_alive(tmp_path: Path) -> None:
    memory = restore(site(tmp_path), time.time())
    measures = measured(memory)
    assert measures.is_alive() and measures.not_ready() == []
    assert GuardMeasures(lambda: memory.last_status, lambda: 1).not_ready() == ["journal"]
    import msgspec

    memory.last_status = msgspec.structs.replace(memory.status({}), at=time.time() - 60)
    assert not measures.is_alive() and measures.not_ready() == ["main loop"]
    assert not GuardMeasures(lambda: None, lambda: 0).is_alive()
    memory.close()
