"""What was done in a session: the recordings of Dovecot 2.3 and 2.4, and what must not be taken for reading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.dovecot_event import parse_event
from sekisho.wire.dovecot_reading import (
    MAX_WORDS,
    FolderOpened,
    FolderRemoved,
    FolderSearched,
    MessageOpened,
    MessageRemoved,
    MessagesStored,
    stored_count,
    target_of,
)

GOLDEN = Path(__file__).parents[2] / "golden"


def recorded(version: str) -> list[object]:
    return [parse_event(line) for line in (GOLDEN / f"dovecot-reading-{version}.jsonl").read_bytes().splitlines()]


def done(name: str, service: str = "imap", **fields: object) -> object:
    """What an event of alice's session says."""
    usual = {"user": "a@b", "session": "s1", "remote_ip": "192.0.2.1", "mailbox": "INBOX"}
    body = {
        "event": name,
        "end_time": "2026-11-25T00:51:01Z",
        "categories": ["storage", f"service:{service}"],
        "fields": usual | fields,
    }
    return parse_event(json.dumps(body).encode())


def command(name: str, arguments: str = "", reply: str = "OK done", **fields: object) -> object:
    return done("imap_command_finished", cmd_name=name, cmd_args=arguments, tagged_reply=reply, **fields)


def test_the_recording_says_which_messages_were_fetched_from_which_folder() -> None:
    opened = [(e.who.protocol, e.folder, e.uid) for e in recorded("2.3") if isinstance(e, MessageOpened)]
    assert opened == [
        *[("imap", "Work", uid) for uid in (5, 5, 6, 6, 7, 7)],
        ("imap", "あいうx y", 1),
        ("imap", "INBOX", 5),
        ("pop3", "INBOX", 5),
        ("pop3", "INBOX", 5),
    ]


def test_the_recording_says_which_folders_were_opened_and_what_was_searched_for() -> None:
    found = recorded("2.3")
    assert [e.folder for e in found if isinstance(e, FolderOpened)] == ["Work", "あいうx y", "INBOX"]
    assert [(e.folder, e.words) for e in found if isinstance(e, FolderSearched)] == [
        ("Work", 'BODY "password"'),
        ("Work", 'OR SUBJECT "invoice" BODY "password 3"'),
        ("Work", 'CHARSET UTF-8 TEXT "パスワード"'),
        ("Work", '(DATE) UTF-8 SUBJECT "hello"'),
        ("Work", 'REFERENCES UTF-8 TEXT "hello"'),
    ]


def test_the_recording_says_what_was_removed_and_put_in() -> None:
    found = recorded("2.3")
    removed = [(e.folder, e.uid, e.moved) for e in found if isinstance(e, MessageRemoved)]
    assert removed == [("Work", 4, True), ("Work", 5, False), ("INBOX", 5, False)]
    stored = [(e.folder, e.count, e.copied) for e in found if isinstance(e, MessagesStored)]
    assert stored == [("Work", 1, False), ("INBOX", 1, True)]


def test_the_recording_of_2_4_says_the_same_things() -> None:
    found = recorded("2.4")
    assert None not in found
    assert [(e.who.protocol, e.folder, e.uid) for e in found if isinstance(e, MessageOpened)] == [
        *[("imap", "Work", uid) for uid in (2, 3, 4)],
        ("imap", "あいうx y", 1),
        *[("pop3", "INBOX", uid) for uid in (1, 2)],
    ]
    assert [e.folder for e in found if isinstance(e, FolderOpened)] == ["Work", "あいうx y"]
    words = [e.words for e in found if isinstance(e, FolderSearched)]
    assert words == ['BODY "password"', 'CHARSET UTF-8 TEXT "パスワード"']
    removed = [(e.folder, e.uid, e.moved) for e in found if isinstance(e, MessageRemoved)]
    assert removed == [("Work", 4, True), ("Work", 1, False), ("INBOX", 1, False)]
    stored = [(e.folder, e.count, e.copied) for e in found if isinstance(e, MessagesStored)]
    assert stored == [("Work", 1, False), ("INBOX", 1, True)]
    assert [e.folder for e in found if isinstance(e, FolderRemoved)] == ["Old"]


@pytest.mark.parametrize(("version", "address"), [("2.3", ""), ("2.4", "127.0.0.1")])
def test_pop3_events_name_the_address_in_2_4_only(version: str, address: str) -> None:
    opened = [e for e in recorded(version) if isinstance(e, MessageOpened)]
    assert {e.who.ip for e in opened if e.who.protocol == "pop3"} == {address}


@pytest.mark.parametrize(
    "found",
    [
        done("mail_opened", uid=1, reason_code=["imap:cmd_fetch", "imap:fetch_header"]),
        done("mail_opened", uid=1, reason_code=["imap:cmd_search"]),
        done("mail_opened", uid=1, reason_code=[]),
        done("mail_opened", "lmtp", uid=1, reason_code=["imap:fetch_body"]),
        done("mail_opened", "doveadm", uid=1, reason_code=["imap:fetch_body"]),
        done("mail_opened", uid=1, reason_code=["imap:fetch_body"], session=""),
        done("mail_expunge_requested", uid=1, reason_code=["storage:autoexpunge"]),
        done("mail_expunge_requested", "lmtp", uid=1),
        command("NOOP"),
        command("STATUS", "INBOX (MESSAGES)"),
        command("SELECT", "INBOX", "NO [NONEXISTENT] no such folder"),
        command("SEARCH", 'BODY "x"', "BAD Error"),
        command("UID SEARCH", "1:* NOT DELETED"),
        command("SEARCH", "RETURN (COUNT) UNSEEN KEYWORD from"),
        command("SORT", "(SUBJECT DATE) UTF-8 ALL"),
        command("SORT", "(REVERSE FROM) UTF-8 UNDELETED"),
    ],
)
def test_what_is_no_reading_says_nothing(found: object) -> None:
    assert found is None


@pytest.mark.parametrize("words", ["from bob", 'NOT (TO "x")', 'HEADER Message-ID "<1@x>"', "OR bcc a CC b", 'TEXT ""'])
def test_a_search_for_words_is_told_as_it_was_asked(words: str) -> None:
    found = command("UID SEARCH", words)
    assert isinstance(found, FolderSearched)
    assert found.words == words


def test_a_long_search_is_told_by_its_beginning() -> None:
    found = command("SEARCH", 'BODY "' + "x" * 5000 + '"')
    assert isinstance(found, FolderSearched)
    assert len(found.words) == MAX_WORDS


def test_a_deleted_folder_is_told() -> None:
    found = command("DELETE", "Old", mailbox="Old")
    assert isinstance(found, FolderRemoved)
    assert found.folder == "Old"


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ("OK [APPENDUID 38505 3955] done", 1),
        ("OK [APPENDUID 38505 3955:3957] done", 3),
        ("OK [COPYUID 38505 304,319:320 3956:3958] done", 3),
        ("OK [COPYUID 38505 9:1 1:9] done", 9),
        ("OK Copy completed.", 1),
        ("OK No messages found.", 0),
    ],
)
def test_the_reply_says_how_many_messages_were_put_in(reply: str, count: int) -> None:
    assert stored_count(reply) == count


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        ("1 INBOX", "INBOX"),
        ("1:2,4 &MEIwRDBG-", "あいう"),
        ('1 "&MEIwRDBG-x y"', "あいうx y"),
        ('1 "a \\"b\\" c"', 'a "b" c'),
        ("1 Tom&-Jerry", "Tom&Jerry"),
        ("1 &AB-", "&AB-"),
        ("", ""),
    ],
)
def test_a_copy_names_the_folder_it_went_to(arguments: str, folder: str) -> None:
    assert target_of(arguments) == folder


@given(
    st.sampled_from(["mail_opened", "mail_expunge_requested", "imap_command_finished"]),
    st.dictionaries(
        st.sampled_from(["user", "session", "cmd_name", "cmd_args", "tagged_reply", "mailbox", "uid", "reason_code"]),
        st.text(max_size=40) | st.integers() | st.lists(st.text(max_size=5), max_size=3),
    ),
)
def test_whatever_stands_in_the_fields_raises_nothing_but_wire_errors(name: str, fields: dict[str, object]) -> None:
    try:
        done(name, **fields)
    except WireError:
        pass


@given(st.sampled_from(["COPY", "APPEND", "SEARCH", "SELECT", "DELETE"]), st.text(), st.text())
def test_whatever_a_client_says_is_bounded(name: str, arguments: str, reply: str) -> None:
    found = command(name, arguments, "OK " + reply, mailbox=arguments)
    assert found is None or len(found.folder) <= 255  # type: ignore[attr-defined]
