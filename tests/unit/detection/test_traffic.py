"""Sliding windows out of two clock buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection.limits import DAY, HOUR
from sekisho.detection.traffic import Traffic

START = 20_000 * DAY


def test_a_burst_counts_at_once_and_leaves_slowly() -> None:
    traffic = Traffic()
    traffic.turn(START)
    for _ in range(40):
        traffic.count_new_recipient(START)
        traffic.count_message(START)
    assert traffic.new_in_hour(START) == traffic.new_in_day(START) == traffic.messages_in_hour(START) == 40
    for minutes, expected in ((60, 40), (75, 30), (119, 40 / 60)):
        traffic.turn(START + minutes * 60)
        assert traffic.new_in_hour(START + minutes * 60) == pytest.approx(expected)
        assert traffic.messages_in_hour(START + minutes * 60) == pytest.approx(expected)
    traffic.turn(START + 2 * HOUR)
    assert traffic.new_in_hour(START + 2 * HOUR) == 0
    assert traffic.new_in_day(START + 2 * HOUR) == 40
    traffic.turn(START + 1.5 * DAY)
    assert traffic.new_in_day(START + 1.5 * DAY) == 20
    assert traffic.first_at == START
    traffic.turn(START + 3 * DAY)
    assert traffic.new_in_day(START + 3 * DAY) == 0
    assert traffic.first_at == 0.0


def test_results_leave_within_two_days() -> None:
    traffic = Traffic()
    traffic.turn(START)
    traffic.sent, traffic.bounced, traffic.refused = 10, 4, 2
    assert traffic.results(START) == (10, 4, 2)
    traffic.turn(START + 1.75 * DAY)
    assert traffic.results(START + 1.75 * DAY) == (2.5, 1.0, 0.5)
    traffic.turn(START + 5 * DAY)
    assert traffic.results(START + 5 * DAY) == (0, 0, 0)


def test_the_busiest_hour_of_the_day_is_kept() -> None:
    traffic = Traffic()
    for hour, count in enumerate((3, 9, 1)):
        traffic.turn(START + hour * HOUR)
        for _ in range(count):
            traffic.count_new_recipient(START + hour * HOUR)
            traffic.count_message(START + hour * HOUR)
    assert (traffic.most_new, traffic.most_messages, traffic.new_day) == (9, 9, 13)


def test_a_clock_that_jumps_back_changes_nothing() -> None:
    traffic = Traffic()
    traffic.turn(START)
    traffic.count_new_recipient(START)
    traffic.turn(START - 5 * HOUR)
    assert traffic.new_in_hour(START) == 1


@given(st.lists(st.floats(0, 5000), max_size=80))
def test_the_estimate_is_never_more_than_two_hours_worth(gaps: list[float]) -> None:
    traffic, now, times = Traffic(), START, []
    for gap in gaps:
        now += gap
        traffic.turn(now)
        traffic.count_new_recipient(now)
        times.append(now)
        assert traffic.new_in_hour(now) <= sum(1 for at in times if at > now - 2 * HOUR)
        assert traffic.new_in_hour(now) >= sum(1 for at in times if at // HOUR == now // HOUR)
