"""Readings of the score: few, bounded, the highest of a minute; and what they cost where there is nothing to tell."""

from __future__ import annotations

import time

import pytest

from guard.standins import ALICE, NOW, Bench, judge_always
from sekisho import detection
from sekisho.detection import DEFAULT_LIMITS, Assessment, HostTables, Indicator, MailboxProfile
from sekisho.guard import sampling
from sekisho.guard.sampling import EVERY_SECONDS, STILL_SECONDS, ScoreSampler, thresholds
from sekisho.guard.standing import Standing
from sekisho.journal import DecisionRecord, IndicatorRecord, ScoreSampled

LINES = thresholds(DEFAULT_LIMITS, "active")


class Curve:
    """A sampler that sees scores of alice's, or others', so many seconds after the beginning."""

    def __init__(self) -> None:
        self.told: list[ScoreSampled] = []
        self.sampler = ScoreSampler(self.told.append, HostTables(), Standing())

    def see(self, score: float, after: float = 0.0, mailbox: str = ALICE, generation: int = 0) -> None:
        self._see(score, NOW + after, mailbox, generation, None)

    def decide(self, score: float, after: float) -> None:
        now, found = NOW + after, (IndicatorRecord("x", score, "", ""),)
        record = DecisionRecord("d", now, "mx", ALICE, 0, "alert", "active", "active", None, True, score, found)
        self._see(score, now, ALICE, 0, record)

    def _see(self, score: float, now: float, mailbox: str, generation: int, record: DecisionRecord | None) -> None:
        event = detection.Login(now, mailbox, "", detection.NOWHERE, "imap", True)
        judged = Assessment(mailbox, now, score, (Indicator("x", score, "", ""),))
        self.sampler.see(event, MailboxProfile(generation=generation), judged, record, now)

    def flush(self, after: float) -> None:
        self.sampler.flush(NOW + after)

    @property
    def scores(self) -> list[float]:
        return [sample.score for sample in self.told]


def test_a_score_two_nats_below_an_alert_begins_a_curve_and_a_lower_one_does_not() -> None:
    curve = Curve()
    curve.see(1.9)
    assert curve.scores == []
    curve.see(2.0, 1)
    assert curve.scores == [2.0]


def test_a_minute_tells_its_highest_reading_once_it_is_over() -> None:
    curve = Curve()
    for second, score in enumerate((2.2, 3.0, 7.0, 5.0, 7.2)):
        curve.see(score, second)
    curve.flush(EVERY_SECONDS - 1)
    assert curve.scores == [2.2]
    curve.flush(EVERY_SECONDS)
    assert curve.scores == [2.2, 7.0]
    assert curve.told[1].t == NOW + 2
    curve.flush(EVERY_SECONDS * 3)
    assert len(curve.told) == 2


def test_a_score_that_stands_still_is_told_every_ten_minutes() -> None:
    curve = Curve()
    for minute in range(31):
        curve.see(4.4, minute * 60)
    assert [sample.t - NOW for sample in curve.told] == [0, STILL_SECONDS, 2 * STILL_SECONDS, 3 * STILL_SECONDS]


def test_a_fall_is_told_once_and_ends_the_curve() -> None:
    curve = Curve()
    curve.see(5.0)
    curve.see(0.3, 70)
    assert curve.scores == [5.0, 0.3]
    for minute in range(3, 30):
        curve.see(1.5, minute * 60)
    assert curve.scores == [5.0, 0.3]
    assert not curve.sampler._curves


def test_a_fall_and_rise_within_a_minute_is_no_news() -> None:
    curve = Curve()
    curve.see(5.0)
    curve.see(1.0, 5)
    curve.see(5.1, 10)
    curve.flush(61)
    assert curve.scores == [5.0]


def test_a_decision_is_a_reading_and_is_told_nowhere_else() -> None:
    curve = Curve()
    curve.see(3.0)
    curve.see(3.9, 1)
    curve.decide(4.5, 2)
    curve.see(4.6, 70)
    curve.flush(200)
    assert curve.scores == [3.0]
    curve.see(5.0, 210)
    assert curve.scores == [3.0, 5.0]


def test_a_new_generation_begins_a_curve_of_its_own() -> None:
    curve = Curve()
    curve.see(9.0)
    curve.see(0.0, 120, generation=1)
    assert curve.scores == [9.0]
    curve.see(2.5, 121, generation=1)
    assert [(sample.generation, sample.score) for sample in curve.told] == [(0, 9.0), (1, 2.5)]


def test_all_mailboxes_together_get_a_bounded_number_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_A_MINUTE", 10)
    curve = Curve()
    for number in range(25):
        curve.see(5.0, number / 100, f"m{number}@shop.test")
    for second in range(59):
        curve.flush(second)
    assert len(curve.told) == 10
    curve.flush(60)
    curve.flush(120)
    assert len({sample.mailbox for sample in curve.told}) == 25


def test_memory_is_bounded_and_old_curves_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MOST_CURVES", 100)
    curve = Curve()
    for number in range(1000):
        curve.see(5.0, number / 100, f"m{number}@shop.test")
    assert len(curve.sampler._curves) == 100
    assert curve.sampler._waiting <= set(curve.sampler._curves)
    # What had waited for room is told first.
    curve.flush(sampling.FORGET_SECONDS + 100)
    curve.flush(2 * sampling.FORGET_SECONDS + 300)
    assert not curve.sampler._curves and not curve.sampler._waiting


def test_on_probation_the_lines_are_one_nat_lower_as_decide_has_them() -> None:
    assert thresholds(DEFAULT_LIMITS, "probation").restrict == DEFAULT_LIMITS.restrict - 1
    # A relapse suspends at once.
    assert thresholds(DEFAULT_LIMITS, "probation").suspend == DEFAULT_LIMITS.restrict - 1
    assert thresholds(DEFAULT_LIMITS, "probation").alert == DEFAULT_LIMITS.alert
    assert thresholds(DEFAULT_LIMITS, "restricted").restrict == DEFAULT_LIMITS.restrict


def samples(bench: Bench) -> list[ScoreSampled]:
    return [event for event in bench.spooled if isinstance(event, ScoreSampled)]


def test_the_checkpoint_tells_score_findings_and_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 3.2)
    bench.ask()
    [sample] = samples(bench)
    assert (sample.mailbox, sample.t, sample.generation, sample.score) == (ALICE, NOW, 0, 3.2)
    assert sample.findings == {"test_finding": 3.2}
    assert sample.thresholds == LINES


def login(day: float, place: tuple[str, detection.Place]) -> detection.Login:
    return detection.Login(NOW + day * 86_400, ALICE, *place, "imap", True)


def test_the_real_engine_names_its_findings_below_an_alert() -> None:
    bench = Bench()
    owner = detection.Place("JP", 64500, "", "198.18.1.0/24")
    other = detection.Place("JP", 64777, "", "198.18.9.0/24")
    for day in range(20):
        event = login(day, ("198.18.1.5", owner))
        bench.checkpoint.observe(event, event.t)
    assert samples(bench) == []
    event = login(20, ("198.18.9.5", other))
    bench.checkpoint.observe(event, event.t)
    [sample] = samples(bench)
    assert bench.journal.records == []
    assert sample.findings == {"new_network": sample.score}


def test_a_decision_carries_its_lines_and_is_not_spooled(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 12.0)
    bench.ask()
    assert bench.journal.records[0].thresholds == LINES
    assert samples(bench) == []


def test_an_ordinary_event_pays_less_than_five_microseconds() -> None:
    curve = Curve()
    for number in range(5000):
        curve.see(5.0, number, f"m{number}@shop.test")
    event = detection.Login(NOW, ALICE, "", detection.NOWHERE, "imap", True)
    profile, judged = MailboxProfile(), Assessment(ALICE, NOW, 1.0)
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(2000):
            curve.sampler.see(event, profile, judged, None, NOW)
        best = min(best, (time.perf_counter() - started) / 2000)
    assert best < 5e-6
