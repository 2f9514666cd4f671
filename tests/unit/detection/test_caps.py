"""The caps people read are those the findings really have."""

from __future__ import annotations

import pytest

from sekisho.detection import indicators
from sekisho.detection.caps import caps
from sekisho.detection.limits import DEFAULT_LIMITS, Limits
from sekisho.detection.places import OpenSource, weigh_open
from sekisho.detection.reading import bulk_reading

MANY = 1e9
MOST = caps(DEFAULT_LIMITS)


def home(asn: int) -> OpenSource:
    return OpenSource(0.0, 0.0, 2.2, "JP", asn, False)


def abroad(country: str) -> OpenSource:
    return OpenSource(0.0, 0.0, 3.9, country, 1, True)


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("new_network", weigh_open([home(asn) for asn in range(12)])),
        ("new_country", weigh_open([abroad("NG"), *[home(asn) for asn in range(11)]])),
        ("many_countries", weigh_open([abroad(f"{number}") for number in range(12)])),
        ("many_networks", indicators.many_networks(MANY, 0)),
        ("password_guesser", indicators.password_guesser(1000)),
        ("shared_stranger", indicators.shared_stranger(1000)),
        ("bulk_reading", bulk_reading(MANY, 0)),
        ("forward_rule", indicators.planted_rules(1, 0)),
        ("discard_rule", indicators.planted_rules(0, 1)),
        ("new_recipients", indicators.run_of_strangers(MANY, MANY, 0, 0, 0, 0)),
        ("message_burst", indicators.strange_burst(MANY, 0)),
        ("bounces", indicators.bounces(0, MANY, MANY, 0.015, False)),
        ("complaints", indicators.complaints(1000, 0)),
    ],
)
def test_a_cap_is_reached_and_never_passed(name: str, weight: float) -> None:
    assert weight == pytest.approx(MOST[name])


def test_neither_familiar_nor_strange_recipients_weigh_more_than_the_run() -> None:
    assert (
        max(indicators.new_recipients(MANY, MANY, 0, 0, familiar) for familiar in (True, False))
        < MOST["new_recipients"]
    )
    assert indicators.message_burst(MANY, 0) < MOST["message_burst"]


def test_what_stands_beside_the_sum_follows_the_threshold() -> None:
    other = caps(Limits(suspend=7.5))
    assert other["hard_cap"] == other["burned_password"] == 7.5
