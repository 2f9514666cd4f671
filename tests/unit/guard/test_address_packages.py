"""The address data that Debian 12 ships, unpacked by setup/prepare.sh. A missing package is a failure, not a skip."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from sekisho.guard import address_sources
from sekisho.guard.address_libloc import LiblocTable
from sekisho.guard.address_tor import TorTable
from sekisho.guard.places import read_places

UNPACKED = Path(__file__).parents[3] / ".venv" / "address-data"
TOR = UNPACKED / "usr" / "share" / "tor" / "geoip"
LIBLOC = UNPACKED / "usr" / "share" / "libloc-location" / "location.db"
JANUARY_2026, JULY_2022 = 1_767_225_600, 1_656_633_600


@pytest.fixture(scope="module")
def tor() -> TorTable:
    return TorTable(TOR)


@pytest.fixture(scope="module")
def libloc() -> LiblocTable:
    return LiblocTable(LIBLOC)


def test_tor_geoipdb_as_shipped_is_read(tor: TorTable) -> None:
    assert len(tor) > 500_000 and tor.built_at > JANUARY_2026
    # Google's resolvers, IIJ, the loopback and an address for documentation.
    expected = {"8.8.8.8": "US", "2001:4860:4860::8888": "US", "210.130.1.1": "JP", "127.0.0.1": "", "192.0.2.1": ""}
    assert {ip: tor.place(ip).country for ip in expected} == expected


def test_the_location_database_as_shipped_is_read(libloc: LiblocTable) -> None:
    assert len(libloc) > 1_000_000 and libloc.built_at > JULY_2022
    # As `location lookup` of Debian 12 prints them.
    expected = {
        "8.8.8.8": ("US", 15169, "GOOGLE"),
        "2001:4860:4860::8888": ("US", 15169, "GOOGLE"),
        "52.125.1.1": ("US", 8075, "MICROSOFT-CORP-MSN-AS-BLOCK"),
        "133.242.0.1": ("JP", 7684, "SAKURA internet // HOKKAIDO BACKBONE"),
        "203.0.113.9": ("AU", 0, ""),
        "10.0.0.1": ("", 0, ""),
    }
    found = {ip: libloc.place(ip) for ip in expected}
    assert {ip: (place.country, place.asn, place.owner) for ip, place in found.items()} == expected


def test_both_agree_about_nearly_every_address(tor: TorTable, libloc: LiblocTable) -> None:
    """They are IPFire's data of different years in formats that have nothing in common."""
    rng = Random(1)
    both = agreed = 0
    for number in range(20_000):
        parts = [rng.randrange(65_536) for _ in range(3)]
        v6 = number % 2
        ip = f"2a0{parts[0] % 16:x}:{parts[1]:x}:{parts[2]:x}::1" if v6 else f"{parts[0] % 223 + 1}.{parts[1] >> 8}.1.1"
        ours, theirs = tor.place(ip).country, libloc.place(ip).country
        both += bool(ours and theirs)
        agreed += bool(ours) and ours == theirs
    assert both > 10_000 and agreed > 0.9 * both, (both, agreed)


def test_they_are_found_where_debian_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert str(TOR.relative_to(UNPACKED)) == address_sources.KNOWN_FILES[0].lstrip("/")
    assert str(LIBLOC.relative_to(UNPACKED)) == address_sources.KNOWN_FILES[2].lstrip("/")
    here = tuple(f"{UNPACKED}{path}" for path in address_sources.KNOWN_FILES)
    monkeypatch.setattr(address_sources, "KNOWN_FILES", here)
    places = read_places("", ())
    assert [source.kind for source in places.sources] == ["tor-geoipdb", "IPFire location database"]
    found = places.source("52.125.1.1")[1]
    assert (found.country, found.asn) == ("US", 8075)
