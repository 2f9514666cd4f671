"""What this host's files hold of an erased domain: the guard's profiles, its journal and spool, the agent's finished
ledger entries. Guard and agent must not run: both know by heart what is in them and would write it again."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sekisho.config import Settings
from sekisho.containment.ledger import Entry
from sekisho.guard.main import hold_lock
from sekisho.guard.memory import tables_from
from sekisho.guard.profile_store import ProfileStore
from sekisho.incidents.models import ReadPosition
from sekisho.journal import read_cursor
from sekisho.journal.files import segment_numbers, segment_path
from sekisho.journal.pruning import old_segments


@dataclass
class Files:
    """What went, or would go; `left` counts segments that name the domain and are still read or written: they go with
    `prune`."""

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


def _work(settings: Settings, domain: str, *, dry: bool) -> Files:
    found = Files()
    guard_at = _profiles(settings, domain, found, dry)
    _segments(settings, domain, found, guard_at, dry)
    for path in (settings.ledger_directory / "archive").glob("*.json"):
        with suppress(msgspec.MsgspecError, FileNotFoundError):
            entry = msgspec.json.decode(path.read_bytes(), type=Entry)
            if entry.mailbox.endswith(f"@{domain}") and not entry.is_holding:
                found.ledger += 1
                if not dry:
                    path.unlink()
    return found


def _profiles(settings: Settings, domain: str, found: Files, dry: bool) -> int | None:
    """Forgets profiles and our own decisions about them; the journal's segment that the guard reads next at its start,
    None without a file."""
    if not settings.profiles_file.exists():
        return None
    store = ProfileStore(settings.profiles_file)
    profiles, packed, saved = store.load()
    theirs = [name for name in profiles if name.endswith(f"@{domain}")]
    found.profiles = len(theirs)
    if not dry:
        store.remove(theirs)
        tables = tables_from(packed)
        tables.forget_domain(domain)
        own = {name: kept for name, kept in saved.own.items() if not name.endswith(f"@{domain}")}
        host = tables.to_bytes() if packed else packed
        store.save([], host, msgspec.structs.replace(saved, own=own))
    return saved.journal.segment


def _segments(settings: Settings, domain: str, found: Files, guard_at: int | None, dry: bool) -> None:
    """Whole segments that name the domain and that everybody has read: a line taken out would move all places."""
    agent, needle = Path(settings.var) / "agent", f"@{domain}".encode()
    for name, directory in (("journal", settings.journal_directory), ("spool", settings.spool_directory)):
        row = ReadPosition.objects.filter(name=f"{name}@{settings.host}").first()
        read = min(row.segment if row else 0, read_cursor(agent / f"{name}.cursor").segment)
        if name == "journal" and guard_at is not None:
            read = min(read, guard_at)
        going = set(old_segments(directory, time.time(), read))
        for path in [segment_path(directory, number) for number in segment_numbers(directory)]:
            if needle not in path.read_bytes().lower():
                continue
            if path not in going:
                found.left += 1
                continue
            found.segments += 1
            if not dry:
                path.unlink(missing_ok=True)
