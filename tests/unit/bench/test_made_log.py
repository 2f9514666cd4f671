"""The log that the bench replays is one that the guard's parsers read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sekisho.detection import AddressTable, HostTables
from sekisho.guard.log_archive import open_archive
from sekisho.guard.profiles import Profiles
from sekisho.guard.replay import Onlooker, replay

ROOT = Path(__file__).parents[3]
sys.path.append(str(ROOT / "bench"))

from made_log import address_lines, log_lines  # noqa: E402

T = 1_780_000_000.0
HANAKO = {"account": "hanako@shop.example", "ip": "198.18.0.7", "country": "JP", "asn": 64500}
EVENTS = [
    {"t": T, "kind": "login", "protocol": "imap", "success": True, **HANAKO},
    {"t": T + 1, "kind": "login", "protocol": "pop3", "success": False, **HANAKO, "ip": "203.0.113.9", "country": "NG"},
    {"t": T + 2, "kind": "login", "protocol": "smtp", "success": True, **HANAKO},
    {"t": T + 3, "kind": "eom", "qid": "4BA95601ED", "size": 500, "nrcpt": 2, **HANAKO},
    {"t": T + 4, "kind": "delivery", "qid": "4BA95601ED", "recipient": "a@x.test", "status": "sent", "code": "2.0.0"},
    {
        "t": T + 5,
        "kind": "delivery",
        "qid": "4BA95601ED",
        "recipient": "b@x.test",
        "status": "bounced",
        "code": "5.1.1",
    },
    {"t": T + 6, "kind": "account", "account": "hanako@shop.example", "change": "created"},
]


@pytest.fixture
def events() -> list[str]:
    return [json.dumps(event) for event in EVENTS]


def test_every_line_of_the_made_log_is_read_or_ballast(tmp_path: Path, events: list[str]) -> None:
    (tmp_path / "mail.log").write_text("".join(log_lines(events)))
    checkpoint = Onlooker(Profiles({}), HostTables())
    summary = replay(open_archive([str(tmp_path / "mail.log")]), checkpoint, lambda octets: None)
    # Two logins, and of the message its login, its queue entry and two deliveries; five lines of ballast.
    assert (summary.lines, summary.telling, summary.unreadable, summary.nameless) == (11, 6, 0, 0)
    assert (summary.first, summary.last, summary.mailboxes) == (T, T + 5, 1)
    profile = checkpoint.profiles.of("hanako@shop.example")
    assert (profile.evidence.own.bounced, profile.evidence.strange.bounced) in {(1, 0), (0, 1)}


def test_its_address_data_have_the_places_of_the_events(events: list[str]) -> None:
    table = AddressTable.from_lines(address_lines(events))
    assert (table.place("198.18.0.7").country, table.place("198.18.0.7").asn) == ("JP", 64500)
    assert (table.place("203.0.113.9").country, len(table)) == ("NG", 2)
