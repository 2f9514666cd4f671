"""Where a site keeps its mailboxes: read from Postfix' maps and Dovecot's SQL file, then from the tables' columns.

Passwords found there are handed on for sekisho's own configuration and shown to nobody.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import msgspec

from sekisho.deploy.setup.findings import Words

Engine = Literal["sqlite", "postgresql", "mysql"]
ENGINES: dict[str, Engine] = {"sqlite": "sqlite", "pgsql": "postgresql", "mysql": "mysql"}
# The order in which maps are believed: mailboxes first.
MAP_PARAMETERS = ("virtual_mailbox_maps", "virtual_alias_maps", "virtual_mailbox_domains", "smtpd_sender_login_maps")
# The least by which PostfixAdmin's tables are known: 2.3 had them.
KNOWN_BY = {"mailbox": {"username", "password", "maildir", "active", "domain"}, "alias": {"address", "goto"}}
# Where Debian's MariaDB and MySQL, and their own packages, listen.
MYSQL_SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock")
# A database on the same host or network answers at once.
CONNECT_S = 3


class Database(msgspec.Struct, frozen=True):
    """How Postfix or Dovecot reaches the site's tables, and where that was read."""

    engine: Engine
    name: str
    source: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""

    @property
    def told(self) -> str:
        """For people: without the password."""
        place = f"{self.user}@{self.host or 'localhost'}/{self.name}" if self.engine != "sqlite" else self.name
        return f"{self.engine} {place} ({self.source})"


class Shape(msgspec.Struct, frozen=True):
    """What the tables are. `postfixadmin` is a version as far as the columns tell it; "" for other tables."""

    tables: frozenset[str] = frozenset()
    postfixadmin: str = ""
    # None: not known.
    writable: bool | None = None
    journal: str = ""
    # Why nothing is known; "" when the tables were looked at.
    unread: str = ""


def parse_map(text: str) -> dict[str, str]:
    """A map file of Postfix (mysql_table(5), pgsql_table(5), sqlite_table(5)): main.cf's grammar."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and name:
            found[name] += " " + line.strip()
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        found[name] = value
    return found


def _host_and_port(text: str) -> tuple[str, int]:
    """The first of `hosts = a b:3306 inet:c unix:/path`."""
    first = (text.replace(",", " ").split() or [""])[0].removeprefix("inet:")
    if first.startswith("unix:"):
        return first.removeprefix("unix:"), 0
    host, colon, port = first.rpartition(":")
    return (host, int(port)) if colon and port.isdecimal() else (first, 0)


def _reached(engine: Engine, host: str) -> str:
    """MySQL's own library, which Postfix and Dovecot use, takes "localhost" for the unix socket, and its user is
    `postfix@localhost` there; ours would go by TCP, where a server with skip-networking does not listen."""
    if engine == "mysql" and host in ("", "localhost"):
        return next((path for path in MYSQL_SOCKETS if Path(path).is_socket()), host)
    return host


def of_map(kind: str, path: str, values: dict[str, str]) -> Database | None:
    """The database a map file names; None when it names none."""
    engine = ENGINES.get(kind)
    name = values.get("dbpath" if kind == "sqlite" else "dbname", "")
    if engine is None or not name:
        return None
    host, port = _host_and_port(values.get("hosts", ""))
    return Database(
        engine, name, path, _reached(engine, host), port, values.get("user", ""), values.get("password", "")
    )


def of_dovecot(path: str, text: str) -> Database | None:
    """The database of a `driver = sql` file of Dovecot 2.3 (`connect = host=… dbname=…`); None without one."""
    values = parse_map(text)
    engine = ENGINES.get(values.get("driver", ""))
    connect = values.get("connect", "")
    if engine is None or not connect:
        return None
    if engine == "sqlite":
        return Database(engine, connect, path)
    found = dict(re.findall(r"(\w+)=(\S+)", connect))
    port = found.get("port", "")
    host = _reached(engine, found.get("host", ""))
    return Database(engine, found.get("dbname", ""), path, host, int(port) if port.isdecimal() else 0,
                    found.get("user", ""), found.get("password", ""))  # fmt: skip


def map_references(values: dict[str, str]) -> list[tuple[str, str]]:
    """(type, path) of every SQL map in main.cf's expanded values, those of mailboxes first."""
    found: list[tuple[str, str]] = []
    for name in MAP_PARAMETERS:
        for kind, path in re.findall(r"(?:proxy:)?\b(mysql|pgsql|sqlite):(/[^\s,}]+)", values.get(name, "")):
            if (kind, path) not in found:
                found.append((kind, path))
    return found


def find(values: dict[str, str], dovecot_files: Iterable[str]) -> Database | None:
    """The site's database: by the first readable SQL map, else by Dovecot's SQL file; None without either."""
    for kind, path in map_references(values):
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if found := of_map(kind, path, parse_map(text)):
            return found
    for path in dovecot_files:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if found := of_dovecot(path, text):
            return found
    return None


def postfixadmin_version(columns: dict[str, frozenset[str]]) -> str:
    """PostfixAdmin's version as its upgrade.php left it in the columns; "" when these are not its tables."""
    if not all(wanted <= columns.get(table, frozenset()) for table, wanted in KNOWN_BY.items()):
        return ""
    mailbox = columns["mailbox"]
    for column, version in (("totp_secret", "4.0"), ("password_expiry", "3.2 – 3.3"), ("phone", "3.0 – 3.1")):
        if column in mailbox:
            return version
    return "2.3"


def look(database: Database) -> Shape:
    """The tables as they are; nothing is written, not even a lock on SQLite beyond a reader's."""
    try:
        columns, journal, writable = _READERS[database.engine](database)
    except ImportError as error:
        return Shape(unread=f"{error.name} is not installed")
    except (OSError, ValueError, sqlite3.Error) as error:
        return Shape(unread=str(error))
    # Each driver has errors of its own; none may end the survey.
    except Exception as error:
        return Shape(unread=f"{type(error).__name__}: {error}".splitlines()[0][:200])
    version = postfixadmin_version(columns)
    return Shape(frozenset(columns), version, writable, journal)


Looked = tuple[dict[str, frozenset[str]], str, bool | None]


def _look_sqlite(database: Database) -> Looked:
    found: dict[str, frozenset[str]] = {}
    with closing(sqlite3.connect(f"file:{database.name}?mode=ro", uri=True, timeout=CONNECT_S)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"):
            rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            found[table] = frozenset(name for (name,) in rows)
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    return found, str(journal), os.access(database.name, os.W_OK)


_COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = {}"


def _columns(cursor: Any, schema: str) -> dict[str, frozenset[str]]:
    cursor.execute(_COLUMNS.format(schema))
    found: dict[str, set[str]] = {}
    for table, column in cursor.fetchall():
        found.setdefault(str(table), set()).add(str(column))
    return {table: frozenset(columns) for table, columns in found.items()}


def _look_postgresql(database: Database) -> Looked:
    import psycopg

    with psycopg.connect(
        dbname=database.name, host=database.host or None, port=database.port or None, user=database.user or None,
        password=database.password or None, connect_timeout=CONNECT_S,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        found = _columns(cursor, "current_schema()")
        writable: bool | None = None
        if "mailbox" in found:
            cursor.execute("SELECT has_table_privilege('mailbox', 'UPDATE')")
            row = cursor.fetchone()
            writable = bool(row and row[0])
    return found, "", writable


def _look_mysql(database: Database) -> Looked:
    import pymysql  # type: ignore[import-untyped]

    socket = database.host if database.host.startswith("/") else None
    connection = pymysql.connect(
        host=database.host or "localhost", port=database.port or 3306, unix_socket=socket, user=database.user,
        password=database.password, database=database.name, connect_timeout=CONNECT_S, read_timeout=CONNECT_S,
    )  # fmt: skip
    with closing(connection), connection.cursor() as cursor:
        found = _columns(cursor, "DATABASE()")
        cursor.execute("SHOW GRANTS")
        grants = " ".join(str(row[0]).upper() for row in cursor.fetchall())
    return found, "", "ALL PRIVILEGES" in grants or "UPDATE" in grants


_READERS = {"sqlite": _look_sqlite, "postgresql": _look_postgresql, "mysql": _look_mysql}


# PostfixAdmin's own tables, for a database user who may only read (directory.mapping). SQLite takes a name in a WITH
# clause for the clause's own: there the table is named with its database.
READ_ONLY = {
    "mailboxes": "SELECT LOWER(username) AS address, domain, password, active, name FROM {}mailbox",
    "domains": "SELECT domain FROM {}domain WHERE domain <> 'ALL'",
    "alias_domains": "SELECT alias_domain, target_domain FROM {}alias_domain",
}


def read_only(database: Database) -> dict[str, str]:
    """[site] for PostfixAdmin's tables that are not ours to write."""
    return {name: text.format("main." if database.engine == "sqlite" else "") for name, text in READ_ONLY.items()}


def notes(database: Database | None, shape: Shape) -> list[Words]:
    """What was found, for the person who reads the difference."""
    if database is None:
        return []
    found: list[Words] = [(f"mailboxes: {database.told}", f"メールボックス: {database.told}")]
    if shape.unread:
        found.append((f"its tables were not looked at: {shape.unread}", f"表を確認できません: {shape.unread}"))
    elif shape.postfixadmin:
        found.append((f"PostfixAdmin {shape.postfixadmin}, by its columns",) * 2)
    if shape.writable is False:
        found.append(("this user may not write there: passwords stay a matter of the site's own tools (docs/adopt.md)",
                      "書き込み権限がないため、パスワードはサイト側で設定します (docs/adopt.md)"))  # fmt: skip
    if database.engine == "sqlite" and shape.journal not in ("", "wal"):
        found.append(("SQLite without WAL: any program that writes can stop Postfix for a minute (docs/adopt.md)",
                      "SQLite が WAL ではなく、書き込みで Postfix が止まることがあります (docs/adopt.md)"))  # fmt: skip
    return found
