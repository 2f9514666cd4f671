"""The worker's metrics: what the record holds, and nothing that names anybody."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from test_decisions import ALICE, record

from sekisho.incidents import decisions
from sekisho.incidents.measures import WorkerMeasures
from sekisho.incidents.models import HostHeartbeat
from sekisho.journal import AppendLog, Follower

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def samples(measures: WorkerMeasures) -> dict[tuple[str, ...], float]:
    """Name and the labels' values -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in measures.families()
        for sample in family.samples
    }


def test_it_counts_what_is_on_record(two_tenants: None) -> None:
    now = timezone.now()
    decisions.record_detection(record())
    facts = {"suspended": 1, "restricted": 0, "generation": 3, "alarms": ["a", "b"]}
    HostHeartbeat.objects.create(host="mx01", process="agent", at=now - timedelta(seconds=7), facts=facts)
    measures = WorkerMeasures()
    assert measures.not_ready() == ["main loop"]
    measures.take({"journal": 0, "spool": 17}, 2, now + timedelta(seconds=5))
    found = samples(measures)
    assert found["sekisho_mailboxes", "suspended"] == 1
    assert found["sekisho_mailboxes", "restricted"] == 0
    assert found["sekisho_incidents_open", "suspend"] == 1
    assert found["sekisho_orders", "open"] >= 1
    assert found["sekisho_oldest_order_age_seconds",] >= 5
    assert found["sekisho_notices_waiting",] >= 1
    assert found["sekisho_worker_behind_bytes", "spool"] == 17
    assert found["sekisho_worker_alarms",] == 2
    assert found["sekisho_barrier_mailboxes", "mx01", "suspended"] == 1
    assert found["sekisho_barrier_generation", "mx01"] == 3
    assert found["sekisho_alarms", "mx01", "agent"] == 2
    assert found["sekisho_heartbeat_age_seconds", "mx01", "agent"] == pytest.approx(12)
    assert found["sekisho_database_up",] == 1
    assert measures.not_ready() == [] and measures.is_alive()
    words = {word for key in found for word in key[1:]}
    assert not [word for word in words if "@" in word or word in ALICE.split("@")]


def test_a_database_that_is_away_is_told_with_the_last_figures(two_tenants: None) -> None:
    measures = WorkerMeasures()
    measures.take({"journal": 1, "spool": 2}, 0, timezone.now())
    measures.database_is_away()
    found = samples(measures)
    assert found["sekisho_database_up",] == 0 and found["sekisho_worker_behind_bytes", "journal"] == 1
    assert measures.not_ready() == ["database"] and measures.is_alive()


def test_a_reader_knows_how_far_behind_it_is(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    assert follower.behind() == 0
    AppendLog(tmp_path, fsync=False, max_total_bytes=10_000).append(b"one", b"two")
    there = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert follower.behind() == there > 0
    follower.read(limit=1)
    assert 0 < follower.behind() < there
    follower.read()
    assert follower.behind() == 0
