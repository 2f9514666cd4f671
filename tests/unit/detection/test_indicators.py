"""Weights: where each begins, its cap, and the confuser it must leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection import indicators

counts = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("seen", "own", "expected"), [(4, 0, 0.0), (5, 0, 0.21), (10, 0, 1.42), (10, 10, 0.0), (30, 0, 3.50), (99, 0, 4.0)]
)
def test_many_networks(seen: float, own: float, expected: float) -> None:
    assert indicators.many_networks(seen, own) == pytest.approx(expected, abs=0.01)


def test_a_password_guesser_failed_at_three_others() -> None:
    assert [indicators.password_guesser(others) for others in (0, 2, 3, 8)] == [0.0, 0.0, 3.5, 3.5]


@pytest.mark.parametrize(
    ("hour", "day", "familiar", "expected"),
    [
        (3, 8, False, 0.0),
        (9, 8, False, 1.83),
        (17, 17, False, 4.39),
        (5000, 5000, False, 8.0),
        (5000, 5000, True, 3.4),
        (0, 99, False, 4.82),
    ],
)
def test_new_recipients(hour: float, day: float, familiar: bool, expected: float) -> None:
    assert indicators.new_recipients(hour, day, 0, 0, familiar) == pytest.approx(expected, abs=0.01)


def test_own_maxima_excuse_a_stranger_half_as_much() -> None:
    assert indicators.new_recipients(100, 100, 70, 70, True) == 0.0
    assert indicators.new_recipients(100, 100, 70, 70, False) > 1.0


@pytest.mark.parametrize(("hour", "own", "expected"), [(29, 0, 0.0), (40, 0, 0.62), (40, 10, 0.0), (999, 0, 2.0)])
def test_message_burst(hour: float, own: float, expected: float) -> None:
    assert indicators.message_burst(hour, own) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("hour", "day", "known", "expected"),
    [
        (8, 39, 0.0, 0.0),
        (60, 39, 0.0, 7.65),
        (60, 39, 0.02, 7.65),
        (60, 39, 0.125, 3.82),
        (60, 39, 0.2, 0.0),
        (9, 300, 0.0, 6.47),
        (9, 300, 0.3, 0.0),
        (5000, 5000, 0.0, 8.5),
    ],
)
def test_a_run_of_strangers(hour: float, day: float, known: float, expected: float) -> None:
    assert indicators.run_of_strangers(hour, day, known, known, 0, 0) == pytest.approx(expected, abs=0.01)


def test_own_maxima_leave_room_for_a_web_form_or_a_shop() -> None:
    assert indicators.run_of_strangers(60, 60, 0.0, 0.0, 40, 40) == 0.0


@pytest.mark.parametrize(("hour", "own", "expected"), [(5, 0, 0.0), (19, 0, 2.41), (19, 4, 1.60), (999, 0, 4.0)])
def test_a_burst_from_an_unfamiliar_source(hour: float, own: float, expected: float) -> None:
    assert indicators.strange_burst(hour, own) == pytest.approx(expected, abs=0.01)


def test_the_own_bounce_rate_has_a_prior_and_bounds() -> None:
    assert indicators.own_bounce_rate(0, 0) == pytest.approx(1 / 33)
    assert indicators.own_bounce_rate(10_000, 0) == 0.015
    assert indicators.own_bounce_rate(100, 900) == 0.08


@pytest.mark.parametrize(
    ("sent", "bounced", "refused", "familiar", "expected"),
    [
        (0, 0, 0, False, 0.0),
        (50, 0, 0, False, 0.0),
        (50, 0, 0, True, -2.0),
        (2, 0, 0, True, -0.41),
        (0, 1, 0, False, 2.12),
        (0, 2, 2, False, 2.4),
        (0, 3, 0, False, 6.36),
        (0, 3, 3, False, 8.46),
        (10, 3, 0, False, 3.79),
        (100, 3, 0, False, 0.0),
        (100, 3, 0, True, -2.0),
        (70, 30, 0, False, 9.0),
    ],
)
def test_bounces(sent: float, bounced: float, refused: float, familiar: bool, expected: float) -> None:
    assert indicators.bounces(sent, bounced, refused, 0.03, familiar) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("forward", "discard", "expected"), [(0, 0, 0.0), (1, 0, 4.8), (0, 1, 3.0), (1, 1, 6.5), (0.5, 0, 2.4)]
)
def test_planted_rules(forward: float, discard: float, expected: float) -> None:
    assert indicators.planted_rules(forward, discard) == pytest.approx(expected)


@given(counts, counts, counts, counts, st.booleans())
def test_no_weight_leaves_its_cap(a: float, b: float, c: float, d: float, familiar: bool) -> None:
    assert 0 <= indicators.many_networks(a, b) <= 4
    assert 0 <= indicators.new_recipients(a, b, c, d, familiar) <= (3.4 if familiar else 8)
    assert 0 <= indicators.message_burst(a, b) <= 2
    usual = indicators.own_bounce_rate(c, d)
    assert (-2 if familiar else 0) <= indicators.bounces(a, b, min(b, c), usual, familiar) <= 9


@given(counts, st.floats(0, 1e5), st.booleans())
def test_more_strangers_never_weigh_less(hour: float, more: float, familiar: bool) -> None:
    weigh = indicators.new_recipients
    assert weigh(hour, hour, 3, 9, familiar) <= weigh(hour + more, hour + more, 3, 9, familiar) + 1e-9
