"""When a sender's server gives up, judged from its tries: never later than the truth, unless its rhythm proves more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sekisho.incidents.giving_up import MOST_GAPS, Style, add_gap, earliest, style_of

T = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = 60
HOUR = 3600

# Each server's tries as its manual has them, in seconds between two: until it gives up.
POSTFIX = [300, 600, 1200, 2400, 4000, 4200, 4100, *[4150] * 95]
EXIM = [900] * 8 + [HOUR, 5400, 8100, 12150, 18225, *[6 * HOUR] * 14]
EXCHANGE = [900] * 190
SENDMAIL = [1800] * 240


def tries(gaps: list[int]) -> list[datetime]:
    found = [T]
    for gap in gaps:
        found.append(found[-1] + timedelta(seconds=gap))
    return found


def remembered(times: list[datetime]) -> list[int]:
    gaps: list[int] = []
    for before, at in pairwise(times):
        gaps = add_gap(gaps, before, at)
    return gaps


@pytest.mark.parametrize(("rhythm", "style"), [(POSTFIX, "postfix"), (EXIM, "exim"), (EXCHANGE, "exchange")])
def test_each_servers_own_rhythm_is_known(rhythm: list[int], style: Style) -> None:
    assert style_of(rhythm) == style
    assert style_of(rhythm[:2]) == ""


@pytest.mark.parametrize(
    ("rhythm", "lifetime"), [(POSTFIX, 5 * DAY), (EXIM, 4 * DAY), (EXCHANGE, 2 * DAY), (SENDMAIL, 5 * DAY)]
)
def test_no_server_gives_up_before_the_time_we_tell(rhythm: list[int], lifetime: timedelta) -> None:
    times = [at for at in tries(rhythm) if at < T + lifetime]
    for count in range(1, len(times)):
        told = earliest(T, times[count - 1], remembered(times[:count]))
        assert T + 2 * DAY <= told <= T + lifetime, (count, times[count - 1], told)


def test_an_unknown_server_has_two_days() -> None:
    assert earliest(T, T, []) == T + 2 * DAY
    assert earliest(T, T + timedelta(hours=7), [700, 9000, 400]) == T + 2 * DAY


def test_new_mail_between_the_tries_never_makes_the_time_later_than_the_rhythm_alone() -> None:
    exchange = tries(EXCHANGE)
    disturbed = sorted([*exchange, *(at + timedelta(minutes=7) for at in exchange[::9])])
    assert earliest(T, disturbed[-1], remembered(disturbed[:60])) <= T + 4 * DAY
    assert earliest(T, disturbed[59], remembered(disturbed[:60])) == T + 2 * DAY


def test_a_single_long_silence_proves_nothing() -> None:
    """Someone who wrote again an hour later has no queue for certain."""
    assert style_of([300, 300, 4000]) == ""
    assert style_of([300, 300, 4 * HOUR]) == ""


def test_a_server_that_still_tries_after_two_days_has_a_longer_lifetime() -> None:
    assert earliest(T, T + 2 * DAY + timedelta(minutes=1), [1800] * 12) == T + 4 * DAY
    assert earliest(T, T + 4 * DAY + timedelta(minutes=1), [1800] * 12) == T + 5 * DAY
    # Beyond all defaults each try may be the last.
    assert earliest(T, T + 6 * DAY, [1800] * 12) == T + 6 * DAY


def test_recipients_of_one_message_are_no_retries_and_few_gaps_are_kept() -> None:
    assert add_gap([900], T, T + timedelta(seconds=3)) == [900]
    gaps: list[int] = []
    for _ in range(100):
        gaps = add_gap(gaps, T, T + timedelta(seconds=15 * MINUTE))
    assert gaps == [900] * MOST_GAPS
