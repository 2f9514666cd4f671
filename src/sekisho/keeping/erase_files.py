"""What this host's files hold of an erased domain: the guard's profiles, the logs that guard, agent and worker hand
each other, the agent's finished ledger entries. Guard and agent must not run: both know by heart what is in them and
would write it again.

Of the logs whole segments go that everybody has read. The one that is written to goes as well once it is read to its
end and its writers and readers are stopped: an empty one takes its place, and their places move on to that.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from sekisho.config import Settings
from sekisho.containment.ledger import Entry
from sekisho.guard.main import hold_lock
from sekisho.guard.memory import tables_from
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.incidents.models import ReadPosition
from sekisho.journal import Cursor, read_cursor, write_cursor
from sekisho.journal.files import segment_numbers, segment_path
from sekisho.journal.pruning import old_segments
from sekisho.keeping.restore import running


class Log(NamedTuple):
    """A log in segments, and who reads it."""

    name: str
    directory: Path
    # The worker's place is in the database, the agent's in a file, the guard's in its snapshot under this log's name.
    by_worker_and_agent: bool
    by_guard: bool


@dataclass
class Files:
    """What went, or would go; `left` counts segments that name the domain and are still read or written: they go when
    everything is stopped, or with `prune`."""

    profiles: int = 0
    segments: int = 0
    left: int = 0
    ledger: int = 0


def count(settings: Settings, domain: str) -> Files:
    """What `remove` would do, without doing it; raises OSError."""
    return _work(settings, domain, dry=True)


def remove(settings: Settings, domain: str) -> Files:
    """Removes it; raises guard.main.AlreadyRunning while the guard runs, OSError for what may not be removed."""
    with hold_lock(Path(settings.var)):
        return _work(settings, domain, dry=False)


def _logs(settings: Settings) -> Iterator[Log]:
    yield Log("journal", settings.journal_directory, by_worker_and_agent=True, by_guard=True)
    yield Log("spool", settings.spool_directory, by_worker_and_agent=True, by_guard=False)
    yield Log("findings", Path(settings.var) / "agent" / "findings", by_worker_and_agent=False, by_guard=True)
    yield Log("complaints", settings.complaints_directory, by_worker_and_agent=False, by_guard=True)


def _work(settings: Settings, domain: str, *, dry: bool) -> Files:
    found = Files()
    store = ProfileStore(settings.profiles_file)
    saved = store.load()[2] if settings.profiles_file.exists() else None
    # Who still appends, or knows by heart where he reads.
    stopped = not {"agent", "worker"} & set(running(settings))
    for log in _logs(settings):
        saved = _segments(settings, log, domain, found, saved, stopped=stopped, dry=dry)
    if saved is not None:
        _profiles(store, saved, domain, found, dry)
    for path in (settings.ledger_directory / "archive").glob("*.json"):
        with suppress(msgspec.MsgspecError, FileNotFoundError):
            entry = msgspec.json.decode(path.read_bytes(), type=Entry)
            if entry.mailbox.endswith(f"@{domain}") and not entry.is_holding:
                found.ledger += 1
                if not dry:
                    path.unlink()
    return found


def _profiles(store: ProfileStore, saved: Saved, domain: str, found: Files, dry: bool) -> None:
    """Forgets profiles and our own decisions about them, and keeps the places in `saved`."""
    profiles, packed, _ = store.load()
    theirs = [name for name in profiles if name.endswith(f"@{domain}")]
    found.profiles = len(theirs)
    if dry:
        return
    store.remove(theirs)
    tables = tables_from(packed)
    tables.forget_domain(domain)
    own = {name: kept for name, kept in saved.own.items() if not name.endswith(f"@{domain}")}
    host = tables.to_bytes() if packed else packed
    store.save([], host, msgspec.structs.replace(saved, own=own))


def _segments(
    settings: Settings, log: Log, domain: str, found: Files, saved: Saved | None, *, stopped: bool, dry: bool
) -> Saved | None:
    """Whole segments that name the domain and that everybody has read: a line taken out would move all places.
    The guard's snapshot, with its place in this log moved on where that was needed."""
    needle = f"@{domain}".encode()
    numbers = segment_numbers(log.directory)
    paths = [segment_path(log.directory, number) for number in numbers]
    named = [path for path in paths if needle in path.read_bytes().lower()]
    if not named:
        return saved
    places, newest = _places(settings, log, saved), numbers[-1]
    size = segment_path(log.directory, newest).stat().st_size
    going = set(old_segments(log.directory, time.time(), min((at.segment for at in places), default=0)))
    if stopped and places and all(at >= Cursor(newest, size) for at in places):
        going |= set(named)
    for path in named:
        if path not in going:
            found.left += 1
            continue
        found.segments += 1
        if dry:
            continue
        if path == segment_path(log.directory, newest):
            saved = _move_on(settings, log, newest, saved)
        path.unlink(missing_ok=True)
    return saved


def _places(settings: Settings, log: Log, saved: Saved | None) -> list[Cursor]:
    """Where each of its readers is."""
    places = []
    if log.by_worker_and_agent:
        row = ReadPosition.objects.filter(name=f"{log.name}@{settings.host}").first()
        places.append(Cursor(row.segment, row.offset) if row else Cursor(0, 0))
        places.append(read_cursor(_agent_place(settings, log)))
    if log.by_guard and saved is not None:
        places.append(getattr(saved, log.name))
    return places


def _agent_place(settings: Settings, log: Log) -> Path:
    return Path(settings.var) / "agent" / f"{log.name}.cursor"


def _move_on(settings: Settings, log: Log, newest: int, saved: Saved | None) -> Saved | None:
    """Begins an empty segment like the newest, and lets everybody go on there; killed in between, a reader that was at
    the end of one that is gone goes on with the next."""
    former, there = segment_path(log.directory, newest).stat(), segment_path(log.directory, newest + 1)
    there.touch(mode=former.st_mode & 0o777)
    there.chmod(former.st_mode & 0o777)
    os.chown(there, former.st_uid, former.st_gid)
    place = Cursor(newest + 1, 0)
    if log.by_worker_and_agent:
        ReadPosition.objects.filter(name=f"{log.name}@{settings.host}").update(segment=place.segment, offset=0)
        write_cursor(_agent_place(settings, log), place)
    return msgspec.structs.replace(saved, **{log.name: place}) if log.by_guard and saved is not None else saved
