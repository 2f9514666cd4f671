"""The local stack's two databases: PostfixAdmin's tables as a site has them, and Sekisho's own by Django's migrations.

Both are SQLite in WAL mode, group-writable in a setgid directory: Postfix opens the site's database for reading with
SQLite's default flags, and in WAL mode that fails for whoever may not write the -shm file, which is fatal to a
Postfix daemon and closes the service for a minute (seen; so is a rollback journal with any writer).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sekisho.deploy.ground import group_id
from sekisho.deploy.layout import Layout
from sekisho.deploy.render import template


class FirstLoad:
    """Marks a fresh pair of databases as unfinished until the demo is in them.

    A first start that was interrupted begins again; otherwise the next one would meet empty tables.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._marker = layout.var / "db" / "unfinished"

    def begin(self) -> None:
        """Removes what an interrupted first start left, and marks a fresh one."""
        if self._marker.exists():
            for database in (self._layout.our_database, self._layout.site_database):
                for path in database.parent.glob(f"{database.name}*"):
                    path.unlink()
        if not self._layout.site_database.exists():
            self._marker.touch()

    def end(self) -> None:
        """The databases are complete."""
        self._marker.unlink(missing_ok=True)


def make_site_database(layout: Layout) -> bool:
    """PostfixAdmin's tables; True when they were made just now, False when they were there."""
    path = layout.site_database
    if path.exists():
        _share(path)
        return False
    draft = path.with_name("site.new.sqlite3")
    for left in draft.parent.glob("site.new.sqlite3*"):
        left.unlink()
    connection = sqlite3.connect(draft)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(template("postfixadmin.sql"))
    connection.close()
    _share(draft)
    draft.replace(path)
    return True


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
            os.chown(file, -1, group_id())
            file.chmod(0o660)
