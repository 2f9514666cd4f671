"""Roundcube's sessions, where it keeps them in its database (`session_storage = 'db'`, its default). Read: 1.6.5.

A row of the table `session` holds base64 of PHP's session text, in which the login name stands as
`username|s:17:"alice@example.com";`. A row that is emptied is a session that is over: the next click shows the login
page.

Emptied, not deleted: a page that took longer than half a second (a refused login takes two) looks for its row at its
end and, where there is none, inserts its own copy (`rcube_session::sess_write`), with which the hijacker goes on. Into
a row that is empty it cannot. One that took less writes over it; so the step looks again. Roundcube clears empty rows
away like all others (`session_lifetime`); a person with such a cookie has to press "log in" twice.
"""

from __future__ import annotations

import base64
import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sekisho.config import WebmailSettings, read_secret

# A hundred thousand people logged in are 400 MB to read; a table beyond that is a case for its clean-up job.
MOST_SESSIONS = 100_000
PAGE_ROWS = 500
# Two tries of a locked database (2 s each) and a table of 20,000 sessions (1 s, measured with SQLite) fit well.
DEADLINE_S = 10.0
CONNECT_S = 2.0
# Our own table prefix goes into SQL text.
_PREFIX = re.compile(r"[A-Za-z0-9_]{0,40}")
_NAME = re.compile(rb'username\|s:(\d{1,3}):"')


class WebmailError(Exception):
    """The webmail's database does not answer, or not in time: tried again later."""


class Roundcube:
    """One installation's table of sessions. Each call has a connection of its own and ends within DEADLINE_S."""

    def __init__(self, settings: WebmailSettings) -> None:
        if not _PREFIX.fullmatch(settings.table_prefix):
            raise ValueError(f"webmail table_prefix {settings.table_prefix!r}")
        self._settings = settings
        self._table = f"{settings.table_prefix}session"
        self._mark = "?" if settings.engine == "sqlite" else "%s"

    def end_sessions(self, is_mine: Callable[[str], bool]) -> int:
        """Empties the rows of these login names; raises WebmailError."""
        with self._connection() as connection:
            found = list(self._sessions(connection, is_mine))
            # The table's name is checked above, everything else is a parameter.
            empty = f"UPDATE {self._table} SET vars = '' WHERE sess_id = {self._mark}"  # noqa: S608
            cursor = connection.cursor()
            for session in found:
                cursor.execute(empty, (session,))
            connection.commit()
        return len(found)

    def count_sessions(self, is_mine: Callable[[str], bool]) -> int:
        """How many sessions these login names have; raises WebmailError."""
        with self._connection() as connection:
            return sum(1 for _ in self._sessions(connection, is_mine))

    def count_contacts(self, is_mine: Callable[[str], bool]) -> int | None:
        """How many entries the address book of these login names has; None: they never used this webmail.

        Raises WebmailError, also where our database user may not read these tables.
        """
        users, contacts = (f"{self._settings.table_prefix}{name}" for name in ("users", "contacts"))
        with self._connection() as connection:
            cursor = connection.cursor()
            mine = [number for number, name in self._users(cursor, users) if is_mine(str(name))]
            if not mine:
                return None
            marks = ", ".join([self._mark] * len(mine))
            # An entry that its owner deleted stays in the table, marked.
            cursor.execute(f"SELECT COUNT(*) FROM {contacts} WHERE del <> 1 AND user_id IN ({marks})", mine)  # noqa: S608
            return int(cursor.fetchone()[0])

    def _users(self, cursor: Any, table: str) -> Iterator[tuple[int, str]]:
        """Everybody who ever used it, page by page."""
        page = (
            f"SELECT user_id, username FROM {table} WHERE user_id > {self._mark} "  # noqa: S608
            f"ORDER BY user_id LIMIT {PAGE_ROWS}"
        )
        until, last = time.monotonic() + DEADLINE_S, 0
        while True:
            cursor.execute(page, (last,))
            rows = cursor.fetchall()
            yield from rows
            if len(rows) < PAGE_ROWS:
                return
            last = rows[-1][0]
            if time.monotonic() > until:
                raise WebmailError("too many webmail users to look through")

    def _sessions(self, connection: Any, is_mine: Callable[[str], bool]) -> Iterator[str]:
        """Session ids, page by page in the order of their key, so that nothing is held open or read whole."""
        page = (
            f"SELECT sess_id, vars FROM {self._table} WHERE sess_id > {self._mark} "  # noqa: S608
            f"ORDER BY sess_id LIMIT {PAGE_ROWS}"
        )
        until, last, seen = time.monotonic() + DEADLINE_S, "", 0
        cursor = connection.cursor()
        while True:
            cursor.execute(page, (last,))
            rows = cursor.fetchall()
            for session, text in rows:
                if any(is_mine(name) for name in login_names(text)):
                    yield str(session)
            if len(rows) < PAGE_ROWS:
                return
            last, seen = rows[-1][0], seen + len(rows)
            if seen >= MOST_SESSIONS or time.monotonic() > until:
                raise WebmailError(f"more than {seen} webmail sessions: the rest was not looked at")

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        """A connection that is closed afterwards; every error of a driver comes out as WebmailError."""
        try:
            with contextlib.closing(self._connect()) as connection:
                yield connection
        except WebmailError:
            raise
        except Exception as error:
            # Three drivers with a hierarchy of errors each; what is no error of theirs shows its name, too.
            raise WebmailError(f"Roundcube's database: {type(error).__name__}: {error}") from error

    def _connect(self) -> Any:
        found = self._settings
        if found.engine == "sqlite":
            # mode=rw: a wrong path is an error instead of an empty new file.
            return sqlite3.connect(f"file:{Path(found.name).absolute()}?mode=rw", uri=True, timeout=CONNECT_S)
        password = read_secret(found.password_file) if found.password_file else ""
        if found.engine == "postgresql":
            return _postgresql(found, password)
        return _mysql(found, password)


def _postgresql(settings: WebmailSettings, password: str) -> Any:
    import importlib

    # Not among our dependencies: a site whose Roundcube is on PostgreSQL installs it (docs/webmail.md).
    driver = importlib.import_module("psycopg")
    return driver.connect(
        dbname=settings.name, user=settings.user, password=password, host=settings.host, port=settings.port or 5432,
        connect_timeout=CONNECT_S, options="-c statement_timeout=2000",
    )  # fmt: skip


def _mysql(settings: WebmailSettings, password: str) -> Any:
    import importlib

    driver = importlib.import_module("pymysql")
    return driver.connect(
        database=settings.name, user=settings.user, password=password, host=settings.host, port=settings.port or 3306,
        connect_timeout=CONNECT_S, read_timeout=CONNECT_S, write_timeout=CONNECT_S,
    )  # fmt: skip


def login_names(text: str | bytes) -> list[str]:
    """The login names in a session's `vars`; none for somebody who is not logged in, or for what is no session.

    Every place is taken that looks like one: a text of the hijacker's own in his session must not hide the true one.
    """
    try:
        session = base64.b64decode(text, validate=False)
    except ValueError:
        return []
    names = []
    for found in _NAME.finditer(session):
        # PHP counts bytes.
        end = found.end() + int(found[1])
        before = session[found.start() - 1 : found.start()]
        if before in (b"", b";", b"}") and session[end : end + 2] == b'";':
            names.append(session[found.end() : end].decode("utf-8", "replace"))
    return names
