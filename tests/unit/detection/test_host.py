"""Host tables: guessing sources are bounded and forgotten, domains keep their habits."""

from __future__ import annotations

import pytest

from sekisho.detection import HostTables, Limits, host
from sekisho.detection.host import DomainHabits, HostTablesError

DAY = 86_400.0


def test_a_source_is_known_by_the_other_mailboxes_it_failed_at() -> None:
    tables = HostTables()
    for number in range(3):
        tables.note_failed_login("10.1.1.1", f"m{number}@x.test", 0.0)
        tables.note_failed_login("10.1.1.1", f"m{number}@x.test", 1.0)
    tables.note_failed_login("10.1.1.1", "bad\udc80name", 1.0)
    assert tables.guessed_others("10.1.1.1", "m0@x.test", 2.0) == 3
    assert tables.guessed_others("10.1.1.1", "other@x.test", 2.0) == 4
    assert tables.guessed_others("10.1.1.2", "other@x.test", 2.0) == 0
    assert tables.guessed_others("10.1.1.1", "other@x.test", DAY + 1.0) == 0


def test_a_mistyped_password_is_forgiven_at_its_mailbox_and_nowhere_else() -> None:
    tables = HostTables()
    for number in range(4):
        tables.note_failed_login("10.1.1.1", f"m{number}@x.test", float(number))
    tables.note_failed_login("10.1.1.2", "m0@x.test", 5.0)
    tables.forgive_failures("10.1.1.1", "m0@x.test")
    tables.forgive_failures("10.1.1.1", "m0@x.test")
    tables.forgive_failures("10.1.1.3", "m1@x.test")
    assert tables.guessed_others("10.1.1.1", "other@x.test", 6.0) == 3
    assert tables.guessed_others("10.1.1.2", "other@x.test", 6.0) == 1
    # Forgiving makes no row younger.
    assert tables.guessed_others("10.1.1.1", "other@x.test", 3.0 + DAY) == 0


def test_eight_mailboxes_a_source_are_told_apart() -> None:
    tables = HostTables()
    for number in range(100):
        tables.note_failed_login("10.1.1.1", f"m{number}@x.test", 0.0)
    assert tables.guessed_others("10.1.1.1", "other@x.test", 0.0) == 8


def test_a_flood_keeps_the_table_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MAX_GUESSERS", 100)
    tables = HostTables()
    tables.note_failed_login("first", "m@x.test", 0.0)
    for number in range(500):
        tables.note_failed_login(f"10.1.{number // 250}.{number % 250}", "m@x.test", 0.0)
    assert len(tables._guessers) == 100
    assert tables.guessed_others("first", "other@x.test", 0.0) == 0
    for number in range(100):
        tables.note_failed_login("10.9.9.9", "m@x.test", 2 * DAY + number)
    assert len(tables._guessers) == 1


def test_a_domain_keeps_bounded_habits() -> None:
    habits = DomainHabits()
    for day in range(100):
        habits.note_day(day)
        habits.note_day(day)
        habits.learn(day, 64_500 + day, f"C{day}", day)
    habits.learn(7, 0, "", 100)
    assert habits.days == 99
    assert (len(habits.networks), len(habits.asns), len(habits.countries)) == (64, 32, 16)
    assert 98 in habits.networks and 64_599 in habits.asns and 64_500 not in habits.asns


def test_the_domain_unused_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "MAX_DOMAINS", 2)
    tables = HostTables()
    for number, name in enumerate(("old.example", "new.example", "newest.example"), start=1):
        tables.domain(name).note_day(number)
    assert tables.domain("new.example").days == 1
    assert len(tables._domains) == 2
    tables.forget_old(500)
    assert not tables._domains


def test_tables_survive_their_bytes() -> None:
    tables = HostTables()
    tables.note_failed_login("10.1.1.1", "m@x.test", 5.0)
    tables.domain("shop.example").learn(1, 2, "JP", 3)
    again = HostTables.from_bytes(tables.to_bytes(), Limits(alert=3.0))
    assert again.to_bytes() == tables.to_bytes()
    assert again.limits.alert == 3.0
    assert again.domain("shop.example").countries == {"JP": 3}


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x93\x09\x80\x80"])
def test_other_bytes_are_no_tables(data: bytes) -> None:
    with pytest.raises(HostTablesError):
        HostTables.from_bytes(data)
