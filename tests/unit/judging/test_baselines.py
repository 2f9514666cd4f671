"""Each simple rule trips where its source says, and not one event earlier."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evals import baselines, network

T = 1_780_000_000.0
HOUR = 3600.0


def tripped(rule: type[baselines.Rule], events: list[dict[str, Any]]) -> list[float]:
    """Seconds after T at which the rule decided."""
    lines = [json.dumps({"account": "x@a.test", **event, "t": T + event["t"]}) for event in events]
    return [decision["t"] - T for decision in baselines.judge(lines)[rule.name]]


def login(t: float, country: str, **other: Any) -> dict[str, Any]:
    usual = {"kind": "login", "ip": "198.18.0.1", "country": country, "protocol": "smtp", "success": True}
    return {"t": t, **usual, **other}


def recipients(number: int, pause: float) -> list[dict[str, Any]]:
    return [{"t": n * pause, "kind": "rcpt"} for n in range(number)]


def results(bounced: list[bool], pause: float = 60.0) -> list[dict[str, Any]]:
    return [
        {"t": n * pause, "kind": "delivery", "status": "bounced" if bad else "sent"} for n, bad in enumerate(bounced)
    ]


@pytest.mark.parametrize(("rule", "most"), [(baselines.Hourly100, 100), (baselines.Hourly500, 500)])
def test_an_hourly_limit_stops_the_first_recipient_beyond_it(rule: type[baselines.HourlyLimit], most: int) -> None:
    assert tripped(rule, recipients(most, 1.0)) == []
    assert tripped(rule, recipients(most + 50, 1.0)) == [most]
    # One in 36 seconds is a hundred an hour, for ever.
    assert tripped(baselines.Hourly100, recipients(1000, 36.0)) == []


def test_three_countries_count_within_a_day_only() -> None:
    rule = baselines.CountryCount
    assert tripped(rule, [login(0, "JP"), login(HOUR, "KR"), login(2 * HOUR, "JP")]) == []
    assert tripped(rule, [login(0, "JP"), login(HOUR, "KR"), login(2 * HOUR, "TW")]) == [2 * HOUR]
    assert tripped(rule, [login(0, "JP"), login(HOUR, "KR"), login(24 * HOUR, "TW")]) == []


def test_the_plugin_counts_addresses_too() -> None:
    rule = baselines.AntiGeoip
    logins = [login(n, "JP", ip=f"198.18.0.{n}") for n in range(25)]
    assert tripped(rule, logins[:20]) == []
    assert tripped(rule, logins) == [20]
    assert tripped(rule, [login(n, country) for n, country in enumerate("JP KR TW TH VN".split())]) == []
    assert tripped(rule, [login(n, country) for n, country in enumerate("JP KR TW TH VN SG".split())]) == [5]


def test_an_airliner_is_possible_and_a_minute_is_not() -> None:
    rule = baselines.ImpossibleTravel
    assert 8000 < baselines.kilometres("JP", "GB") < 10_500
    assert tripped(rule, [login(0, "JP"), login(12 * HOUR, "GB")]) == []
    assert tripped(rule, [login(0, "JP"), login(8 * HOUR, "GB")]) == [8 * HOUR]
    assert tripped(rule, [login(0, "JP"), login(60, "GB", protocol="imap")]) == []


def test_every_country_of_the_simulator_has_a_centre() -> None:
    assert {network.HOME, *network.WORLD, *network.CLOUD_COUNTRIES} <= set(baselines.CENTRES)


def test_a_new_country_trips_after_the_first_day() -> None:
    rule = baselines.NewCountry
    assert tripped(rule, [login(0, "JP"), login(HOUR, "KR"), login(50 * HOUR, "KR")]) == []
    assert tripped(rule, [login(0, "JP"), login(25 * HOUR, "KR"), login(50 * HOUR, "KR")]) == [25 * HOUR]
    assert tripped(rule, [login(0, "JP"), login(25 * HOUR, "KR", success=False)]) == []


def test_the_bounce_rules_want_their_share_and_their_number() -> None:
    assert tripped(baselines.BounceRule, results([True] * 19)) == []
    assert tripped(baselines.BounceRule, results([False] * 15 + [True] * 6)) == []
    assert tripped(baselines.BounceRule, results([False] * 15 + [True] * 7)) == [21 * 60.0]
    assert tripped(baselines.BounceBurst, results([True] * 9)) == []
    assert tripped(baselines.BounceBurst, results([True] * 10)) == [9 * 60.0]
    assert tripped(baselines.BounceBurst, results([True] * 30, pause=601.0)) == []


def test_failures_alone_refuse_only_the_guesser_s_own_login() -> None:
    rule = baselines.FailuresOnly
    wrong = [login(n, "RU", success=False, pwhash=f"{n:03x}") for n in range(51)]
    assert tripped(rule, [*wrong[:50], login(60, "RU")]) == []
    assert tripped(rule, [*wrong, login(60, "JP", ip="198.18.0.2")]) == []
    assert tripped(rule, [*wrong, login(60, "RU")]) == [60]
    # The same old password, again and again, is one.
    same = [login(n, "RU", success=False, pwhash="a01") for n in range(500)]
    assert tripped(rule, [*same, login(600, "RU")]) == []


def test_a_tripped_rule_is_quiet_for_a_day() -> None:
    events = [{"t": hour * HOUR + n * 1.0, "kind": "rcpt"} for hour in (0, 5, 25) for n in range(150)]
    assert tripped(baselines.Hourly100, events) == [100, 25 * HOUR + 100]
