"""The local stack's own PostgreSQL or MariaDB (SEKISHO_DATABASE): one server for both databases, as many sites have it.

It lives in `var/db`, runs as our unprivileged user, listens on a unix socket only, and asks the kernel who comes: a
program's system user is its name in the database, there is no password. Postfix and Dovecot may read the site's tables.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from pathlib import Path
from typing import Any

from sekisho.deploy import ground
from sekisho.deploy.layout import Layout
from sekisho.deploy.rights import USER, prefix_for
from sekisho.deploy.supervisor import Part

POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
# A part of ours has two or three connections, each Postfix daemon one per map it has used: 200 parallel sessions of the
# stories and the rest.
MOST_CONNECTIONS = 500
# Who may read the site's tables.
READERS = ("postfix", "dovecot")
SITE, OURS = "site", "sekisho"


def socket(layout: Layout) -> Path:
    """What a client is told as the server's host: PostgreSQL's directory, MariaDB's socket."""
    directory = layout.var / "db"
    return directory if layout.database == "postgresql" else directory / "mariadb.sock"


def data(layout: Layout) -> Path:
    """Where the server keeps its tables."""
    return layout.var / "db" / layout.database


def make(layout: Layout) -> None:
    """The server's own files, once. Raises GroundError."""
    directory = data(layout)
    if directory.exists():
        return
    draft = directory.with_name(directory.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(0o700)
    user = pwd.getpwnam(USER)
    os.chown(draft, user.pw_uid, user.pw_gid)
    if layout.database == "postgresql":
        made = [str(POSTGRESQL / "initdb"), "-D", str(draft), "-U", "root", "--auth=peer", "--no-sync"]
        ground.run([*prefix_for(USER), *made, "--locale=C.UTF-8", "--encoding=UTF8"])
        # Root may also be Postfix or Dovecot, as with every file of theirs.
        (draft / "pg_hba.conf").write_text("local all all peer map=stack\n")
        (draft / "pg_ident.conf").write_text("stack /^(.*)$ \\1\nstack root postfix\nstack root dovecot\n")
    else:
        made = ["mariadb-install-db", "--no-defaults", f"--datadir={draft}", "--skip-test-db"]
        ground.run(
            [*prefix_for(USER), *made, "--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]
        )
    draft.replace(directory)


def part(layout: Layout) -> Part:
    """The server, for the supervisor; it is stopped after everything else.

    No commit waits for the disk: it outlives a kill of any process, as with SQLite's WAL here, not a power failure.
    """
    if layout.database == "postgresql":
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(layout.var / "db"),
            "max_connections": str(MOST_CONNECTIONS),
            "synchronous_commit": "off",
            "fsync": "off",
            "log_line_prefix": "%m [%p] %u@%d ",
        }
        command = [str(POSTGRESQL / "postgres"), "-D", str(data(layout))]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
    else:
        command = [
            "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data(layout)}", f"--socket={socket(layout)}",
            "--skip-networking", f"--pid-file={data(layout)}/pid", f"--max-connections={MOST_CONNECTIONS}",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--character-set-server=utf8mb4",
        ]  # fmt: skip
    part = Part(layout.database, command, layout.log / f"{layout.database}.log", user=USER, last=True)
    if layout.database == "postgresql":
        # SIGTERM would wait for the last client (pg_ctl's "smart"); this one ends their connections.
        part.stop_signal = signal.SIGINT
    return part


def answers(layout: Layout) -> bool:
    """Whether the server takes connections."""
    try:
        connect(layout).close()
    except Exception:
        # Two drivers with a hierarchy of errors each, and this is asked ten times a second while it starts.
        return False
    return True


def connect(layout: Layout, database: str = "") -> Any:
    """A connection as the server's root that commits each statement by itself."""
    host = str(socket(layout))
    if layout.database == "postgresql":
        import psycopg

        return psycopg.connect(
            host=host, dbname=database or "postgres", user="root", connect_timeout=2, autocommit=True
        )
    import pymysql  # type: ignore[import-untyped]

    return pymysql.connect(
        unix_socket=host, user="root", database=database or None, charset="utf8mb4", connect_timeout=2, autocommit=True
    )


def run_script(layout: Layout, database: str, text: str) -> None:
    """Runs statements that end with a semicolon at the end of a line."""
    with connect(layout, database) as connection:
        cursor = connection.cursor()
        for statement in text.split(";\n"):
            if any(line and not line.startswith("--") for line in statement.splitlines()):
                cursor.execute(statement)


def create(layout: Layout) -> None:
    """Both databases, empty, and who may what in them."""
    if layout.database == "postgresql":
        run_script(layout, "", _POSTGRESQL)
        for database in (SITE, OURS):
            run_script(layout, database, _POSTGRESQL_RIGHTS)
    else:
        run_script(layout, "", _MARIADB)


_POSTGRESQL = (
    "".join(f"CREATE ROLE {name} LOGIN;\n" for name in (USER, *READERS))
    + f"CREATE DATABASE {SITE};\nCREATE DATABASE {OURS};\n"
    + f"REVOKE CONNECT ON DATABASE {OURS} FROM PUBLIC;\nGRANT CONNECT ON DATABASE {OURS} TO {USER};\n"
)
# Of the tables that root makes there later.
_POSTGRESQL_RIGHTS = (
    f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {USER};\n"
    f"ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {USER};\n"
    f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {', '.join(READERS)};\n"
)
_MARIADB = (
    # The server's own default of a site that was made long ago; PostfixAdmin's tables name theirs.
    f"CREATE DATABASE {SITE} CHARACTER SET latin1 COLLATE latin1_general_ci;\n"
    f"CREATE DATABASE {OURS} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
    f"CREATE USER {USER}@localhost IDENTIFIED VIA unix_socket;\n"
    f"GRANT ALL ON {SITE}.* TO {USER}@localhost;\n"
    f"GRANT ALL ON {OURS}.* TO {USER}@localhost;\n"
    + "".join(
        f"CREATE USER {name}@localhost IDENTIFIED VIA unix_socket;\nGRANT SELECT ON {SITE}.* TO {name}@localhost;\n"
        for name in READERS
    )
)
