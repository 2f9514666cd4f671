"""Profiles on disk: one SQLite file with a row per mailbox, so that a snapshot writes only what changed.

One transaction holds the changed profiles, the host's tables, our own decisions and the places in mail log, journal
and findings that belong to them: after a kill the guard goes on from one consistent moment. A file that cannot be
read is put aside under another name and the guard starts without history (hard caps count from the first minute).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sekisho.guard.log_file import Position
from sekisho.guard.standing import OwnDecision
from sekisho.journal import Cursor

log = logging.getLogger("sekisho.guard")

SCHEMA = """
CREATE TABLE IF NOT EXISTS profile (mailbox TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
"""


class Saved(msgspec.Struct, frozen=True):
    """Everything in a snapshot but the profiles: what was read up to where, and what we had decided by then."""

    written_at: float = 0.0
    mail_log: Position = Position()
    journal: Cursor = Cursor(0, 0)
    findings: Cursor = Cursor(0, 0)
    own: dict[str, OwnDecision] = {}
    complaints: Cursor = Cursor(0, 0)
    # Where it is a file of its own.
    dovecot_log: Position = Position()


class ProfileStore:
    """The file behind the guard's memory. Opened per use: a snapshot is rare and runs in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[dict[str, bytes], bytes, Saved]:
        """Profiles by mailbox, the host's tables (empty: none) and the places; nothing when there is no file yet."""
        if not self._path.exists():
            return {}, b"", Saved()
        try:
            return self._read()
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            aside = self._path.with_name(f"{self._path.name}.unreadable-{time.time():.0f}")
            self._path.rename(aside)
            log.error("%s cannot be read (%s); put aside as %s, starting without history", self._path, error, aside)
            return {}, b"", Saved()

    def _read(self) -> tuple[dict[str, bytes], bytes, Saved]:
        connection = self._connect()
        try:
            profiles: dict[str, bytes] = dict(connection.execute("SELECT mailbox, data FROM profile"))
            rest: dict[str, bytes] = dict(connection.execute("SELECT name, data FROM place"))
        finally:
            connection.close()
        saved = msgspec.json.decode(rest["places"], type=Saved) if "places" in rest else Saved()
        return profiles, rest.get("host", b""), saved

    def save(self, changed: Iterable[tuple[str, bytes]], host: bytes, saved: Saved) -> None:
        """Writes one moment in one transaction; raises OSError or sqlite3.Error, then the former moment stands."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect()
        try:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO profile VALUES (?, ?)", changed)
                rest = [("host", host), ("places", msgspec.json.encode(saved))]
                connection.executemany("INSERT OR REPLACE INTO place VALUES (?, ?)", rest)
        finally:
            connection.close()

    def remove(self, mailboxes: Iterable[str]) -> None:
        """Forgets profiles, also in the file's free pages; no guard may run, it would write them again."""
        connection = self._connect()
        try:
            connection.execute("PRAGMA secure_delete=ON")
            with connection:
                connection.executemany("DELETE FROM profile WHERE mailbox = ?", [(name,) for name in mailboxes])
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0)
        # A killed writer leaves the old moment or the new one; power loss may cost the newest, never the file.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(SCHEMA)
        return connection
