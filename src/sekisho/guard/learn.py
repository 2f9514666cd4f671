"""`sekisho learn EVENTS` and `sekisho replay --learn`: a site's history becomes profiles, so that the guard need not
begin with strangers.

The history goes through the same `observe` as live events, with its own clock, and is judged by nobody: feed it clean
days only, and feed them once. The guard must not be running, it would overwrite the file.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from sekisho.config import Settings, settings
from sekisho.guard.event_stream import EventStream, open_lines
from sekisho.guard.log_archive import ArchivedLog
from sekisho.guard.main import AlreadyRunning, hold_lock
from sekisho.guard.memory import tables_from
from sekisho.guard.places import Places
from sekisho.guard.profile_store import ProfileStore
from sekisho.guard.profiles import Profiles
from sekisho.guard.replay import Onlooker, Summary, replay
from sekisho.journal import RecordError, read_state


def run(path: str) -> int:
    """Learns a stream into this installation's profiles file; 0 done, 1 refused (the reason on stderr)."""
    try:
        sys.stdout.write(learn(path, settings()) + "\n")
        return 0
    except (AlreadyRunning, OSError, EOFError, zlib.error, RecordError) as error:
        sys.stderr.write(f"sekisho learn: {error}\n")
        return 1


@contextmanager
def _learner(site: Settings, places: Places | None = None) -> Iterator[Onlooker]:
    """This installation's profiles in a checkpoint that only learns; saved at the end, unless an error ends it.

    Raises AlreadyRunning, OSError or RecordError; then nothing was saved.
    """
    with hold_lock(Path(site.var)):
        store = ProfileStore(site.profiles_file)
        packed, tables, saved = store.load()
        checkpoint = Onlooker(
            Profiles(packed), tables_from(tables), places, delimiter=site.recipient_delimiter, learning=True
        )
        state = read_state(site.state_file)
        if state is not None:
            checkpoint.take_state(state, time.time())
        yield checkpoint
        changed = checkpoint.profiles.take_changed()
        store.save(changed, checkpoint.tables.to_bytes(), structs.replace(saved, written_at=time.time()))


def learn(path: str, site: Settings) -> str:
    """Learns a stream; a sentence that says what was learnt.

    Raises AlreadyRunning, RecordError, and OSError, EOFError or zlib.error when the file cannot be read; then nothing
    was learnt.
    """
    with _learner(site) as checkpoint:
        stream = EventStream(checkpoint.mailbox)
        with open_lines(path) as lines:
            for line in lines:
                found = stream.parse(line)
                if found is not None:
                    checkpoint.observe(found[1], found[1].t)
        mailboxes = len(checkpoint.profiles.changed)
    learnt = stream.read - stream.skipped.total()
    return f"learnt {learnt} events of {mailboxes} mailboxes; skipped: {dict(stream.skipped) or 'none'}"


def learn_logs(logs: list[ArchivedLog], site: Settings, places: Places, tell: Callable[[int], None]) -> Summary:
    """Learns old logs; what was read. Raises AlreadyRunning, OSError or RecordError; then nothing was saved."""
    with _learner(site, places) as checkpoint:
        summary = replay(logs, checkpoint, tell)
        summary.mailboxes = len(checkpoint.profiles.changed)
        return summary
