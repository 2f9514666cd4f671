"""Places from an MMDB file that the test writes, and from broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sekisho.detection import Place
from sekisho.guard.places import read_places


def packed(value: Any) -> bytes:
    if isinstance(value, str):
        start = [0x40 | len(value)] if len(value) < 29 else [0x5D, len(value) - 29]
        return bytes(start) + value.encode()
    if isinstance(value, int):
        # The reader wants the types of its specification: node count 32 bits, build time 64, the rest 16.
        head, size = (b"\xc4", 4) if value == 1 else (b"\xa2", 2) if value < 1 << 16 else (b"\x08\x02", 8)
        return head + value.to_bytes(size, "big")
    if isinstance(value, list):
        return bytes([len(value), 4]) + b"".join(map(packed, value))
    return bytes([0xE0 | len(value)]) + b"".join(packed(key) + packed(each) for key, each in value.items())


def mmdb(record: Any) -> bytes:
    """IPv4; the lower half of all addresses has the record, the upper half none."""
    metadata: dict[str, Any] = {"node_count": 1, "record_size": 32, "ip_version": 4, "database_type": "Test"}
    metadata |= {"binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_790_000_000}
    metadata |= {"languages": ["en"], "description": {"en": "x"}}
    tree = (1 + 16).to_bytes(4, "big") + (1).to_bytes(4, "big")
    return tree + bytes(16) + packed(record) + b"\xab\xcd\xefMaxMind.com" + packed(metadata)


RECORD = {"country": {"iso_code": "JP"}, "autonomous_system_number": 64500, "autonomous_system_organization": "Net"}


def test_an_mmdb_file_names_country_owner_and_its_own_age(tmp_path: Path) -> None:
    (tmp_path / "a.mmdb").write_bytes(mmdb(RECORD))
    places = read_places(str(tmp_path / "a.mmdb"), ())
    (tmp_path / "a.mmdb").write_bytes(b"")  # an overwritten file does not disturb what was read
    assert places.source("10.1.2.3") == ("10.1.2.3", Place("JP", 64500, "Net", "10.1.2.0/24"))
    assert places.source("203.0.113.9")[1] == Place(network="203.0.113.0/24")
    assert places.source("2001:db8::1")[1] == Place(network="2001:db8::/48")
    assert (places.data_at, len(places.table)) == (1_790_000_000, 1)


def test_a_hostile_record_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "a.mmdb").write_bytes(mmdb({"country": "JP", "autonomous_system_number": "x"}))
    assert read_places(str(tmp_path / "a.mmdb"), ()).source("10.1.2.3")[1] == Place(network="10.1.2.0/24")


def test_a_broken_mmdb_file_turns_the_indicators_of_place_off(tmp_path: Path) -> None:
    (tmp_path / "a.mmdb").write_bytes(b"nothing of the kind")
    assert len(read_places(str(tmp_path / "a.mmdb"), ()).table) == 0


def test_data_older_than_half_a_year_raises_an_alarm(tmp_path: Path) -> None:
    (tmp_path / "a.mmdb").write_bytes(mmdb(RECORD))
    places = read_places(str(tmp_path / "a.mmdb"), ())
    assert places.alarms(1_790_000_000 + 180 * 86_400) == []
    assert "181 days" in places.alarms(1_790_000_000 + 181 * 86_400)[0]
