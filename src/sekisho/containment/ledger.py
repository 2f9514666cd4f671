"""The agent's own record: what it holds shut, and how far each plan is; a durable file per (mailbox, generation).

A trip is contained from here alone, with the database down. An entry is written before its first step and after every
step; killed at any instruction, the agent reads it again and goes on. The barrier is a function of the ledger
(`barrier.wanted_rows`). A finished entry moves to `archive/`, where it keeps old decisions from counting again until
`prune_archive` takes it away.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from sekisho.journal import replace_file
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

# How long a finished entry is kept: questions about an incident come within weeks, and its record is in the database.
ARCHIVE_KEPT_S = 90 * 86400.0
# Files kept at most, oldest first out: a hundred incidents a day for these 90 days; read in 0.5 s at start (measured).
MOST_ARCHIVED = 10_000

EntryStatus = Literal["suspended", "restricted", "released"]
StepState = Literal["pending", "done", "already", "failed"]


class StepRecord(msgspec.Struct):
    """How one step stands. Times are epoch seconds."""

    state: StepState = "pending"
    attempts: int = 0
    at: float = 0.0
    outcome: str = ""
    # Not tried again before.
    next_at: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.state in ("done", "already")


class PlanRecord(msgspec.Struct):
    """One plan of an entry and its steps by name."""

    kind: Literal[
        "contain",
        "restrict",
        "release",
        "dismiss",
        "refresh",
        "purge_held",
        "requeue_held",
        "hold_held",
        "rescue_on",
        "rescue_off",
    ]
    # The generation of the orders it carries out (release and dismiss: the one that begins).
    generation: int
    started_at: float
    steps: dict[str, StepRecord] = {}
    # Database ids of the orders attached, and those already reported as finished.
    order_ids: list[int] = []
    finished_orders: list[int] = []
    # Waiting mail has been let go for good: it is not kept from expiring any more.
    let_go: bool = False
    # A plan of the opposite direction has begun: nothing of this one is tried any more.
    superseded: bool = False


class Entry(msgspec.Struct):
    """One mailbox held shut (or being opened again) in one generation."""

    mailbox: str
    generation: int
    status: EntryStatus
    # New recipients an hour while restricted; 0 stops sending by the barrier.
    limit: int | None
    since: float
    # Only messages queued since then may be held (epoch seconds).
    hold_since: float
    # Every address form of the mailbox and every login name, itself first, as known so far.
    addresses: list[str]
    login_names: list[str]
    # Decision ids and "order N": who asked for this.
    origins: list[str] = []
    plans: dict[str, PlanRecord] = {}
    # Queue ids the guard named in its decision.
    queue_ids: list[str] = []
    # The hijacker's messages on hold; those that were delivered although we asked.
    held: list[str] = []
    escaped: list[str] = []
    # Of those once on hold: deleted by a person's order; let go by one or by a dismissal; gone from our queue since
    # they were let go; gone from hold without an order of ours.
    purged: list[str] = []
    requeued: list[str] = []
    left: list[str] = []
    vanished: list[str] = []
    # Messages of others to this mailbox, put on hold so that our queue's lifetime cannot return them.
    kept: list[str] = []
    # Queue ids and Message-IDs of all it sent in the incident, as the order to open it says: what comes back for them.
    sent_ids: list[str] = []
    sent_message_ids: list[str] = []
    # The Sieve script that was active and is frozen; "" for none.
    frozen_script: str = ""
    # The site's `mailbox.active` before we wrote 0; None: not written.
    former_active: bool | None = None
    # Of the stored password when it was first looked at (password_watch); "" for not yet, "none" for no such row.
    password_mark: str = ""
    # Suspended, but its mail is accepted (containment.rescue); and what Dovecot's user database said about it.
    accepts: bool = False
    home: dict[str, str] = {}

    @property
    def is_holding(self) -> bool:
        """Whether messages of this entry are on hold, or let go and perhaps still queued."""
        return bool(self.held or self.requeued)

    @property
    def is_shut(self) -> bool:
        return self.status in ("suspended", "restricted")

    @property
    def opening(self) -> PlanRecord | None:
        """The plan that opens this entry, when one was ordered."""
        return self.plans.get("release") or self.plans.get("dismiss")


def entry_name(mailbox: str, generation: int) -> str:
    """The file's name: a hash, since an address may hold anything a file name may not."""
    return f"{hashlib.sha256(mailbox.encode()).hexdigest()[:32]}-{generation}.json"


class Ledger:
    """All live entries, in memory and on disk alike. Threads change an entry only while holding `lock`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._archive = directory / "archive"
        self.lock = threading.RLock()
        self._entries: dict[tuple[str, int], Entry] = {}
        # The newest generation of each mailbox that was opened again: older decisions about it are history.
        self._opened: dict[str, int] = {}
        # Archived entries that still hold mail, or have let some go, with what they hold.
        self._holding: dict[tuple[str, int], list[str]] = {}
        # Entries changed since the main loop last asked.
        self._touched: set[tuple[str, int]] = set()
        # Entries whose last change the disk refused.
        self._unsaved: set[tuple[str, int]] = set()
        # Files that could not be read, for an alarm.
        self.unreadable: list[str] = []
        self._load()

    def _load(self) -> None:
        self._archive.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        for path in sorted(self._directory.glob("*.json")):
            if entry := self._read(path):
                self._entries[entry.mailbox, entry.generation] = entry
                self._touched.add((entry.mailbox, entry.generation))
        for path in self._archive.glob("*.json"):
            if entry := self._read(path):
                self._note_archived(entry)

    def _read(self, path: Path) -> Entry | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Entry)
        except (OSError, msgspec.MsgspecError) as error:
            log.error("ledger: %s cannot be read: %s", path.name, error)
            self.unreadable.append(path.name)
            return None

    def _note_archived(self, entry: Entry) -> None:
        key = entry.mailbox, entry.generation
        self._holding.pop(key, None)
        if entry.is_holding:
            self._holding[key] = entry.held
        if entry.opening is not None:
            known = self._opened.get(entry.mailbox, 0)
            self._opened[entry.mailbox] = max(known, entry.opening.generation)

    def entries(self) -> list[Entry]:
        """All live entries, older generations of a mailbox first."""
        with self.lock:
            return [self._entries[key] for key in sorted(self._entries)]

    def shut_entries(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.is_shut]

    def of_mailbox(self, mailbox: str) -> Iterator[Entry]:
        """This mailbox's live entries, oldest generation first."""
        return (entry for entry in self.entries() if entry.mailbox == mailbox)

    def get(self, mailbox: str, generation: int) -> Entry | None:
        return self._entries.get((mailbox, generation))

    def is_history(self, mailbox: str, generation: int) -> bool:
        """Whether this mailbox was ordered open in a newer generation: a decision of this one must not shut it."""
        opened = [e.opening.generation for e in self.of_mailbox(mailbox) if e.opening is not None]
        return generation < max([self._opened.get(mailbox, 0), *opened])

    def save(self, entry: Entry) -> None:
        """Makes the entry durable as it is now; raises OSError when the disk refuses."""
        with self.lock:
            key = entry.mailbox, entry.generation
            self._entries[key] = entry
            self._unsaved.add(key)
            replace_file(self._directory / entry_name(*key), msgspec.json.encode(entry), mode=0o600)
            self._unsaved.discard(key)
            self._touched.add(key)
        failpoint("agent.ledger.after_write")

    def is_saved(self, entry: Entry) -> bool:
        """Whether the disk has the entry as it is in memory."""
        return (entry.mailbox, entry.generation) not in self._unsaved

    def take_touched(self) -> list[Entry]:
        """The entries saved since the last call (all at first)."""
        with self.lock:
            touched, self._touched = self._touched, set()
            return [self._entries[key] for key in sorted(touched) if key in self._entries]

    def forget(self, entry: Entry) -> None:
        """Takes a finished entry away without a trace: one that shut nothing."""
        with self.lock:
            (self._directory / entry_name(entry.mailbox, entry.generation)).unlink()
            del self._entries[entry.mailbox, entry.generation]

    def archive(self, entry: Entry) -> None:
        """Puts a finished entry away; it only keeps older decisions from counting again."""
        with self.lock:
            name = entry_name(entry.mailbox, entry.generation)
            # Written there before it goes here: killed in between, the finished entry is put away once more.
            replace_file(self._archive / name, msgspec.json.encode(entry), mode=0o600)
            (self._directory / name).unlink()
            del self._entries[entry.mailbox, entry.generation]
            self._note_archived(entry)

    # --- mail on hold, which may outlive its entry's plans by months

    def holding(self) -> list[Entry]:
        """Every entry with mail on hold or let go, live and archived; archived ones are read anew."""
        with self.lock:
            live = [entry for entry in self.entries() if entry.is_holding]
            return live + [e for key in sorted(self._holding) if (e := self._read(self._archive / entry_name(*key)))]

    def held_ids(self) -> set[str]:
        """Queue ids of every hijacker's message on hold."""
        with self.lock:
            lists = [*(entry.held for entry in self._entries.values()), *self._holding.values()]
            return {queue_id for held in lists for queue_id in held}

    def find(self, mailbox: str, generation: int) -> Entry | None:
        """The entry as it is now, live or read from the archive."""
        with self.lock:
            if (entry := self.get(mailbox, generation)) is not None:
                return entry
            path = self._archive / entry_name(mailbox, generation)
            return self._read(path) if path.exists() else None

    def change(self, mailbox: str, generation: int, change: Callable[[Entry], object]) -> Entry | None:
        """Changes an entry wherever it is, live or archived, and makes that durable; the entry, None for an unknown
        one. Raises OSError when the disk refuses."""
        with self.lock:
            if (entry := self.find(mailbox, generation)) is None:
                return None
            change(entry)
            if entry is self.get(mailbox, generation):
                self.save(entry)
            else:
                path = self._archive / entry_name(mailbox, generation)
                replace_file(path, msgspec.json.encode(entry), mode=0o600)
                self._note_archived(entry)
            return entry

    def prune_archive(self, now: float) -> int:
        """Removes archived entries put away more than ARCHIVE_KEPT_S before `now` (epoch seconds), and the oldest
        beyond MOST_ARCHIVED; how many went. One that still holds mail stays: without it nobody could delete that mail
        or let it go. Raises OSError when the disk refuses.

        What was opened stays known until the next start. After that an old decision could count again only if the
        journal's cursor were lost as well: then the mailbox is shut, and an alarm says that the record calls it open.
        """
        archived: list[tuple[float, str]] = []
        with os.scandir(self._archive) as files:
            for file in files:
                # Hidden: being written by `archive`, or left by a kill in the middle of that; those age as well.
                with contextlib.suppress(FileNotFoundError):
                    archived.append((file.stat(follow_symlinks=False).st_mtime, file.name))
        archived.sort(reverse=True)
        old = [name for at, name in archived[:MOST_ARCHIVED] if at < now - ARCHIVE_KEPT_S]
        with self.lock:
            holding = {entry_name(*key) for key in self._holding}
        going = [n for n in [*old, *(name for _, name in archived[MOST_ARCHIVED:])] if n not in holding]
        for name in going:
            (self._archive / name).unlink(missing_ok=True)
        if going:
            log.info("ledger: %d archived entries removed", len(going))
        return len(going)
