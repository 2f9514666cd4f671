"""What a third party read: counted from the rows of his sessions, each message once, and what nobody knows is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sekisho.impact.model import Gap, Limit, Read
from sekisho.impact.reading import evidence_of, read_of
from sekisho.incidents import session_readings
from sekisho.incidents.models import Incident, SignIn, UnseenTime
from sekisho.journal import FolderRead, SearchMade, SessionRead

pytestmark = pytest.mark.django_db(databases=["default", "site"])

T = 1_700_000_000.0
HIS, OWNERS = "203.0.113.9", "198.51.100.7"
SINCE, UNTIL = T - 3600, T + 3600
Found = tuple[Read, tuple[Limit, ...], tuple[Gap, ...]]


def moment(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)


def session(name: str, *folders: FolderRead, ip: str = HIS, part: str = "", t: float = T, **fields: object) -> None:
    """A session as the guard told it, and its login."""
    usual: dict[str, object] = {"octets": 100, "logged_fetches": sum(folder.fetches for folder in folders)}
    record = SessionRead(
        id=name + part,
        t=t,
        mailbox="alice@ours.test",
        session=name,
        protocol="imap",
        ip=ip,
        country="NG",
        asn=64500,
        since=t,
        until=t + 60,
        ended=True,
        folders=folders,
        **{**usual, **fields},  # type: ignore[arg-type]
    )
    session_readings.keep(record)
    if not part:
        login(ip=ip, t=t)


def login(ip: str = HIS, t: float = T, count: int = 1) -> None:
    SignIn.objects.create(
        mailbox="alice@ours.test", at=moment(t), success=True, protocol="imap", ip=ip, count=count, country="NG"
    )


def ask(incident: Incident) -> Found:
    return read_of(incident, (HIS,), moment(SINCE), moment(UNTIL))


def values(read: Read) -> dict[str, tuple[int, bool]]:
    figures = [read.sessions, read.fetched, read.octets, read.deleted, read.stored]
    figures += [figure for folder in read.folders for figure in (folder.opened, folder.fetched)]
    return {figure.name: (figure.value, figure.at_least) for figure in figures}


def test_it_counts_each_message_once_over_all_his_sessions(incident: Incident) -> None:
    session(
        "s1",
        FolderRead("Work", opened=1, uids="1:3", fetches=5, removed="3", stored=1, copied=1),
        FolderRead("INBOX", opened=2),
        searches=(SearchMade(T + 5, "Work", 'BODY "password"'),),
    )
    session("s2", FolderRead("Work", opened=1, uids="2:4,9", fetches=4, removed="3,4", moved=1), octets=50, t=T + 1)
    read, limits, gaps = ask(incident)
    assert values(read) == {
        "read.sessions": (2, False),
        "read.fetched": (5, False),
        "read.octets": (150, False),
        "read.deleted": (2, False),
        "read.stored": (1, False),
        "read.folder:INBOX.opened": (2, False),
        "read.folder:INBOX.fetched": (0, False),
        "read.folder:Work.opened": (2, False),
        "read.folder:Work.fetched": (5, False),
    }
    assert [folder.name for folder in read.folders] == ["INBOX", "Work"]
    assert [(found.folder, found.words, found.at) for found in read.searches] == [("Work", 'BODY "password"', T + 5)]
    assert (limits, gaps) == ((), ())


def test_other_sources_other_times_and_other_mailboxes_do_not_count(incident: Incident) -> None:
    session("home", FolderRead("INBOX", uids="1", fetches=1), ip=OWNERS)
    session("before", FolderRead("INBOX", uids="2", fetches=1), t=SINCE - 3600)
    session("after", FolderRead("INBOX", uids="3", fetches=1), t=UNTIL + 60)
    read, limits, _ = ask(incident)
    assert (read.sessions.value, read.fetched.value, read.folders) == (0, 0, ())
    assert limits == ()


def test_a_session_in_which_no_message_was_fetched_is_said_in_so_many_words(incident: Incident) -> None:
    session("s1", FolderRead("INBOX", opened=1))
    read, limits, _ = ask(incident)
    assert (read.sessions.value, read.fetched.value) == (1, 0)
    assert limits == (Limit("nothing_fetched"),)


def test_logins_of_which_no_session_was_told_are_no_zero(incident: Incident) -> None:
    login()
    read, limits, _ = ask(incident)
    assert limits == (Limit("reads_not_told"),)
    assert (read.fetched.value, read.fetched.at_least) == (0, True)


def test_logins_before_the_first_session_that_was_told_are_a_limit_with_its_time(incident: Incident) -> None:
    login(t=T - 600)
    session("s1", FolderRead("INBOX", uids="1", fetches=1))
    read, limits, _ = ask(incident)
    assert limits == (Limit("reads_since", T),)
    assert (read.sessions.value, read.sessions.at_least, read.fetched.at_least) == (1, True, True)


def test_what_only_the_log_counted_is_added_and_said_to_be_uncertain(incident: Incident) -> None:
    session("s1", FolderRead("INBOX", uids="1", fetches=1), logged_fetches=4)
    read, limits, _ = ask(incident)
    assert (read.fetched.value, read.fetched.at_least) == (4, True)
    assert limits == ()
    facts = [row.facts for row in evidence_of(incident, (HIS,), moment(SINCE), moment(UNTIL), "read.fetched")]
    assert [(fact.get("uids"), fact.get("counted_by"), fact["fetches"]) for fact in facts] == [
        ("1", None, 1),
        (None, "log", 3),
    ]


def test_an_absence_of_the_guard_is_a_gap_and_every_figure_says_at_least(incident: Incident) -> None:
    session("s1", FolderRead("INBOX", uids="1", fetches=1))
    UnseenTime.objects.create(since=moment(T - 10), until=moment(T + 20))
    UnseenTime.objects.create(since=moment(UNTIL + 1), until=moment(UNTIL + 9))
    read, _, gaps = ask(incident)
    assert gaps == (Gap("events", T - 10, T + 20),)
    assert read.fetched.at_least and read.octets.at_least and read.folders[0].fetched.at_least


def test_two_parts_of_one_session_are_one_session(incident: Incident) -> None:
    session("s1", FolderRead("INBOX", uids="1:2", fetches=2), octets=None, logged_fetches=None)
    session("s1", FolderRead("INBOX", uids="2:3", fetches=2), part="b", t=T + 30, octets=700, logged_fetches=4)
    read, _, _ = ask(incident)
    assert (read.sessions.value, read.fetched.value) == (1, 3)
    # The log's line counts the whole session: nothing was missed.
    assert not read.fetched.at_least
    assert (read.octets.value, read.octets.at_least) == (700, False)


def test_a_folder_deleted_with_what_was_in_it_makes_the_number_uncertain(incident: Incident) -> None:
    session("s1", FolderRead("Old", dropped=True))
    read, _, _ = ask(incident)
    assert (read.deleted.value, read.deleted.at_least) == (0, True)


def test_every_figure_has_the_rows_it_was_counted_from(incident: Incident) -> None:
    session(
        "s1",
        FolderRead("Work", opened=1, uids="1:3", fetches=3, removed="3", stored=2),
        searches=(SearchMade(T + 5, "Work", "FROM bank"),),
    )
    read, _, _ = ask(incident)
    rows = list(evidence_of(incident, (HIS,), moment(SINCE), moment(UNTIL)))
    assert {row.figure for row in rows} == {name for name in values(read)} | {"read.searches"}
    assert {(row.kind, row.key) for row in rows} == {("session", "s1")}
    assert read.searches[0].evidence == "session s1"
