"""Other thresholds on the readings of the last weeks: exact where the record tells, open where it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sekisho.detection.limits import DEFAULT_LIMITS, Limits
from sekisho.incidents.models import Incident, ScorePoint
from sekisho.incidents.threshold_preview import Outcome, Peak, outcome, peaks, preview

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MONTH_AGO = NOW - timedelta(days=30)


def reading(
    mailbox: str, score: float, *, action: str = "", generation: int = 0, ago: int = 1, prior: float = 0
) -> None:
    restrict = 6.5 - prior
    ScorePoint.objects.create(
        id=f"{mailbox}-{generation}-{score}-{ago}", mailbox=mailbox, generation=generation, score=score, action=action,
        t=NOW - timedelta(days=ago), alert=4.0, restrict=restrict, suspend=restrict if prior else 9.0,
    )  # fmt: skip


def lower(**changes: float) -> Limits:
    return msgspec.structs.replace(DEFAULT_LIMITS, **changes)


def counts(limits: Limits) -> dict[str, int]:
    return {name: count for name, count in preview(limits, DEFAULT_LIMITS, MONTH_AGO).after.items() if name}


def test_a_mailbox_counts_once_for_its_highest_score_in_each_generation() -> None:
    for score in (2.1, 4.4, 3.0):
        reading("a@x.test", score)
    reading("a@x.test", 7.0, generation=1)
    assert [(peak.generation, peak.score) for peak in peaks(MONTH_AGO, DEFAULT_LIMITS)] == [(1, 7.0), (0, 4.4)]
    assert counts(DEFAULT_LIMITS) == {"alert": 1, "restrict": 1}


def test_lower_thresholds_ask_and_restrict_more() -> None:
    reading("a@x.test", 3.1)
    reading("b@x.test", 5.2)
    assert counts(DEFAULT_LIMITS) == {"alert": 1}
    assert counts(lower(alert=3.0)) == {"alert": 2}
    found = preview(lower(alert=3.0, restrict=5.0), DEFAULT_LIMITS, MONTH_AGO)
    assert [(one.peak.mailbox, one.before.action, one.after.action) for one in found.changed] == [
        ("b@x.test", "alert", "restrict"), ("a@x.test", "", "alert"),
    ]  # fmt: skip


def test_a_suspension_is_certain_only_where_a_decision_suspended() -> None:
    reading("a@x.test", 9.4, action="suspend")
    reading("b@x.test", 9.4, action="restrict")
    reading("c@x.test", 7.2)
    found = preview(lower(suspend=7.0), DEFAULT_LIMITS, MONTH_AGO)
    by_name = {one.peak.mailbox: one.after for one in found.changed}
    # What restricted above the threshold in force was kept from suspending; the third one nobody ever judged so.
    assert by_name == {"c@x.test": Outcome("restrict", open=True)}
    assert (found.after["suspend"], found.after["restrict"], found.open) == (1, 2, 1)


def test_higher_thresholds_let_a_suspension_become_less() -> None:
    reading("a@x.test", 9.4, action="suspend")
    assert counts(lower(suspend=9.5)) == {"restrict": 1}
    assert counts(lower(alert=9.5, restrict=9.6, suspend=9.7)) == {}


def test_on_probation_a_restriction_begins_a_nat_earlier_and_suspends() -> None:
    reading("a@x.test", 5.6, action="suspend", prior=1.0)
    [peak] = peaks(MONTH_AGO, DEFAULT_LIMITS)
    assert peak.on_probation and counts(DEFAULT_LIMITS) == {"suspend": 1}
    assert counts(lower(restrict=7.0)) == {"alert": 1}


@pytest.mark.parametrize(("score", "action"), [(3.99, ""), (4.0, "alert"), (6.5, "restrict"), (9.0, "suspend")])
def test_a_threshold_is_reached_by_its_very_score(score: float, action: str) -> None:
    assert outcome(Peak("a@x.test", 0, score, False, True, False), DEFAULT_LIMITS).action == action


def test_older_readings_do_not_count() -> None:
    reading("a@x.test", 9.4, action="suspend", ago=31)
    assert counts(DEFAULT_LIMITS) == {}


def test_what_was_judged_not_a_takeover_is_counted_apart() -> None:
    reading("a@x.test", 7.0, action="restrict")
    Incident.objects.create(
        mailbox="a@x.test", domain="x.test", generation=0, cause="detection", phase="dismissed", action="restrict",
        first_risk_at=NOW, detected_at=NOW,
    )  # fmt: skip
    assert preview(DEFAULT_LIMITS, DEFAULT_LIMITS, MONTH_AGO).dismissed == {"restrict": 1}
    assert preview(lower(restrict=7.1), DEFAULT_LIMITS, MONTH_AGO).dismissed == {"alert": 1}
