"""What a person calls his own becomes familiar, and nothing else of that day."""

from __future__ import annotations

from guard.standins import ALICE, NOW, Bench, judge_always
from sekisho import detection
from sekisho.detection import Login, Place
from sekisho.journal import MailboxState, StateFile

DAY = 86_400.0
HOTEL, THIEF = "203.0.113.7", "198.51.100.9"
DATA = (f"{HOTEL.rpartition('.')[0]}.0/24,KR,4766,Korea Telecom", f"{THIEF.rpartition('.')[0]}.0/24,NG,65018,")


def bench() -> Bench:
    made = Bench()
    made.checkpoint.places.table = detection.AddressTable.from_lines(DATA)
    return made


def login(made: Bench, ip: str, now: float) -> None:
    place: Place = made.checkpoint.places.source(ip)[1]
    made.checkpoint.observe(Login(now, ALICE, ip, place, "imap", True), now)


def say_yes(made: Bench, *sources: str, now: float) -> None:
    stated = MailboxState("active", 1, confirmed=True, vouched=sources)
    made.checkpoint.take_state(StateFile(now, {ALICE: stated}), now)


def is_familiar(made: Bench, ip: str) -> bool:
    profile = made.checkpoint.profiles.of(ALICE)
    place = made.checkpoint.places.source(ip)[1]
    return profile.is_familiar(profile.judge(place, made.checkpoint.tables.domain("shop.test")))


def test_only_the_vouched_source_of_a_day_becomes_familiar() -> None:
    made = bench()
    login(made, HOTEL, NOW)
    login(made, THIEF, NOW + 60)
    say_yes(made, HOTEL, now=NOW + 120)
    assert is_familiar(made, HOTEL)
    assert not is_familiar(made, THIEF)


def test_an_alert_of_yesterday_is_answered_as_well() -> None:
    made = bench()
    login(made, HOTEL, NOW)
    login(made, THIEF, NOW + DAY)
    say_yes(made, HOTEL, now=NOW + DAY + 60)
    assert is_familiar(made, HOTEL)
    assert not is_familiar(made, THIEF)


def test_an_answer_without_sources_makes_nothing_familiar() -> None:
    made = bench()
    login(made, THIEF, NOW)
    say_yes(made, now=NOW + 60)
    assert not is_familiar(made, THIEF)


def test_what_is_usual_is_told_with_the_first_event_of_a_day_and_after_an_answer() -> None:
    made = bench()
    login(made, HOTEL, NOW)
    login(made, HOTEL, NOW + 60)
    assert len(made.usual) == 1
    login(made, HOTEL, NOW + DAY)
    assert [told.days for told in made.usual] == [0, 1]
    say_yes(made, HOTEL, now=NOW + DAY + 60)
    last = made.usual[-1]
    assert (last.mailbox, last.countries, last.owners) == (ALICE, ("KR",), (4766,))
    assert last.names == ((4766, "Korea Telecom"),)


def test_a_trip_that_the_fuse_stopped_says_so_and_a_protected_mailbox_does_not(monkeypatch) -> None:
    made = bench()
    judge_always(monkeypatch, 12.0)
    made.ask(sasl_username="postmaster@shop.test", instance="first")
    for number in range(11):
        made.ask(sasl_username=f"user{number}@shop.test", instance=f"i.{number}")
    said = [(record.limit, record.fuse_blown) for record in made.journal.records]
    assert said == [(0, False), *[(None, False)] * 10, (0, True)]
