"""Our own database in and out of a file, by each engine's own means; one function a way and engine.

SQLite: the online backup API (a reader's snapshot in WAL mode, writers go on). PostgreSQL: `pg_dump` (one snapshot) and
`pg_restore`. MariaDB: `mariadb-dump --single-transaction` and `mariadb`. Programs get argument lists, no shell, a
deadline, and the password in a file of mode 0600, never as an argument or in the environment.

Sessions of the panel and its cache are left out: a session's key opens the panel to whoever holds it (P7), so everybody
signs in anew after a restore.

A server's database is emptied before it is filled: what fails then puts the former content back.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sekisho.config import DatabaseSettings, Settings, read_secret

LEFT_OUT = ("django_session", "usersessions_usersession", "sekisho_cache", "web_usedstatement")
# A million rows of sign-ins were dumped in under a minute; an hour is a hung program.
DEADLINE_S = 3600.0
# A writer holds SQLite's lock for milliseconds; the copy waits this long at most.
LOCK_WAIT_S = 30.0
# Names of the dump in a backup.
DUMPS = {"sqlite": "database/sekisho.sqlite3", "postgresql": "database/sekisho.pgdump", "mysql": "database/sekisho.sql"}


class DatabaseFailed(Exception):
    """The database or its program refused; the text is its last word."""


def dump(database: DatabaseSettings, staging: Path) -> None:
    """Writes one moment of the database below `staging` (DUMPS); raises DatabaseFailed."""
    target = staging / DUMPS[database.engine]
    target.parent.mkdir(parents=True, exist_ok=True)
    _DUMP[database.engine](database, target)


def load(database: DatabaseSettings, staging: Path, aside: Path) -> None:
    """Puts what `dump` wrote in place of the present content, which goes to `aside`; raises DatabaseFailed."""
    aside.mkdir(parents=True, exist_ok=True)
    _LOAD[database.engine](database, staging / DUMPS[database.engine], aside)


def check_dump(engine: str, staging: Path) -> None:
    """Whether the dump can be read as one; raises DatabaseFailed. PostgreSQL's is read by its own program."""
    path = staging / DUMPS[engine]
    if not path.is_file():
        raise DatabaseFailed(f"there is no {DUMPS[engine]} in it")
    if engine == "sqlite":
        _check_sqlite(path)
    elif engine == "postgresql":
        # Reads all of it: the list alone stands at its beginning.
        _run(["pg_restore", "--file=/dev/null", str(path)])
    else:
        _check_sql(path)


def require_own(settings: Settings) -> None:
    """Raises DatabaseFailed where the site's tables are in our database, too: a restore would take them away."""

    def place(database: DatabaseSettings) -> tuple[object, ...]:
        return database.engine, database.name, database.host, database.port

    if place(settings.database) == place(settings.site_database):
        raise DatabaseFailed("[database] and [site_database] are one; give Sekisho a database of its own")


def is_empty(database: DatabaseSettings) -> bool:
    """Whether there is nothing yet that a restore would replace; raises DatabaseFailed."""
    if database.engine == "sqlite":
        path = Path(database.name)
        return not path.exists() or not path.stat().st_size or not _sqlite_tables(path)
    from django.db import DatabaseError, connection

    try:
        with connection.cursor() as cursor:
            return not connection.introspection.table_names(cursor)
    except DatabaseError as error:
        raise DatabaseFailed(str(error).strip()) from error


# --- SQLite


def _sqlite_tables(path: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_WAIT_S)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.DatabaseError:
        # Damaged: there is something, and a restore is what it needs.
        return {"?"}
    return {name for (name,) in rows}


def _dump_sqlite(database: DatabaseSettings, target: Path) -> None:
    if not Path(database.name).exists():
        raise DatabaseFailed(f"there is no database {database.name}")
    try:
        with (
            closing(sqlite3.connect(database.name, timeout=LOCK_WAIT_S)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            # All pages in one step: one moment. In WAL mode that keeps no writer waiting.
            source.backup(copy)
        tables = _sqlite_tables(target)
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")
            for table in LEFT_OUT:
                if table in tables:
                    copy.execute(f"DELETE FROM {table}")  # noqa: S608 (a name of LEFT_OUT)
            # Also what was deleted is gone from the file then.
            copy.execute("VACUUM")
    except sqlite3.Error as error:
        raise DatabaseFailed(f"{database.name}: {error}") from error


def _check_sqlite(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise DatabaseFailed(f"the database in it is damaged: {found}")


def _load_sqlite(database: DatabaseSettings, source: Path, aside: Path) -> None:
    target = Path(database.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.restored")
    try:
        shutil.copyfile(source, draft)
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        _like(target if target.exists() else target.parent, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        # Its log belongs to the former file: left beside the new one it would be read into it.
        for former in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
            if former.exists():
                shutil.move(former, aside / former.name)
        draft.rename(target)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise DatabaseFailed(f"{target}: {error}") from error


def _like(model: Path, path: Path) -> None:
    """Owner, group and rights as the former file's, or of a new one as its directory's: for its owner and group."""
    found = model.stat()
    with contextlib.suppress(PermissionError):
        os.chown(path, found.st_uid, found.st_gid)
    path.chmod(0o660 if model.is_dir() else found.st_mode & 0o777)


# --- PostgreSQL


@contextlib.contextmanager
def _pg(database: DatabaseSettings) -> Iterator[Callable[[Sequence[str]], None]]:
    """Runs PostgreSQL's programs on our database."""
    words = ["--no-password", "--dbname", database.name]
    words += ["--host", database.host] if database.host else []
    words += ["--port", str(database.port)] if database.port else []
    words += ["--username", database.user] if database.user else []
    with tempfile.TemporaryDirectory(prefix="sekisho-pg-") as directory:
        passfile = Path(directory) / "pgpass"
        passfile.touch(mode=0o600)
        if database.password_file:
            secret = read_secret(database.password_file).replace("\\", "\\\\").replace(":", "\\:")
            passfile.write_text(f"*:*:*:*:{secret}\n")
        yield lambda argv: _run([argv[0], *words, *argv[1:]], {"PGPASSFILE": str(passfile)})


def _dump_postgresql(database: DatabaseSettings, target: Path) -> None:
    without = [f"--exclude-table-data={table}" for table in LEFT_OUT]
    with _pg(database) as run:
        run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", *without, "--file", str(target)])


def _load_postgresql(database: DatabaseSettings, source: Path, aside: Path) -> None:
    former = aside / "database.pgdump"
    with _pg(database) as run:
        _dump_aside(
            former, lambda: run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(former)])
        )

        def fill(content: Path) -> None:
            _drop_tables("DROP FUNCTION IF EXISTS audit_refuse() CASCADE")
            options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
            run(["pg_restore", *options, str(content)])

        _fill_or_put_back(fill, source, former)


# --- MariaDB


@contextlib.contextmanager
def _mariadb(database: DatabaseSettings) -> Iterator[str]:
    """The option that leads MariaDB's programs to our database, without a word of it in their arguments."""
    with tempfile.TemporaryDirectory(prefix="sekisho-db-") as directory:
        options = Path(directory) / "client.cnf"
        options.touch(mode=0o600)
        lines = ["[client]"]
        if database.host.startswith("/"):
            lines.append(f"socket={database.host}")
        elif database.host:
            lines.append(f"host={database.host}")
        lines += [f"port={database.port}"] if database.port else []
        lines += [f"user={database.user}"] if database.user else []
        if database.password_file:
            secret = read_secret(database.password_file).replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'password="{secret}"')
        options.write_text("\n".join(lines) + "\n")
        yield f"--defaults-extra-file={options}"


# Without triggers: a dump names their DEFINER, and only an administrator may make one for somebody else, as a restore
# on another host would have to. The audit log's own are made anew (`_seal`); there are no others.
_MARIADB_DUMP = ["--single-transaction", "--skip-lock-tables", "--hex-blob", "--skip-triggers", "--no-tablespaces"]
# Whatever the machine's own my.cnf says.
_MARIADB_CHARSET = "--default-character-set=utf8mb4"
_MARIADB_END = b"-- Dump completed"


def _dump_mysql(database: DatabaseSettings, target: Path) -> None:
    with _mariadb(database) as option:
        without = [f"--ignore-table-data={database.name}.{table}" for table in LEFT_OUT]
        _run(_mariadb_dump(option, database, target, *without))


def _mariadb_dump(option: str, database: DatabaseSettings, target: Path, *more: str) -> list[str]:
    words = ["mariadb-dump", option, _MARIADB_CHARSET, *_MARIADB_DUMP, *more]
    return [*words, f"--result-file={target}", "--", database.name]


def _check_sql(path: Path) -> None:
    """mariadb-dump's last line is there: it was not cut off."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200))
        if _MARIADB_END not in file.read():
            raise DatabaseFailed("the database in it is cut off: the dump's last line is missing")


def _load_mysql(database: DatabaseSettings, source: Path, aside: Path) -> None:
    former = aside / "database.sql"
    with _mariadb(database) as option:
        _dump_aside(former, lambda: _run(_mariadb_dump(option, database, former)))

        def fill(content: Path) -> None:
            _drop_tables()
            with content.open("rb") as file:
                _run(["mariadb", option, _MARIADB_CHARSET, "--", database.name], stdin=file)
            _seal()

        _fill_or_put_back(fill, source, former)


# --- both servers


def _dump_aside(former: Path, write: Callable[[], None]) -> None:
    """Half a file would look like the former content."""
    try:
        write()
    except DatabaseFailed:
        former.unlink(missing_ok=True)
        raise


def _fill_or_put_back(fill: Callable[[Path], None], source: Path, former: Path) -> None:
    """Fills the emptied database; raises DatabaseFailed, with the former content in place again if that can be."""
    try:
        fill(source)
    except DatabaseFailed as error:
        try:
            fill(former)
        except DatabaseFailed as again:
            raise DatabaseFailed(f"{error}; the former content could not be put back either: {again}") from error
        raise DatabaseFailed(f"{error}; the former content was put back") from error


def _drop_tables(*more: str) -> None:
    """Empties our database: all tables of it whatever refers to them, then what `more` says."""
    from django.db import DatabaseError, connection

    is_mysql = connection.vendor == "mysql"
    try:
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
            if is_mysql:
                # Of this connection only, which is closed below.
                cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
            for table in tables:
                cascade = "" if is_mysql else " CASCADE"
                cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)}{cascade}")
            for statement in more:
                cursor.execute(statement)
        connection.close()
    except DatabaseError as error:
        raise DatabaseFailed(str(error).strip()) from error


def _seal() -> None:
    """The audit log's triggers, under the name of whoever restores."""
    from django.db import DatabaseError, connection

    from sekisho.incidents import audit_seal

    try:
        with connection.cursor() as cursor:
            known = audit_seal.TABLE in connection.introspection.table_names(cursor)
        if known:
            audit_seal.seal(connection)
        connection.close()
    except DatabaseError as error:
        raise DatabaseFailed(f"the audit log's triggers: {str(error).strip()}") from error


def _run(
    argv: Sequence[str],
    environment: dict[str, str] | None = None,
    *,
    stdin: object = subprocess.DEVNULL,
) -> None:
    """One program to its end; raises DatabaseFailed with the line in which it says why."""
    surroundings = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", **(environment or {})}
    try:
        done = subprocess.run(
            argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=surroundings,
            timeout=DEADLINE_S, check=False,
        )  # type: ignore[call-overload]  # fmt: skip
    except FileNotFoundError:
        raise DatabaseFailed(f"{argv[0]} is not installed (Debian: postgresql-client, mariadb-client)") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DatabaseFailed(f"{argv[0]}: {error}") from error
    if done.returncode:
        raise DatabaseFailed(f"{argv[0]}: {_reason(argv[0], done.stderr.decode(errors='replace'), done.returncode)}")


def _reason(program: str, words: str, code: int) -> str:
    """The first line that speaks of an error: behind it PostgreSQL's programs quote the statement. Else the last."""
    lines = words.strip().splitlines() or [f"exit status {code}"]
    found = next((line for line in lines if "error" in line.lower()), lines[-1])
    return found.removeprefix(f"{program}: ")[:300]


_DUMP = {"sqlite": _dump_sqlite, "postgresql": _dump_postgresql, "mysql": _dump_mysql}
_LOAD = {"sqlite": _load_sqlite, "postgresql": _load_postgresql, "mysql": _load_mysql}
