"""How much strangers read: windows, caps, and what the owner's own programs excuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.limits import DAY
from sekisho.detection.reading import READ_MOST, Reading, bulk_reading

NOW = 20_000 * DAY + 0.5 * DAY


def test_a_strangers_session_counts_and_the_owners_does_not() -> None:
    reading = Reading()
    reading.count(8_000_000, 10, True, NOW)
    reading.count(90_000_000, 900, False, NOW)
    assert reading.by_strangers(NOW) == pytest.approx(8.0)
    assert reading.own == pytest.approx(90.0)


def test_messages_count_when_octets_are_not_known() -> None:
    reading = Reading()
    reading.count(0, 200, True, NOW)
    assert reading.by_strangers(NOW) == pytest.approx(15.0)


def test_yesterdays_reading_fades_out_within_the_next_day() -> None:
    reading = Reading()
    reading.count(10_000_000, 0, True, NOW)
    later = NOW + 0.75 * DAY
    reading.turn(later)
    assert reading.by_strangers(later) == pytest.approx(7.5)
    reading.turn(NOW + 2 * DAY)
    assert reading.by_strangers(NOW + 2 * DAY) == 0.0
    assert reading.first_at == 0.0


@pytest.mark.parametrize(
    ("megabytes", "own_most", "expected"),
    [(2.9, 0.0, 0.0), (10.0, 0.0, 1.44), (10.0, 10.0, 0.0), (300.0, 2.0, READ_MOST), (60.0, 5.0, 2.42)],
)
def test_reading_weighs_against_the_owners_busiest_day(megabytes: float, own_most: float, expected: float) -> None:
    assert bulk_reading(megabytes, own_most) == pytest.approx(expected, abs=0.01)


@given(st.floats(0, 1e12), st.floats(0, 1e9))
def test_reading_stays_within_its_bounds(megabytes: float, own_most: float) -> None:
    assert 0.0 <= bulk_reading(megabytes, own_most) <= READ_MOST
