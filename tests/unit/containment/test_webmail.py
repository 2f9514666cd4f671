"""Sessions of a webmail end with a suspension; here on a real SQLite file with Roundcube's own table."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pytest import MonkeyPatch

from sekisho.config import WebmailSettings
from sekisho.containment import plans, roundcube
from sekisho.containment.ledger import StepRecord
from sekisho.containment.roundcube import Roundcube, WebmailError, login_names
from sekisho.containment.webmail_steps import (
    end_webmail_sessions,
    present_webmail_sessions_ended,
    webmail_sessions_ended,
)
from sekisho.containment.work import StepFailed, Tools, Work

from .conftest import ALICE, ALICE_ALIAS, suspended

BOB = "bob@customer.example"
# Roundcube 1.6.5, SQL/sqlite.initial.sql.
TABLE = """
CREATE TABLE {} (
  sess_id varchar(128) NOT NULL PRIMARY KEY,
  changed datetime NOT NULL default '0000-00-00 00:00:00',
  ip varchar(40) NOT NULL default '',
  vars text NOT NULL
)
"""


def session(name: str, before: str = "") -> str:
    """`vars` as Roundcube writes them: the keys and their order are those of a real login (1.6.5)."""
    text = (
        f'temp|b:1;language|s:5:"en_US";task|s:4:"mail";{before}user_id|i:1;username|s:{len(name.encode())}:"{name}";'
        'storage_host|s:9:"localhost";storage_port|i:143;password|s:32:"c2VjcmV0";login_time|i:1790000000;'
    )
    return base64.b64encode(text.encode()).decode()


class Table:
    """The webmail's database."""

    def __init__(self, path: Path, prefix: str = "") -> None:
        self.path, self.table = path, f"{prefix}session"
        with sqlite3.connect(path) as connection:
            connection.execute(TABLE.format(self.table))
        self.settings = WebmailSettings("roundcube", name=str(path), table_prefix=prefix)

    def add(self, rows: Sequence[tuple[str, str]]) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.executemany(f"INSERT INTO {self.table} (sess_id, vars) VALUES (?, ?)", rows)

    def write_over(self, number: str, text: str) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(f"UPDATE {self.table} SET vars = ? WHERE sess_id = ?", (text, number))

    def ids(self, empty: bool = False) -> set[str]:
        """The sessions that go on; or those that were emptied."""
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute(f"SELECT sess_id FROM {self.table} WHERE (vars = '') = ?", (empty,))
            return {row[0] for row in rows}


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "roundcube.sqlite3")


@pytest.fixture
def work(tools: Tools, table: Table) -> Work:
    tools = replace(tools, webmails=(Roundcube(table.settings),))
    entry = suspended(tools)
    return Work(tools, entry, entry.plans["contain"])


def test_it_ends_the_mailbox_sessions_under_every_login_name_and_nobody_elses(table: Table, work: Work) -> None:
    table.add(
        [
            ("a1", session(ALICE)),
            ("a2", session(ALICE_ALIAS)),
            ("a3", session("Alice@Customer.EXAMPLE")),
            ("b1", session(BOB)),
            ("b2", session("malice@customer.example")),
            ("guest", base64.b64encode(b"temp|b:1;").decode()),
            ("broken", "%%%"),
        ]
    )
    assert end_webmail_sessions(work)
    assert table.ids() == {"b1", "b2", "guest", "broken"}
    assert webmail_sessions_ended(work) == "3 webmail sessions ended"
    # A page under way that looks for its row finds it, so it cannot insert a copy of its own.
    assert table.ids(empty=True) == {"a1", "a2", "a3"}
    assert not end_webmail_sessions(work)


def test_it_ends_a_session_that_a_quick_page_wrote_over(table: Table, work: Work, monkeypatch: MonkeyPatch) -> None:
    table.add([("a1", session(ALICE))])
    pages = [session(ALICE), session(ALICE)]

    def sleep(seconds: float) -> None:
        if pages:
            table.write_over("a1", pages.pop())

    work.tools = replace(work.tools, sleep=sleep)
    assert end_webmail_sessions(work)
    assert webmail_sessions_ended(work) == "1 webmail session ended" and not pages


def test_it_is_not_done_while_a_session_is_there(table: Table, work: Work) -> None:
    end_webmail_sessions(work)
    table.add([("a1", session(ALICE))])
    with pytest.raises(StepFailed, match="1 webmail session still there"):
        webmail_sessions_ended(work)


def test_it_finds_sessions_on_every_page_of_a_long_table(table: Table, work: Work, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(roundcube, "PAGE_ROWS", 3)
    table.add([(f"s{number:02}", session(ALICE if number % 4 == 0 else BOB)) for number in range(20)])
    assert end_webmail_sessions(work)
    assert len(table.ids()) == 15


def test_it_says_that_it_did_not_see_all_of_an_endless_table(
    table: Table, work: Work, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(roundcube, "PAGE_ROWS", 3)
    monkeypatch.setattr(roundcube, "MOST_SESSIONS", 6)
    table.add([(f"s{number:02}", session(BOB)) for number in range(20)])
    with pytest.raises(StepFailed, match="more than 6 webmail sessions"):
        end_webmail_sessions(work)


def test_a_text_of_the_hijackers_own_does_not_hide_his_name() -> None:
    text = f';username|s:{len(BOB)}:"{BOB}";'
    assert ALICE in login_names(session(ALICE, before=f'last_search|s:{len(text)}:"{text}";'))


def test_a_database_that_is_not_there_is_a_failed_step_and_no_new_file(tools: Tools, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.sqlite3"
    tools = replace(tools, webmails=(Roundcube(WebmailSettings("roundcube", name=str(missing))),))
    entry = suspended(tools)
    with pytest.raises(StepFailed, match="Roundcube's database: OperationalError"):
        end_webmail_sessions(Work(tools, entry, entry.plans["contain"]))
    assert not missing.exists()


def test_a_locked_database_is_a_failed_step(table: Table, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(roundcube, "CONNECT_S", 0.01)
    table.add([("a1", session(ALICE))])
    with sqlite3.connect(table.path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WebmailError, match="locked"):
            Roundcube(table.settings).end_sessions(lambda name: name == ALICE)


def test_one_webmail_that_fails_does_not_spare_the_next(tools: Tools, table: Table, tmp_path: Path) -> None:
    table.add([("a1", session(ALICE))])
    broken = Roundcube(WebmailSettings("roundcube", name=str(tmp_path / "nowhere.sqlite3")))
    tools = replace(tools, webmails=(broken, Roundcube(table.settings)))
    entry = suspended(tools)
    with pytest.raises(StepFailed):
        end_webmail_sessions(Work(tools, entry, entry.plans["contain"]))
    assert table.ids() == set()


def test_a_new_password_is_not_done_while_old_sessions_do_not_end(work: Work, monkeypatch: MonkeyPatch) -> None:
    # The database takes the deletion and does nothing.
    monkeypatch.setattr(Roundcube, "end_sessions", lambda webmail, is_mine: 1)
    end_webmail_sessions(work)
    with pytest.raises(StepFailed, match="1 webmail session still there"):
        present_webmail_sessions_ended(work)
    monkeypatch.undo()
    end_webmail_sessions(work)
    assert present_webmail_sessions_ended(work) == "0 webmail sessions ended"


def test_a_prefix_of_the_tables_is_respected(tools: Tools, tmp_path: Path) -> None:
    table = Table(tmp_path / "prefixed.sqlite3", prefix="rc_")
    table.add([("a1", session(ALICE))])
    assert Roundcube(table.settings).count_sessions(lambda name: name == ALICE) == 1


def test_without_a_webmail_the_step_says_so(tools: Tools) -> None:
    entry = suspended(tools)
    step = next(step for step in plans.CONTAIN if step.name == "end_webmail_sessions")
    record = plans.run_step(tools, entry, entry.plans["contain"], step)
    assert (record.state, record.outcome) == ("already", "no webmail is set up")


def test_the_sweeps_end_a_session_that_was_written_again(table: Table, work: Work) -> None:
    for step in plans.CONTAIN:
        if step.name in ("raise_barrier", "kick_sessions"):
            step.do(work)
            work.plan.steps[step.name] = StepRecord("done", 1, work.tools.now())
    table.add([("a1", session(ALICE))])
    assert plans.sweep(work)
    assert table.ids() == set()
    assert "1 webmail session ended" in plans.swept(work)


def test_a_prefix_that_is_no_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="table_prefix"):
        Roundcube(WebmailSettings("roundcube", table_prefix="x; DROP TABLE session --"))


def test_the_address_book_of_the_mailbox_is_counted(work: Work, table: Table) -> None:
    assert webmail_sessions_ended(work) == "0 webmail sessions ended", "this database user may not read it"
    # Roundcube 1.6.5, SQL/sqlite.initial.sql, the columns that matter.
    with sqlite3.connect(table.path) as connection:
        connection.execute("CREATE TABLE users (user_id INTEGER PRIMARY KEY, username varchar(128))")
        connection.execute("CREATE TABLE contacts (contact_id INTEGER PRIMARY KEY, user_id integer, del tinyint)")
        connection.execute("INSERT INTO users VALUES (1, ?), (2, ?)", (BOB, BOB.upper()))
    assert webmail_sessions_ended(work) == "0 webmail sessions ended", "alice never used it"
    with sqlite3.connect(table.path) as connection:
        connection.execute("INSERT INTO users VALUES (3, ?), (4, ?)", (ALICE.upper(), ALICE_ALIAS))
        owners = [(1, 0), (3, 0), (3, 0), (3, 1), (4, 0)]
        connection.executemany("INSERT INTO contacts (user_id, del) VALUES (?, ?)", owners)
    assert webmail_sessions_ended(work) == "0 webmail sessions ended, 3 in the address book"
