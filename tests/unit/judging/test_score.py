"""What the scorer counts as out, as caught and as hurt, and the bounds it states."""

from __future__ import annotations

from typing import Any

import pytest
from evals import report, score, world

T = 1_780_000_000.0
HOUR, DAY = 3600.0, 86_400.0


def stop(t: float, action: str, limit: int | None = None) -> dict[str, Any]:
    return {"t": T + t, "account": "x@a.test", "action": action} | ({} if limit is None else {"limit": limit})


def out(decisions: list[dict[str, Any]], number: int = 7200, pause: float = 1.0) -> int:
    """Of one spam recipient a second, for two hours, how many left."""
    return score.leaked([T + n * pause for n in range(number)], decisions)


def test_without_a_stop_all_of_it_leaves() -> None:
    assert out([]) == 7200
    assert out([stop(5, "alert")]) == 7200


def test_the_recipient_that_decided_does_not_leave() -> None:
    assert out([stop(0, "suspend")]) == 0
    assert out([stop(100, "suspend")]) == 100


def test_mail_that_leaves_while_restricted_counts() -> None:
    # A hundred before, then ten in each of two hours (7100 seconds).
    assert out([stop(100, "throttle", 10)]) == 120
    assert out([stop(100, "throttle", 0)]) == 100
    # Fewer than the limit: all of them.
    assert out([stop(0, "throttle", 10)], number=8, pause=600.0) == 8


def test_a_suspension_ends_what_a_restriction_lets_through() -> None:
    assert out([stop(100, "throttle", 10), stop(105, "suspend")]) == 105
    assert out([stop(105, "suspend"), stop(100, "throttle", 10)]) == 105
    assert out([stop(100, "suspend"), stop(105, "throttle", 10)]) == 100


def test_a_tighter_limit_counts_from_its_own_moment() -> None:
    assert out([stop(100, "throttle", 50), stop(120, "throttle", 10)]) == 100 + 20 + 10
    assert out([stop(100, "throttle", 10), stop(3700, "throttle", 0)]) == 110


def run(decisions: list[dict[str, Any]], attack: str | None = None, days: int = 60) -> score.Scored:
    truth = {"traits": ["office"], "born": T, "attack": attack, "start": T + 40 * DAY if attack else None}
    truth["spam"] = [T + 40 * DAY + n for n in range(10)] if attack else []
    return score.score([score.Run(T, days, {"x@a.test": truth}, decisions)])


def test_a_month_with_three_false_suspensions_is_one_month() -> None:
    found = run([stop(DAY, "suspend"), stop(2 * DAY, "suspend"), stop(3 * DAY, "alert"), stop(35 * DAY, "suspend")])
    healthy = found.healthy["office"]
    assert healthy.months == pytest.approx(2.0)
    assert healthy.hurt == {"suspend": 2, "throttle": 0, "alert": 1}
    assert found.healthy["all"].hurt == healthy.hurt


def test_a_stop_before_the_attack_hurts_and_catches_nothing() -> None:
    found = run([stop(DAY, "suspend")], "blast")
    assert found.takeovers["blast"].contained == 0
    assert found.takeovers["blast"].out == [10]
    assert found.healthy["all"].hurt["suspend"] == 1
    # Healthy until the attack began.
    assert found.healthy["all"].months == pytest.approx(40 / 30)


def test_a_throttled_takeover_is_contained_and_an_alert_only_a_reaction() -> None:
    throttled = run([stop(40 * DAY + 5, "throttle", 2)], "drip").takeovers["drip"]
    assert (throttled.suspended, throttled.contained, throttled.reacted, throttled.out) == (0, 1, 1, [7])
    alerted = run([stop(40 * DAY + 120, "alert")], "manual").takeovers["manual"]
    assert (alerted.suspended, alerted.contained, alerted.reacted, alerted.minutes) == (0, 0, 1, [2.0])


# One-sided 95 % bounds of Clopper and Pearson: 1 - 0.95^(1/n) for one hit, 0.05^(1/n) for all, and the lower ends of
# the printed two-sided 90 % intervals of 5 and 8 in 10.
@pytest.mark.parametrize(
    ("found", "n", "known"),
    [(0, 10, 0.0), (1, 10, 0.005116), (5, 10, 0.222441), (8, 10, 0.493099), (10, 10, 0.741134), (27, 27, 0.894981)],
)
def test_shares_have_clopper_and_pearson_s_lower_bound(found: int, n: int, known: float) -> None:
    assert score.share_lower(found, n) == pytest.approx(known, abs=1e-5)


# Half the 95 % quantile of chi-square with 2k + 2 degrees of freedom.
@pytest.mark.parametrize(("events", "known"), [(0, 2.995732), (1, 4.743865), (3, 7.753657), (10, 16.962219)])
def test_rates_have_the_exact_poisson_upper_bound(events: int, known: float) -> None:
    assert score.poisson_upper(events, 1.0) == pytest.approx(known, abs=1e-5)
    assert score.poisson_upper(events, 100.0) == pytest.approx(known / 100, abs=1e-7)


def test_many_events_have_a_bound_above_their_number() -> None:
    # Wilson and Hilferty's approximation of the same quantile gives 866.634.
    assert score.poisson_upper(818, 1.0) == pytest.approx(866.634, abs=1e-3)


def test_no_months_bound_nothing() -> None:
    assert score.poisson_upper(0, 0.0) == float("inf")
    assert score.quantile([], 0.5) != score.quantile([], 0.5)
    assert score.number(score.quantile([], 0.5)) == "–"


def test_the_report_has_seeds_and_a_world_that_nothing_was_tuned_on() -> None:
    assert not set(report.CALIBRATION_SEEDS) & set(report.REPORT_SEEDS)
    assert set(report.CALIBRATION_WORLDS) < set(world.WORLDS)
    tuned = [world.WORLDS[name] for name in report.CALIBRATION_WORLDS]
    assert all(kind not in tuned for name, kind in world.WORLDS.items() if name not in report.CALIBRATION_WORLDS)


@pytest.mark.parametrize("name", sorted(world.WORLDS))
def test_no_event_of_a_reported_company_was_seen_while_tuning(name: str) -> None:
    def lines(seed: int, name: str) -> set[str]:
        return {line for _, line in world.build(seed, 3, 6, name).events()}

    reported = lines(report.REPORT_SEEDS[0], name)
    assert reported
    for seed in report.CALIBRATION_SEEDS:
        assert not any(reported & lines(seed, other) for other in report.CALIBRATION_WORLDS)
