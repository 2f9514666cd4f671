"""The local stack's two databases: PostfixAdmin's tables as a site has them, and Sekisho's own by Django's migrations.

With SQLite both are files in WAL mode, group-writable in a setgid directory: Postfix opens the site's database for
reading with SQLite's default flags, and in WAL mode that fails for whoever may not write the -shm file, which is fatal
to a Postfix daemon and closes the service for a minute (seen; so is a rollback journal with any writer).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from sekisho.deploy import database_server, ground
from sekisho.deploy.layout import Layout
from sekisho.deploy.render import template
from sekisho.deploy.supervisor import Supervisor

# Recovering from a crash takes seconds here; after half a minute a person should look.
SERVER_DEADLINE = 30.0
SERVERS = {"postgresql": str(database_server.POSTGRESQL / "postgres"), "mariadb": "/usr/sbin/mariadbd"}


class FirstLoad:
    """Marks a fresh pair of databases as unfinished until the demo is in them.

    A first start that was interrupted begins again; otherwise the next one would meet empty tables.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._marker = layout.var / "db" / "unfinished"
        self.is_first = False

    def begin(self) -> None:
        """Removes what an interrupted first start left, and marks a fresh one. Raises GroundError."""
        directory = self._layout.var / "db"
        if self._marker.exists():
            for path in directory.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        # The name of what they are kept in: without it, one made before there was a choice.
        kept = directory / "engine"
        found = kept.read_text() if kept.exists() else "sqlite" if self._layout.site_database.exists() else ""
        if found and found != self._layout.database:
            raise ground.GroundError(f"the databases in {directory} are {found}'s: set SEKISHO_DATABASE={found}")
        self.is_first = not found
        if self.is_first:
            self._marker.touch()
            kept.write_text(self._layout.database)

    def end(self) -> None:
        """The databases are complete."""
        self._marker.unlink(missing_ok=True)


def start_server(layout: Layout, supervisor: Supervisor) -> bool:
    """Has the supervisor run the database server, where there is one; False when it was told to stop meanwhile.

    Raises GroundError when the server does not come up.
    """
    if layout.database == "sqlite":
        return True
    if not Path(SERVERS[layout.database]).exists():
        raise ground.GroundError(f"{SERVERS[layout.database]} is missing; run setup/prepare.sh test as root")
    database_server.make(layout)
    supervisor.add([database_server.part(layout)])
    if supervisor.run_until(lambda: database_server.answers(layout), SERVER_DEADLINE):
        return True
    if supervisor.stopping:
        return False
    raise ground.GroundError(f"{layout.database} does not answer; its log is {layout.log / layout.database}.log")


def make_site_database(layout: Layout) -> None:
    """PostfixAdmin's tables. With a server this makes both databases, ours empty."""
    if layout.database != "sqlite":
        database_server.create(layout)
        database_server.run_script(layout, database_server.SITE, template(f"postfixadmin.{layout.database}.sql"))
        return
    connection = sqlite3.connect(layout.site_database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(template("postfixadmin.sql"))
    connection.close()
    share_site_database(layout)


def share_site_database(layout: Layout) -> None:
    """Puts right who may read it, at each start: with SQLite a file that somebody may have copied."""
    if layout.database == "sqlite":
        _share(layout.site_database)


def make_our_database(path: Path | None) -> None:
    """Sekisho's tables, brought to the newest migration; `path` is SQLite's file. Needs Django (directory.start)."""
    if path is not None:
        if not path.exists():
            # Made before Django opens it, so that the -wal and -shm files inherit these rights from the first moment.
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        _share(path)
    from django.core.management import call_command

    call_command("migrate", database="default", verbosity=0, interactive=False)


def _share(path: Path) -> None:
    """For root and our group only (Postfix is in it, Dovecot asks as root): password hashes and sessions are inside."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists():
            os.chown(file, -1, ground.group_id())
            file.chmod(0o660)
