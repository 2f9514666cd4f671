"""What was read in a session: told of strangers, forgotten of owners, bounded, all of it again each time."""

from __future__ import annotations

import pytest

from guard.standins import ALICE, NOW, STRANGER, Bench, judge_always
from sekisho.detection import Login, Submission
from sekisho.guard import session_reads
from sekisho.guard.session_ends import SessionEnds
from sekisho.guard.session_reads import EVERY_SECONDS, SessionReads
from sekisho.guard.sessions import Sessions
from sekisho.journal import FolderRead, SessionRead
from sekisho.wire.dovecot_event import SessionAct, SessionFinished
from sekisho.wire.dovecot_log import SessionClosed
from sekisho.wire.dovecot_reading import (
    FolderOpened,
    FolderRemoved,
    FolderSearched,
    MessageOpened,
    MessageRemoved,
    MessagesStored,
    Who,
)

DAY = 86_400.0
HOME = "198.51.100.7"


class Reading:
    """Alice, at home for two months, and what is told of her sessions."""

    def __init__(self, days: int = 60) -> None:
        self.bench = Bench()
        self.checkpoint = self.bench.checkpoint
        self.sessions = Sessions()
        self.reads = SessionReads(self.checkpoint, self.sessions)
        self.checkpoint.on_decision.append(self.reads.decided)
        self.ends = SessionEnds(self.checkpoint, self.sessions, self.reads)
        for day in range(days, 0, -1):
            self.login(HOME, NOW - day * DAY)
        self.bench.spooled.clear()

    def login(self, ip: str, t: float = NOW) -> None:
        source, place = self.checkpoint.places.source(ip)
        self.checkpoint.observe(Login(t, ALICE, source, place, "imap", True), t)

    def fetch(self, session: str, *uids: int, ip: str = STRANGER, folder: str = "INBOX", t: float = NOW) -> None:
        for uid in uids:
            self.reads.take(MessageOpened(who(session, ip), folder, uid), t)

    def end(self, session: str, ip: str = STRANGER, t: float = NOW) -> None:
        self.ends.take_event(SessionFinished(t, ALICE, session, "imap", ip, 1.0, 0, 0), t)

    def close(self, session: str, fetched: int, octets: int = 10, t: float = NOW) -> None:
        self.ends.take_line(SessionClosed("", "imap", ALICE, session, 99, fetched, octets), t)

    def told(self, t: float = NOW) -> list[SessionRead]:
        """What was told since the last question, after a flush."""
        self.reads.flush(t)
        found = [event for event in self.bench.spooled if isinstance(event, SessionRead)]
        self.bench.spooled.clear()
        return found


def who(session: str, ip: str = STRANGER) -> Who:
    return Who(NOW, ALICE, session, "imap", ip)


def test_what_a_stranger_read_is_told_at_the_end_of_his_session() -> None:
    reading = Reading()
    acts: list[SessionAct] = [
        FolderOpened(who("s1"), "INBOX"),
        MessageOpened(who("s1"), "INBOX", 7),
        MessageOpened(who("s1"), "INBOX", 5),
        MessageOpened(who("s1"), "INBOX", 7),
        FolderSearched(who("s1"), "INBOX", 'BODY "password"'),
        MessageRemoved(who("s1"), "INBOX", 7, False),
        MessageRemoved(who("s1"), "INBOX", 8, True),
        MessagesStored(who("s1"), "Evil", 2, True),
        MessagesStored(who("s1"), "Evil", 1, False),
        FolderRemoved(who("s1"), "Old"),
    ]
    for act in acts:
        reading.reads.take(act, NOW)
    reading.end("s1", t=NOW + 1)
    reading.close("s1", 3, 5000, NOW + 2)
    (record,) = reading.told(NOW + 2)
    assert record.folders == (
        FolderRead("INBOX", opened=1, uids="5,7", fetches=3, removed="7:8", moved=1),
        FolderRead("Evil", stored=3, copied=2),
        FolderRead("Old", dropped=True),
    )
    assert [(search.folder, search.words) for search in record.searches] == [("INBOX", 'BODY "password"')]
    assert (record.mailbox, record.ip, record.session, record.protocol) == (ALICE, STRANGER, "s1", "imap")
    assert (record.since, record.until, record.ended) == (NOW, NOW + 2, True)
    assert (record.octets, record.logged_fetches, record.more) == (5000, 3, False)


def test_a_stranger_who_only_logged_in_is_told_with_nothing_read() -> None:
    reading = Reading()
    reading.end("s1")
    (record,) = reading.told()
    assert (record.folders, record.searches, record.ended) == ((), (), True)


def test_what_an_owner_reads_at_home_is_told_to_nobody() -> None:
    reading = Reading()
    reading.fetch("s1", 1, 2, 3, ip=HOME)
    reading.reads.take(FolderSearched(who("s1", HOME), "INBOX", "FROM bank"), NOW)
    reading.end("s1", HOME)
    reading.close("s1", 3)
    assert reading.told() == []
    reading.reads.flush(NOW + 1, all_of_them=True)
    assert reading.told() == []


def test_a_suspension_because_of_somebody_else_tells_nothing_of_what_the_owner_reads_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = Reading()
    reading.fetch("home", 1, ip=HOME)
    reading.fetch("his", 2)
    judge_always(monkeypatch, 9.5)
    reading.login(STRANGER)
    reading.fetch("home", 3, ip=HOME)
    assert {record.session for record in reading.told(NOW + 90)} == {"his"}


def test_a_new_mailbox_home_is_no_stranger() -> None:
    reading = Reading(days=0)
    reading.login(HOME)
    reading.fetch("s1", 1, ip=HOME)
    reading.end("s1", HOME)
    assert reading.told() == []


def test_the_source_that_a_decision_names_is_told_with_what_it_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading()
    reading.fetch("over", 1, ip=HOME)
    reading.end("over", HOME)
    reading.fetch("open", 2, ip=HOME)
    assert reading.told() == []
    judge_always(monkeypatch, 6.6, familiar=True, types=[Submission])
    source, place = reading.checkpoint.places.source(HOME)
    reading.checkpoint.observe(Submission(NOW, ALICE, source, place, "Q1", 1, 1), NOW)
    # At once, not at the next flush: the agent may end the session before.
    at_once = [event for event in reading.bench.spooled if isinstance(event, SessionRead)]
    assert {(record.session, record.folders[0].uids) for record in at_once} == {("over", "1"), ("open", "2")}
    reading.bench.spooled.clear()
    reading.fetch("later", 3, ip=HOME)
    reading.end("later", HOME)
    assert [record.session for record in reading.told()] == ["later"]


def test_a_decision_read_back_at_the_start_names_its_source_too(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Reading()
    judge_always(monkeypatch, 9.5)
    before.login(HOME)
    (decision,) = before.bench.journal.records
    reading = Reading()
    reading.checkpoint.replay(decision)
    reading.fetch("s1", 1, ip=HOME)
    reading.end("s1", HOME)
    assert len(reading.told()) == 1


def test_a_long_session_is_told_once_a_minute_all_of_it_each_time() -> None:
    reading = Reading()
    reading.fetch("s1", 1)
    first = reading.told(NOW + 1)
    reading.fetch("s1", 2, t=NOW + 2)
    assert reading.told(NOW + 2) == []
    second = reading.told(NOW + 2 + EVERY_SECONDS)
    assert [record.folders[0].uids for record in first + second] == ["1", "1:2"]
    assert first[0].id == second[0].id
    # Nothing new, nothing told.
    assert reading.told(NOW + 3 * EVERY_SECONDS) == []


def test_a_guard_that_ends_tells_what_it_knows() -> None:
    reading = Reading()
    reading.fetch("s1", 1)
    reading.told(NOW)
    reading.fetch("s1", 2)
    reading.reads.flush(NOW + 1, all_of_them=True)
    assert [record.folders[0].uids for record in reading.told(NOW + 1)] == ["1:2"]


def test_the_logs_line_of_a_session_nobody_told_about_is_a_record_of_its_own() -> None:
    reading = Reading()
    reading.sessions.begin("s1", ALICE, STRANGER)
    reading.close("s1", 40, 123_456)
    (record,) = reading.told()
    assert (record.logged_fetches, record.octets, record.folders) == (40, 123_456, ())


def test_pop3_is_told_with_the_address_of_the_login() -> None:
    reading = Reading()
    reading.fetch("s1", 1, ip="")
    assert reading.told() == []
    reading.sessions.begin("s2", ALICE, STRANGER)
    reading.fetch("s2", 1, ip="")
    assert [record.ip for record in reading.told()] == [STRANGER]


def test_a_session_id_of_another_mailbox_is_left_alone() -> None:
    reading = Reading()
    reading.fetch("s1", 1)
    reading.reads.take(MessageOpened(Who(NOW, "bob@shop.test", "s1", "imap", STRANGER), "INBOX", 2), NOW)
    assert [(record.mailbox, record.folders[0].uids) for record in reading.told()] == [(ALICE, "1")]


def test_one_session_is_bounded_and_says_that_there_was_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_reads, "MOST_FOLDERS", 2)
    monkeypatch.setattr(session_reads, "MOST_RUNS", 2)
    monkeypatch.setattr(session_reads, "MOST_SEARCHES", 1)
    reading = Reading()
    reading.fetch("s1", 1, 3, 5, 7)
    (record,) = reading.told()
    assert record.folders[0] == FolderRead("INBOX", uids="1,3", fetches=4, beyond=2)
    assert record.more
    for name in ("Work", "Third"):
        reading.fetch("s2", 1, folder=name)
        reading.reads.take(FolderSearched(who("s2"), "Work", "TEXT a"), NOW)
    (record,) = reading.told()
    assert [folder.name for folder in record.folders] == ["Work", "Third"]
    assert (len(record.searches), record.more) == (1, True)
    reading.fetch("s3", 1, folder="A")
    reading.fetch("s3", 1, folder="B")
    reading.fetch("s3", 1, folder="C")
    (record,) = reading.told()
    assert ([folder.name for folder in record.folders], record.more) == (["A", "B"], True)


def test_of_too_many_sessions_the_oldest_is_told_early_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_reads, "MOST_TOLD", 2)
    reading = Reading()
    for session in ("s1", "s2", "s3"):
        reading.fetch(session, 1)
    reading.fetch("s1", 2)
    told = {record.session: record.folders[0].uids for record in reading.told(NOW + EVERY_SECONDS)}
    assert told == {"s1": "1:2", "s2": "1", "s3": "1"}
