"""`sekisho profile export` and `profile merge`: what one mail host learnt, taken over by another.

For a host that is being replaced, and for two that serve the same mailboxes. An export holds the profiles only: no
decisions, no places in logs, no tables of the host. The guard may run while its profiles are exported; for a merge it
must not, it would overwrite the file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sekisho.config import Settings
from sekisho.detection import MailboxProfile, ProfileError, canonical_mailbox
from sekisho.detection.merging import merge
from sekisho.guard.main import hold_lock
from sekisho.guard.profile_store import SCHEMA, ProfileStore
from sekisho.journal import read_state

# A profile has at most 4 KB (detection.limits), a mailbox's name at most 320 octets (RFC 5321).
MAX_PROFILE_BYTES = 4096
MAX_NAME = 320
WAIT_SECONDS = 5.0


class ExchangeError(Exception):
    """The file cannot be read or written as an export; the text says why."""


@dataclass
class Merged:
    """How many of the other host's profiles were new here, changed one of ours, or brought nothing new."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    # Rows that are no profile of this version, or whose name names no mailbox.
    unreadable: int = 0


def export(site: Settings, target: Path) -> int:
    """Writes all profiles of this host into a new file that only its owner may read; how many.

    Raises ExchangeError, also when the file exists.
    """
    if not site.profiles_file.exists():
        raise ExchangeError(f"this host has no profiles yet ({site.profiles_file})")
    try:
        # It names every mailbox: nobody else may read it, not even for a moment.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ExchangeError(f"{target} cannot be written: {error}") from error
    try:
        with closing(sqlite3.connect(target, timeout=WAIT_SECONDS)) as written:
            written.executescript(SCHEMA)
            with written:
                rows = _rows(site.profiles_file)
                written.executemany("INSERT INTO profile VALUES (?, ?)", rows)
            found: int = written.execute("SELECT count(*) FROM profile").fetchone()[0]
            return found
    except sqlite3.Error as error:
        with suppress(OSError):
            target.unlink()
        raise ExchangeError(f"{target} cannot be written: {error}") from error


def merge_file(site: Settings, source: Path) -> Merged:
    """Joins another host's profiles into this host's; raises AlreadyRunning, OSError, RecordError or ExchangeError,
    then nothing was changed."""
    with hold_lock(Path(site.var)):
        store = ProfileStore(site.profiles_file)
        ours, tables, saved = store.load()
        state = read_state(site.state_file)
        alias_domains = state.alias_domains if state is not None else {}
        counts, changed = Merged(), dict[str, bytes]()
        for name, theirs in _rows(source):
            mailbox = (
                canonical_mailbox(name, alias_domains, site.recipient_delimiter) if len(name) <= MAX_NAME else None
            )
            before = changed.get(mailbox or "") or ours.get(mailbox or "")
            joined = _join(before, theirs) if mailbox else None
            if mailbox is None or joined is None:
                counts.unreadable += 1
            elif joined == before:
                counts.unchanged += 1
            else:
                counts.changed += before is not None
                counts.added += before is None
                changed[mailbox] = joined
        store.save(changed.items(), tables, msgspec.structs.replace(saved, written_at=time.time()))
        return counts


def _join(ours: bytes | None, theirs: bytes) -> bytes | None:
    """Both profiles as one; None when theirs cannot be read."""
    if len(theirs) > MAX_PROFILE_BYTES:
        return None
    try:
        other = MailboxProfile.from_bytes(theirs)
    except ProfileError:
        return None
    try:
        mine = MailboxProfile.from_bytes(ours) if ours else other
    except ProfileError:
        # Ours is of another version: the guard would forget it, so theirs is better than none.
        mine = other
    return merge(mine, other).to_bytes()


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Mailbox and profile of each row of a store or an export, of one moment; raises ExchangeError."""
    if not path.is_file():
        raise ExchangeError(f"{path} is no file")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as found:
            # One octet more than allowed tells a row that is too long; a hostile one is not read to its end.
            query = "SELECT mailbox, substr(data, 1, ?) FROM profile"
            for name, data in found.execute(query, (MAX_PROFILE_BYTES + 1,)):
                yield str(name), data if isinstance(data, bytes) else b""
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise ExchangeError(f"{path} is no export of profiles: {error}") from error
