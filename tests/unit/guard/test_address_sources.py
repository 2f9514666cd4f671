"""Address data of every kind: what each knows, several together, renewed, broken, hostile."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec
import pytest

from guard.libloc_writer import libloc
from guard.test_places_mmdb import RECORD, mmdb
from sekisho.config import GuardSettings
from sekisho.detection import AddressDataError, AddressTable, Place
from sekisho.guard import address_sources
from sekisho.guard.address_files import read_trusted
from sekisho.guard.address_libloc import LiblocTable
from sekisho.guard.address_sources import AddressFiles, open_source
from sekisho.guard.address_tor import TorTable
from sekisho.guard.places import Places, read_places

TOR = """# Tor's copy
# Generated: Thu, 25 Jun 2026 04:33:59 GMT
167772160,167772415,JP
167772672,167772927,??
184549376,201326591,kr
"""
TOR6 = "2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,DE\n2001:db8:2::,2001:db8:2:ffff:ffff:ffff:ffff:ffff,FR\n"
LIBLOC_ROWS = [("10.0.0.0/8", "JP", 64500), ("10.1.0.0/16", "KR", 64501), ("2001:db8::/32", "DE", 0)]


def tor(directory: Path, text: str = TOR, text6: str = TOR6) -> Path:
    (directory / "geoip").write_text(text)
    (directory / "geoip6").write_text(text6)
    return directory / "geoip"


def told(place: Place) -> tuple[str, int, str]:
    return place.country, place.asn, place.owner


def database(directory: Path, content: bytes | None = None) -> Path:
    (directory / "location.db").write_bytes(content or libloc(LIBLOC_ROWS, {64500: "Net", 64501: "Inner, Ltd."}))
    return directory / "location.db"


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("9.255.255.255", ""),
        ("10.0.0.0", "JP"),
        ("10.0.0.255", "JP"),
        ("10.0.1.0", ""),
        ("10.0.2.1", ""),
        ("11.200.0.1", "KR"),
        ("12.0.0.0", ""),
        ("::ffff:10.0.0.7", "JP"),
        ("2001:db8::1", "DE"),
        ("2001:db8:1::1", ""),
        ("2001:db8:2:3::1", "FR"),
        ("::1", ""),
    ],
)
def test_tor_geoipdb_knows_countries_by_range(tmp_path: Path, ip: str, country: str) -> None:
    table = TorTable(tor(tmp_path))
    assert table.place(ip) == Place(country, 0, "", AddressTable().place(ip).network)


def test_tor_geoipdb_says_itself_when_it_was_made(tmp_path: Path) -> None:
    table = TorTable(tor(tmp_path))
    assert (table.built_at, len(table)) == (1_782_362_039, 5)
    path = tor(tmp_path, TOR.replace("Generated: Thu, 25", "Generated: once, 99"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert TorTable(path).built_at == 1_700_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("167772160,167772415,JP\nhello\n", "geoip, line 2"),
        ("167772160,167772415,JP\n1,2,JP\n", "line 2: a range out of its place"),
        ("167772415,167772160,JP\n", "line 1: a range out of its place"),
        ("0,4294967296,JP\n", "line 1: a range out of its place"),
        ("1,2,JPN\n", "line 1: no country code"),
        ("167772160,167772415,JP\n184549376,2013", "line 2"),
        ("167772160,167772415,J", "line 1: no country code"),
        ("167772160,167772415,JP", "cut off"),
        ("# nothing\n", "no range"),
        ("", "no range"),
        ("1,2,\xe9\xe9\n", "ascii"),
    ],
)
def test_a_broken_tor_file_is_refused_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(AddressDataError, match=reason):
        TorTable(tor(tmp_path, text))


def test_a_broken_ipv6_half_is_refused_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(AddressDataError, match="geoip6, line 1: no IPv6 address"):
        TorTable(tor(tmp_path, TOR, "2001:db8::/32,x,DE\n"))


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("9.9.9.9", ("", 0, "")),
        ("10.0.0.1", ("JP", 64500, "Net")),
        ("10.1.255.255", ("KR", 64501, "Inner, Ltd.")),
        ("::ffff:10.1.0.1", ("KR", 64501, "Inner, Ltd.")),
        ("10.2.0.0", ("JP", 64500, "Net")),
        ("2001:db8:ffff::", ("DE", 0, "")),
        ("2001:db9::", ("", 0, "")),
        ("unknown", ("", 0, "")),
    ],
)
def test_a_location_database_gives_the_smallest_network_around_an_address(
    tmp_path: Path, ip: str, place: tuple[str, int, str]
) -> None:
    assert told(LiblocTable(database(tmp_path)).place(ip)) == place


def test_a_location_database_without_ipv4_knows_none(tmp_path: Path) -> None:
    table = LiblocTable(database(tmp_path, libloc([("2001:db8::/32", "DE", 0)], {})))
    assert told(table.place("10.0.0.1")) == ("", 0, "")
    table = LiblocTable(database(tmp_path, libloc([("::/0", "DE", 7)], {})))
    assert told(table.place("10.0.0.1")) == ("DE", 7, "")


def test_a_location_database_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = libloc(LIBLOC_ROWS, {64500: "Net"})
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path = database(tmp_path, whole[:length] or b"x")
        with pytest.raises(AddressDataError):
            LiblocTable(path)


def test_a_location_database_full_of_wrong_offsets_never_leads_outside(tmp_path: Path) -> None:
    whole = bytearray(libloc(LIBLOC_ROWS, {64500: "Net"}))
    for at in range(8 + 4192, len(whole)):
        broken = bytes(whole[:at]) + b"\xf0" + bytes(whole[at + 1 :])
        table = LiblocTable(database(tmp_path, broken))
        for ip in ("10.0.0.1", "10.1.0.1", "2001:db8::1"):
            assert table.place(ip).network


def test_nobody_else_may_have_written_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("10.0.0.0/8,JP,1,x\n")
    assert read_trusted(path)[0]
    path.chmod(0o646)
    with pytest.raises(AddressDataError, match="everybody may write"):
        read_trusted(path)
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(AddressDataError, match="belongs to uid"):
        read_trusted(path)


def test_a_pipe_does_not_hold_the_guard_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(AddressDataError, match="plain file"):
        read_trusted(tmp_path / "a.csv")


def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.guard.address_files.MAX_BYTES", 10)
    (tmp_path / "a.csv").write_text("10.0.0.0/8,JP,1,x\n")
    with pytest.raises(AddressDataError, match="more than"):
        read_trusted(tmp_path / "a.csv")


@pytest.mark.parametrize("asn", [0, -1, 2**32, 2**40, True])
def test_an_as_number_beyond_32_bits_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asn: int) -> None:
    (tmp_path / "a.mmdb").write_bytes(mmdb(RECORD))
    table = open_source(str(tmp_path / "a.mmdb")).table

    class Reader:
        def get(self, ip: str) -> object:
            return {"country": {"iso_code": "1P"}, "autonomous_system_number": asn}

    monkeypatch.setattr(table, "_reader", Reader())
    assert table.place("10.1.2.3") == Place("", 0, "", "10.1.2.0/24")


def test_an_mmdb_file_with_a_hole_in_its_records_is_refused(tmp_path: Path) -> None:
    whole = mmdb(RECORD)
    # The record's map claims strings longer than the data section.
    (tmp_path / "a.mmdb").write_bytes(whole[:24] + b"\xe3\x5f\xff\xff" + whole[28:])
    with pytest.raises(AddressDataError):
        open_source(str(tmp_path / "a.mmdb"))


def test_countries_come_from_one_file_and_owners_from_another(tmp_path: Path) -> None:
    (tmp_path / "asn.csv").write_text("10.0.0.0/8,,64500,Net\n12.0.0.0/8,US,64512,Other\n")
    places = read_places((str(tor(tmp_path)), str(tmp_path / "asn.csv")), ())
    assert places.source("10.0.0.9")[1] == Place("JP", 64500, "Net", "10.0.0.0/24")
    assert places.source("11.0.0.9")[1] == Place("KR", 0, "", "11.0.0.0/24")
    assert places.source("12.0.0.9")[1] == Place("US", 64512, "Other", "12.0.0.0/24")
    assert [source.kind for source in places.sources] == ["tor-geoipdb", "CSV"]
    assert places.data_at == 1_782_362_039


def known(monkeypatch: pytest.MonkeyPatch, directory: Path) -> tuple[Path, Path, Path]:
    paths = (directory / "tor", directory / "var", directory / "usr")
    for path in paths:
        path.mkdir()
    files = (paths[0] / "geoip", paths[1] / "database.db", paths[2] / "location.db")
    monkeypatch.setattr(address_sources, "KNOWN_FILES", tuple(map(str, files)))
    return paths


def test_nothing_configured_finds_what_the_packages_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tor_at, var, usr = known(monkeypatch, tmp_path)
    assert read_places("", ()).sources == ()
    database(usr)
    assert [s.path for s in read_places("", ()).sources] == [str(usr / "location.db")]
    tor(tor_at)
    both = read_places("", ())
    assert [s.kind for s in both.sources] == ["tor-geoipdb", "IPFire location database"]
    # Tor's countries are newer; the owner is known to the other only.
    assert both.source("10.0.0.1")[1] == Place("JP", 64500, "Net", "10.0.0.0/24")
    assert both.source("11.0.0.1")[1] == Place("KR", 0, "", "11.0.0.0/24")
    # `location update` has brought a newer one, which knows everything.
    database(var, libloc(LIBLOC_ROWS, {}, 1_785_000_000)).rename(var / "database.db")
    assert [s.path for s in read_places("", ()).sources] == [str(var / "database.db")]
    assert read_places("none", ()).sources == ()


def test_a_broken_file_keeps_the_former_data_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.csv"
    path.write_text("10.0.0.0/8,JP,1,x\n")
    files, places = AddressFiles(str(path)), Places(AddressTable(), ())
    places.take(files.load())
    before = places.source("10.1.2.3")
    assert not files.changed() and places.alarms(path.stat().st_mtime) == []
    path.write_text("10.0.0.0/8,JP,1,x\n11.0.0.0/8,KR")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            places.take(files.load())
    assert len(caplog.records) == 1 and "line 2" in caplog.text and "stays in use" in caplog.text
    assert places.source("10.1.2.3") is before
    assert "line 2" in places.alarms(path.stat().st_mtime)[0]
    path.unlink()
    assert files.changed()
    places.take(files.load())
    assert places.source("10.9.9.9")[1].country == "JP"
    path.write_text("10.0.0.0/8,KR,1,x\n")
    assert files.changed()
    places.take(files.load())
    assert places.source("10.1.2.3")[1].country == "KR" and places.alarms(path.stat().st_mtime) == []


def test_a_file_broken_from_the_start_is_told_and_not_used(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("hello\n")
    places = read_places((str(tmp_path / "a.csv"), str(tmp_path / "none.mmdb")), ())
    assert [alarm.partition(":")[0] for alarm in places.alarms(0.0)] == [
        f"address data {tmp_path}/a.csv cannot be read",
        f"address data {tmp_path}/none.mmdb cannot be read",
        "no address data",
    ]
    assert places.source("10.1.2.3")[1] == Place(network="10.1.2.0/24")


def test_a_renewed_ipv6_half_is_read_again(tmp_path: Path) -> None:
    files, places = AddressFiles(str(tor(tmp_path))), Places(AddressTable(), ())
    places.take(files.load())
    assert places.source("2001:db8::1")[1].country == "DE"
    (tmp_path / "geoip6").write_text(TOR6.replace("DE", "AT"))
    assert files.changed()
    places.take(files.load())
    assert places.source("2001:db8::1")[1].country == "AT"


def test_a_configuration_names_one_file_or_up_to_four() -> None:
    def read(value: str) -> str | tuple[str, ...]:
        listeners = "policy = {}\nauth_policy = {}\nevents = {}\nauth_policy_key = 'x'\n"
        text = f"{listeners}address_data = {value}\n"
        return msgspec.toml.decode(text.encode(), type=GuardSettings).address_data

    assert (read("'a.mmdb'"), read("['a.mmdb', 'b.csv']")) == ("a.mmdb", ("a.mmdb", "b.csv"))
    with pytest.raises(msgspec.ValidationError, match="address_data"):
        read("['a', 'b', 'c', 'd', 'e']")
