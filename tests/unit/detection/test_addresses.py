"""Address data: nested and neighbouring networks, both families, and unreadable lines."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.detection import AddressDataError, AddressTable, addresses
from sekisho.detection.events import NOWHERE, Place

LINES = """\
network,country,asn,owner
# comment
10.0.0.0/8,JP,64500,"Outer, Ltd."

10.1.0.0/16,kr,AS64501,Inner
10.1.2.0/24,CN,64502,Innermost
10.2.0.0/16,US,64503,Neighbour
2001:db8::/32,JP,64510,Six
2001:db8:1::/48,DE,,
255.255.255.0/24,FR,64520,Last
""".splitlines()


def place(ip: str) -> tuple[str, int]:
    found = AddressTable.from_lines(LINES).place(ip)
    return found.country, found.asn


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("9.255.255.255", ("", 0)),
        ("10.0.0.0", ("JP", 64500)),
        ("10.0.255.255", ("JP", 64500)),
        ("10.1.0.0", ("KR", 64501)),
        ("10.1.1.255", ("KR", 64501)),
        ("10.1.2.0", ("CN", 64502)),
        ("10.1.2.255", ("CN", 64502)),
        ("10.1.3.0", ("KR", 64501)),
        ("10.1.255.255", ("KR", 64501)),
        ("10.2.0.0", ("US", 64503)),
        ("10.3.0.0", ("JP", 64500)),
        ("10.255.255.255", ("JP", 64500)),
        ("11.0.0.0", ("", 0)),
        ("255.255.255.255", ("FR", 64520)),
        ("2001:db8::1", ("JP", 64510)),
        ("2001:db8:1:ffff::1", ("DE", 0)),
        ("2001:db8:2::", ("JP", 64510)),
        ("2001:db9::", ("", 0)),
        ("::ffff:10.1.2.3", ("CN", 64502)),
    ],
)
def test_the_smallest_network_around_an_address_counts(ip: str, expected: tuple[str, int]) -> None:
    assert place(ip) == expected


def test_a_place_names_the_network_and_the_owner() -> None:
    table = AddressTable.from_lines(LINES)
    assert table.place("10.9.8.7") == Place("JP", 64500, "Outer, Ltd.", "10.9.8.0/24")
    assert table.place("2001:db8:1:2::3").network == "2001:db8:1::/48"
    assert table.place("10.9.8.7") is table.place("10.9.8.7")
    assert len(table) == 7


def test_the_places_kept_ready_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "CACHED_PLACES", 3)
    table = AddressTable.from_lines(LINES)
    for number in range(10):
        assert table.place(f"10.1.2.{number}").country == "CN"
    assert len(table._cache) <= 3


def test_equal_networks_and_equal_owners_are_kept_once() -> None:
    table = AddressTable([("10.0.0.0/8", "JP", 1, "x"), ("11.0.0.0/8", "JP", 1, "x"), ("10.0.0.0/8", "KR", 2, "y")])
    assert table.place("11.1.1.1").asn == 1
    assert table.place("10.1.1.1").asn == 2


def test_without_data_only_the_network_is_known() -> None:
    assert AddressTable().place("192.0.2.77") == Place(network="192.0.2.0/24")
    assert len(AddressTable()) == 0


@pytest.mark.parametrize("ip", ["", "unknown", "192.0.2", "192.0.2.256", "1.2.3.4.5", "::g", "10.1.2.3\n"])
def test_what_is_no_address_is_nowhere(ip: str) -> None:
    assert AddressTable.from_lines(LINES).place(ip) == NOWHERE


@pytest.mark.parametrize(
    "line",
    [
        "10.0.0.1/8,JP,1,x",
        "hello",
        "10.0.0.0/8,JPN,1,x",
        "10.0.0.0/8,1P,1,x",
        "10.0.0.0/8,JP,ASx,y",
        "10/8,JP,1,",
        "10.0.0.0/8,JP,-1,x",
        "10.0.0.0/8,JP,AS4294967296,x",
        "10.0.0.0/8,JP," + "9" * 5000 + ",x",
    ],
)
def test_it_names_the_line_it_cannot_read(line: str) -> None:
    with pytest.raises(AddressDataError, match="line 2"):
        AddressTable.from_lines(["192.0.2.0/24,JP,1,x", line])


def test_the_largest_as_number_is_read_and_none_is_nought() -> None:
    table = AddressTable.from_lines(["10.0.0.0/8,JP,AS4294967295,x", "11.0.0.0/8,JP,,x"])
    assert (table.place("10.1.1.1").asn, table.place("11.1.1.1").asn) == (4_294_967_295, 0)


def test_it_refuses_a_row_without_network() -> None:
    with pytest.raises(AddressDataError, match="no network"):
        AddressTable([("nowhere", "JP", 1, "x")])


networks = st.builds(
    lambda number, length: ipaddress.ip_network((number & (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF, length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.lists(networks, unique=True, max_size=12), st.lists(st.integers(0, 2**32 - 1), max_size=8))
def test_it_agrees_with_a_plain_search(nets: list[ipaddress.IPv4Network], numbers: list[int]) -> None:
    table = AddressTable((str(network), "JP", asn, "") for asn, network in enumerate(nets, start=1))
    edges = [int(edge) for network in nets for edge in (network.network_address, network.broadcast_address)]
    for number in [*numbers, *edges]:
        address = ipaddress.IPv4Address(number)
        around = [(network.prefixlen, asn) for asn, network in enumerate(nets, start=1) if address in network]
        assert table.place(str(address)).asn == (max(around)[1] if around else 0)
