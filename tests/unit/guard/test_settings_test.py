"""Which login attempts are told to the page of somebody who tries a mail program."""

from __future__ import annotations

from typing import Any

import pytest

from guard.standins import ALICE, NOW, STRANGER, Bench
from sekisho.guard.settings_test import MOST_IN_A_MINUTE, SettingsTest
from sekisho.journal import AttemptSeen, StateFile
from sekisho.wire.dovecot_log import ConnectionRefused, NameRefused
from sekisho.wire.dovecot_policy import LoginReport

OFFICE = "192.0.2.7"


class Watched:
    """A guard with one watched mailbox, whose browser is in the office."""

    def __init__(self, *sources: str) -> None:
        self.bench = Bench()
        state = StateFile(
            written_at=1.0,
            alias_domains={"alias.test": "shop.test"},
            domain_mailbox_counts={"shop.test": 3, "neighbour.test": 5},
            settings_tests={ALICE: sources or (OFFICE,)},
        )
        self.bench.checkpoint.take_state(state, NOW)
        self.test = SettingsTest(self.bench.checkpoint, "+")

    def report(self, login: str, ip: str = OFFICE, **more: Any) -> None:
        fields = {"protocol": "imap", "pwhash": "0abc", "attrs": {"secured": "TLS"}, "tls": True, **more}
        report = LoginReport(login=login, remote=ip, **fields)
        self.test.take_report(report, self.bench.checkpoint.mailbox(login), NOW)

    @property
    def told(self) -> list[AttemptSeen]:
        return [event for event in self.bench.spooled if isinstance(event, AttemptSeen)]


def test_an_attempt_at_a_watched_mailbox_is_told_from_wherever_it_comes() -> None:
    watched = Watched()
    watched.report(ALICE, STRANGER)
    watched.report(
        ALICE, success=True, protocol="smtp", tls=False, attrs={"secured": "secured", "sni": "MX1.Shop.test"}
    )
    refused, let_in = watched.told
    assert (refused.mailbox, refused.form, refused.slip, refused.success) == (ALICE, "own", "", False)
    assert refused.tls is True and refused.pwhash == "0abc" and refused.ip == STRANGER
    assert let_in.success and let_in.tls is True and let_in.server_name == "mx1.shop.test"


def test_a_trusted_local_connection_is_not_taken_for_an_encrypted_one() -> None:
    watched = Watched()
    watched.report(ALICE, tls=False, attrs={"secured": "secured"})
    watched.report(ALICE, protocol="smtp", tls=False, attrs={"secured": ""})
    watched.report(ALICE, protocol="smtp", tls=False, attrs={})
    assert [event.tls for event in watched.told] == [False, False, None]


@pytest.mark.parametrize(("login", "slip"), [("alice", "local_part"), ("alice@shop.tset", "domain")])
def test_a_wrong_name_counts_from_the_browsers_address_only(login: str, slip: str) -> None:
    watched = Watched()
    watched.report(login, STRANGER)
    assert watched.told == []
    watched.report(login)
    [told] = watched.told
    assert (told.mailbox, told.slip) == (ALICE, slip)
    # What was typed is written nowhere.
    assert "tset" not in repr(told)


@pytest.mark.parametrize("login", ["alice@neighbour.test", "bob", "bob@shop.tset", "bob@shop.test", "malice"])
def test_another_tenants_or_colleagues_name_is_nobodys_slip(login: str) -> None:
    watched = Watched()
    watched.report(login)
    assert watched.told == []


def test_the_browsers_network_counts_where_it_is_one_customers() -> None:
    watched = Watched("2001:db8:1:2::/64")
    watched.report("alice", "2001:db8:1:2::9")
    watched.report("alice", "2001:db8:1:3::9")
    watched.report("alice", "no address")
    assert [event.ip for event in watched.told] == ["2001:db8:1:2::9"]


def test_a_name_with_a_blank_is_known_from_the_log_and_its_protocol_from_the_report() -> None:
    watched = Watched()
    watched.report("", STRANGER, protocol="pop3")
    assert watched.told == []
    watched.test.take_refused_name(NameRefused("", "Alice@shop.test ", STRANGER), NOW)
    watched.test.take_refused_name(NameRefused("", "bob@shop.test ", STRANGER), NOW)
    [told] = watched.told
    assert (told.mailbox, told.slip, told.protocol, told.pwhash) == (ALICE, "name_blank", "pop3", "0abc")


def test_a_connection_without_a_login_is_told_to_the_browser_beside_it() -> None:
    watched = Watched()
    watched.test.take_refused_connection(ConnectionRefused("", "imap", STRANGER, "certificate"), NOW)
    watched.test.take_refused_connection(ConnectionRefused("", "imap", OFFICE, "no_tls"), NOW)
    assert [(event.slip, event.tls) for event in watched.told] == [("no_tls", None)]


def test_with_nobody_watching_nothing_is_told() -> None:
    watched = Watched()
    watched.bench.checkpoint.take_state(StateFile(written_at=2.0), NOW)
    watched.report(ALICE)
    watched.test.take_refused_name(NameRefused("", "alice@shop.test ", OFFICE), NOW)
    watched.test.take_refused_connection(ConnectionRefused("", "imap", OFFICE, "no_tls"), NOW)
    assert watched.told == []


def test_a_flood_at_a_watched_mailbox_does_not_fill_the_spool() -> None:
    watched = Watched()
    for _ in range(10 * MOST_IN_A_MINUTE):
        watched.report(ALICE, STRANGER)
    assert len(watched.told) == MOST_IN_A_MINUTE


def test_what_is_told_changes_nothing_about_the_mailbox() -> None:
    watched = Watched()
    for _ in range(50):
        watched.report("alice")
    assert watched.bench.journal.records == [] and len(watched.bench.checkpoint.profiles) == 0
