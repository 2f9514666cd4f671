"""The score's history: readings and decisions as rows, each once, bounded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone
from test_decisions import ALICE, T, record

from sekisho.config import settings
from sekisho.incidents import decisions, scores
from sekisho.incidents.ingest import Intake
from sekisho.incidents.models import ScorePoint
from sekisho.incidents.worker import Worker
from sekisho.journal import AppendLog, ScoreSampled, Thresholds, format_record

pytestmark = pytest.mark.django_db(databases=["default", "site"])

LINES = Thresholds(4.0, 6.5, 9.0)


def sample(identifier: str = "s1", t: float = T, score: float = 3.0, **fields: object) -> ScoreSampled:
    values: dict[str, object] = {
        "id": identifier,
        "t": t,
        "mailbox": ALICE,
        "generation": 0,
        "score": score,
        "findings": {"new_network": score},
        "thresholds": LINES,
    }
    return ScoreSampled(**{**values, **fields})  # type: ignore[arg-type]


def test_readings_and_decisions_become_one_history_oldest_first(two_tenants: None, tmp_path: Path) -> None:
    ours = msgspec.structs.replace(settings(), var=str(tmp_path))
    spool = AppendLog(ours.spool_directory, fsync=False, max_total_bytes=1 << 26)
    spool.append(format_record(sample("s2", T + 90, 9.9)), format_record(sample("s1", T - 20, 2.2)))
    journal = AppendLog(ours.journal_directory, fsync=False, max_total_bytes=1 << 26)
    journal.append(format_record(record("d1", thresholds=LINES)))
    intake = Intake(ours)
    while intake.take():
        pass
    found = scores.history(ALICE)
    assert [(point.score, point.action) for point in found] == [(2.2, ""), (9.5, "suspend"), (9.9, "")]
    assert found[0].findings == {"new_network": 2.2}
    assert found[1].findings == {"new_country": 3.0}
    assert {(point.alert, point.restrict, point.suspend) for point in found} == {(4.0, 6.5, 9.0)}


def test_the_same_record_again_is_the_same_point(two_tenants: None) -> None:
    for _ in range(2):
        scores.keep_sample(sample(t=T - 1))
        decisions.record_detection(record())
    scores.keep_sample(sample(t=T - 1, score=8.0))
    assert [point.score for point in scores.history(ALICE)] == [3.0, 9.5]


def test_a_decision_of_an_older_guard_has_no_thresholds(two_tenants: None) -> None:
    decisions.record_detection(record())
    [point] = scores.history(ALICE)
    assert point.suspend is None


def test_an_incident_has_the_points_of_its_generation_only(two_tenants: None) -> None:
    scores.keep_sample(sample("a", generation=0))
    scores.keep_sample(sample("b", T + 1, generation=1))
    scores.keep_sample(sample("c", T + 2, mailbox="bob@ours.test"))
    assert [point.id for point in scores.history(ALICE, 1)] == ["b"]
    assert [point.id for point in scores.history(ALICE)] == ["a", "b"]


def test_the_newest_readings_of_a_mailbox_are_kept_and_every_decision(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "MOST_READINGS", 5)
    decisions.record_detection(record("d0", t=T - 1000))
    scores.keep_sample(sample("other", mailbox="bob@ours.test"))
    for number in range(12):
        scores.keep_sample(sample(f"s{number}", T + number * 60))
    assert [point.id for point in scores.history(ALICE)] == ["d0", "s7", "s8", "s9", "s10", "s11"]
    assert len(scores.history("bob@ours.test")) == 1


def test_points_older_than_ninety_days_are_pruned_by_the_worker(two_tenants: None, tmp_path: Path) -> None:
    now = timezone.now()
    for days in (1, 89, 91):
        scores.keep_sample(sample(f"s{days}", (now - timedelta(days=days)).timestamp()))
    found = Worker(msgspec.structs.replace(settings(), var=str(tmp_path)))
    found._prune()
    while found._batches is not None:
        found._prune_a_batch()
    assert {point.id for point in ScorePoint.objects.all()} == {"s1", "s89"}


def test_a_point_prints_as_plain_facts(two_tenants: None) -> None:
    scores.keep_sample(sample())
    facts = scores.point_facts(scores.history(ALICE)[0])
    assert facts["thresholds"] == {"alert": 4.0, "restrict": 6.5, "suspend": 9.0}
    assert (facts["score"], facts["findings"], facts["action"]) == (3.0, {"new_network": 3.0}, "")
