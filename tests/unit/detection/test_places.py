"""D1: what a place weighs for mailboxes with different histories."""

from __future__ import annotations

import pytest

from sekisho.detection.events import Place
from sekisho.detection.host import DomainHabits
from sekisho.detection.places import OpenSource, Source, is_trusted, network_key, weigh_open, weigh_source

NETWORK = "10.0.1.0/24"
HOME = Place("JP", 64_501, "Home", NETWORK)
DAY = 20_000


def row(days: int) -> int:
    return DAY << 8 | days


def weigh(
    place: Place,
    days: int = 30,
    networks: dict[str, int] | None = None,
    asns: dict[int, int] | None = None,
    countries: dict[str, int] | None = None,
    domain: DomainHabits | None = None,
    owner_networks: dict[int, int] | None = None,
    opened: frozenset[str] = frozenset(),
) -> Source:
    """A source for a mailbox that was `days` in Japan behind one owner, unless told otherwise."""
    networks = {NETWORK: days} if networks is None else networks
    asns = {64_501: days} if asns is None else asns
    countries = {"JP": days} if countries is None else countries
    return weigh_source(
        place,
        days,
        {network_key(network): row(seen) for network, seen in networks.items()},
        {asn: row(seen) for asn, seen in asns.items()},
        {country: row(seen) for country, seen in countries.items()},
        domain or DomainHabits(),
        owner_networks or {},
        opened,
    )


def test_a_country_that_was_opened_is_no_new_one_but_its_networks_owner_is() -> None:
    there = Place("TH", 65_100, "Thai Net", "198.51.100.0/24")
    closed, opened = weigh(there), weigh(there, opened=frozenset({"TH"}))
    assert closed.foreign and not opened.foreign
    assert opened.weight == weigh(Place("JP", 65_100, "Thai Net", "198.51.100.0/24")).weight < closed.weight
    assert not (opened.by_network or opened.by_owner)
    assert weigh(there, opened=frozenset({"KR"})) == closed


def test_a_familiar_network_speaks_for_the_owner() -> None:
    found = weigh(HOME)
    assert (found.weight, found.by_network, found.foreign) == (-3.5, True, False)


def test_a_new_network_of_a_familiar_owner_speaks_a_little_for_him() -> None:
    found = weigh(Place("JP", 64_501, "Home", "10.0.9.0/24"))
    assert (found.weight, found.by_network, found.by_owner) == (-0.8, False, True)


@pytest.mark.parametrize(("networks", "expected"), [(1, 2.2), (2, 1.62), (4, 0.69)])
def test_a_new_network_of_an_owner_whose_address_never_changes_is_strange(networks: int, expected: float) -> None:
    found = weigh(Place("JP", 64_501, "Home", "10.0.9.0/24"), owner_networks={64_501: networks})
    assert found.weight == pytest.approx(expected, abs=0.01)
    assert not found.by_owner


def test_a_new_network_of_an_owner_whose_address_changes_weekly_is_familiar() -> None:
    assert weigh(Place("JP", 64_501, "Home", "10.0.9.0/24"), owner_networks={64_501: 8}).by_owner


@pytest.mark.parametrize(("known", "expected"), [(1, 2.2), (4, 2.08), (8, 1.286), (16, 0.546)])
def test_a_new_owner_weighs_less_for_who_changes_often(known: int, expected: float) -> None:
    found = weigh(Place("JP", 64_999, "", "10.9.9.0/24"), asns={64_501 + n: 30 for n in range(known)})
    assert found.weight == pytest.approx(expected, abs=0.01)
    assert not found.foreign and not found.by_owner


@pytest.mark.parametrize(("known", "expected"), [(1, 3.9), (2, 2.61), (4, 1.53), (8, 0.69)])
def test_a_new_country_weighs_less_for_travellers(known: int, expected: float) -> None:
    countries = {country: 30 for country in ("JP", "AA", "BB", "CC", "DD", "EE", "FF", "GG")[:known]}
    found = weigh(Place("XX", 65_000, "", "10.9.9.0/24"), countries=countries)
    assert found.weight == pytest.approx(expected, abs=0.01)
    assert found.foreign


@pytest.mark.parametrize(("days", "share"), [(0, 0.0), (1, 1 / 6), (3, 0.5), (6, 1.0), (60, 1.0)])
def test_little_history_says_little(days: int, share: float) -> None:
    found = weigh(Place("XX", 65_000, "", "10.9.9.0/24"), days=days)
    assert found.weight == pytest.approx(3.9 * share, abs=0.01)


def test_days_in_a_country_settle_it() -> None:
    weights = [
        weigh(Place("XX", 65_000, "", "10.9.9.0/24"), countries={"JP": 30, "XX": days}).weight for days in (0, 1, 2)
    ]
    assert weights[0] == pytest.approx(3 * weights[2])
    assert weights[1] == pytest.approx(2 * weights[2])
    settled = weigh(Place("XX", 65_000, "", "10.9.9.0/24"), countries={"JP": 30, "XX": 3})
    assert not settled.foreign


def test_the_domains_country_and_owner_are_no_strangers() -> None:
    domain = DomainHabits(30, DAY, {network_key("10.9.9.0/24"): DAY}, {65_000: DAY}, {"XX": DAY})
    there = Place("XX", 65_000, "", "10.9.9.0/24")
    assert weigh(there, domain=domain).by_owner
    assert weigh(Place("XX", 65_000, "", "10.9.8.0/24"), domain=domain).weight == 0.3
    assert not weigh(Place("XX", 65_001, "", "10.9.8.0/24"), domain=domain).foreign


def test_a_mailbox_without_history_is_a_stranger_where_its_domain_is() -> None:
    domain = DomainHabits(30, DAY, {}, {}, {"JP": DAY})
    found = weigh(Place("XX", 65_000, "", "10.9.9.0/24"), 0, {}, {}, {}, domain)
    assert found.weight == 3.5 and found.foreign


def test_a_mail_apps_cloud_has_no_country() -> None:
    found = weigh(Place("US", 8075, "", "10.9.9.0/24"))
    assert (found.weight, found.foreign) == (0.6, False)
    assert weigh(Place("IE", 15169, "", "10.9.9.0/24"), asns={15169: 5}).by_owner


def test_without_address_data_a_new_network_weighs_a_little() -> None:
    found = weigh(Place(network="10.9.9.0/24"), asns={}, countries={})
    assert 0.3 <= found.weight <= 1.5 and not found.foreign
    often = weigh(
        Place(network="10.9.9.0/24"), networks={f"10.8.{n}.0/24": 9 for n in range(30)}, asns={}, countries={}
    )
    assert often.weight == 0.3
    assert weigh(Place(network="10.9.9.0/24"), networks={"10.9.9.0/24": 2}).weight < found.weight / 2


def test_a_place_without_network_is_neutral() -> None:
    assert weigh(Place()).weight == 0.0
    assert not weigh(Place()).by_network
    assert weigh(Place(), networks={"": 3}).by_network


def open_source(weight: float, country: str = "", asn: int = 1) -> OpenSource:
    return OpenSource(0.0, 0.0, weight, country or "JP", asn, bool(country))


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([], 0.0),
        ([open_source(4.5, "AA")], 4.5),
        ([open_source(4.5, "AA"), open_source(4.5, "AA", 2)], 4.5),
        ([open_source(4.5, "AA"), open_source(2.0, "BB")], 5.5),
        ([open_source(4.5, c) for c in ("AA", "BB", "CC", "DD")], 10.2),
        ([open_source(4.5, f"A{n}") for n in "ABCDEFGH"], 12.0),
        ([open_source(2.2)], 2.2),
        ([open_source(2.2, asn=n) for n in range(3)], 2.8),
        ([open_source(2.2, asn=n) for n in range(30)], 3.7),
        ([open_source(4.5, "AA"), open_source(2.2)], 5.6),
        ([open_source(0.0, c) for c in ("AA", "BB", "CC")], 1.9),
    ],
)
def test_open_sources_add_up_by_country_and_owner(sources: list[OpenSource], expected: float) -> None:
    assert weigh_open(sources) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("days", "history", "trusted"),
    [
        (14, 300, True),
        (13, 300, False),
        (3, 300, False),
        (3, 6, True),
        (3, 9, True),
        (3, 10, False),
        (2, 2, False),
        (8, 27, False),
    ],
)
def test_only_long_use_is_trusted(days: int, history: int, trusted: bool) -> None:
    assert is_trusted(days, history) is trusted
