"""The login history: hours become days, app passwords have their names, failed tries stay apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sekisho.incidents import app_passwords, sign_ins
from sekisho.incidents.events import MOST_PROGRAMS, EventBatch
from sekisho.incidents.models import SignIn
from sekisho.journal import LoginSeen

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, BOB = "alice@ours.test", "bob@ours.test"
# Three in the afternoon in Tokyo, the panel's own zone.
AFTERNOON = datetime(2026, 4, 6, 6, 10, tzinfo=UTC)
OFFICE, ABROAD = "198.18.40.7", "198.19.18.66"


def take(*events: LoginSeen) -> None:
    batch = EventBatch()
    for event in events:
        batch.add(event)
    for _, write in batch.sums():
        write()


def login(at: datetime, ip: str, mailbox: str = ALICE, success: bool = True, **more: object) -> LoginSeen:
    return LoginSeen(at.timestamp(), mailbox, success, "imap", ip, country="JP", asn=64500, **more)  # type: ignore[arg-type]


def test_a_day_at_one_place_with_one_program_is_one_line(two_tenants: None) -> None:
    times = [AFTERNOON + timedelta(minutes=minutes) for minutes in (0, 20, 70, 200)]
    take(*(login(at, OFFICE, device='"name" "Thunderbird" "version" "128"') for at in times))
    take(login(AFTERNOON + timedelta(days=1), OFFICE, device='"name" "Thunderbird"'))
    newest, line = sign_ins.lines(ALICE)
    assert (line.times, line.program, line.first, line.last) == (4, "Thunderbird", times[0], times[3])
    assert (newest.day - line.day).days == 1


def test_two_places_programs_or_passwords_are_two_lines(two_tenants: None) -> None:
    row, _ = app_passwords.add(ALICE, "iPhone", ["imap"], "admin")
    take(
        login(AFTERNOON, OFFICE),
        login(AFTERNOON, ABROAD),
        login(AFTERNOON, OFFICE, device="Mailer"),
        login(AFTERNOON, OFFICE, app_password=str(row.pk)),
    )
    app_passwords.revoke(row, "admin")
    found = sign_ins.lines(ALICE)
    assert len(found) == 4
    assert sorted(line.app_password for line in found) == ["", "", "", "iPhone"]


def test_failed_tries_and_other_mailboxes_are_not_in_it(two_tenants: None) -> None:
    take(
        login(AFTERNOON, OFFICE, BOB), login(AFTERNOON, ABROAD, success=False), login(AFTERNOON, OFFICE, success=False)
    )
    assert sign_ins.lines(ALICE) == []
    assert sign_ins.failed(ALICE) == (2, 2)
    assert {line.ip for line in sign_ins.lines(ALICE, success=False)} == {OFFICE, ABROAD}


def test_a_night_in_utc_belongs_to_the_viewers_day(two_tenants: None) -> None:
    # 23:30 and 00:30 in Tokyo, the same day in UTC.
    take(*(login(datetime(2026, 4, 6, hour, 30, tzinfo=UTC), OFFICE) for hour in (14, 15)))
    assert [line.day.day for line in sign_ins.lines(ALICE)] == [7, 6]


def test_a_page_reads_a_bounded_number_of_rows(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "MOST_ROWS", 3)
    take(*(login(AFTERNOON + timedelta(hours=hour), OFFICE) for hour in range(5)))
    assert SignIn.objects.count() == 5
    (line,) = sign_ins.lines(ALICE)
    assert (line.times, line.first) == (3, AFTERNOON + timedelta(hours=2))


def test_programs_that_change_their_name_with_each_login_make_few_rows(two_tenants: None) -> None:
    for batch in range(3):
        take(*(login(AFTERNOON, OFFICE, device=f"Mailer {batch} {number}") for number in range(10)))
    assert SignIn.objects.count() == MOST_PROGRAMS
    assert sum(line.times for line in sign_ins.lines(ALICE)) == 30
