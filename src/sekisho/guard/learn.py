"""`sekisho learn EVENTS`: a site's history becomes profiles, so that the guard need not begin with strangers.

The history goes through the same `observe` as live events, with its own clock, and is judged by nobody: feed it clean
days only, and feed them once. The guard must not be running, it would overwrite the file.
"""

from __future__ import annotations

import sys
import time
import zlib
from pathlib import Path

from sekisho.config import Settings, settings
from sekisho.detection import Login
from sekisho.guard.event_stream import EventStream, open_lines
from sekisho.guard.main import AlreadyRunning, hold_lock
from sekisho.guard.memory import tables_from
from sekisho.guard.offline import offline_checkpoint
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.profiles import Profiles
from sekisho.journal import RecordError, read_state


def run(path: str) -> int:
    """Learns a stream into this installation's profiles file; 0 done, 1 refused (the reason on stderr)."""
    try:
        with hold_lock(Path(settings().var)):
            sys.stdout.write(learn(path, settings()) + "\n")
        return 0
    except (AlreadyRunning, OSError, EOFError, zlib.error, RecordError) as error:
        sys.stderr.write(f"sekisho learn: {error}\n")
        return 1


def learn(path: str, site: Settings) -> str:
    """Learns a stream; a sentence that says what was learnt.

    Raises OSError, EOFError or zlib.error when the file cannot be read; then nothing was learnt.
    """
    store = ProfileStore(site.profiles_file)
    packed, tables, saved = store.load()
    checkpoint = offline_checkpoint(Profiles(packed), tables_from(tables), site.recipient_delimiter)
    state = read_state(site.state_file)
    if state is not None:
        checkpoint.take_state(state, time.time())
    stream = EventStream(checkpoint.mailbox)
    with open_lines(path) as lines:
        for line in lines:
            found = stream.parse(line)
            if found is None:
                continue
            event = found[1]
            if isinstance(event, Login) and not event.success:
                checkpoint.observe(event, event.t)
            else:
                checkpoint.learn(event, event.t)
    changed = list(checkpoint.profiles.take_changed())
    moment = Saved(time.time(), saved.mail_log, saved.journal, saved.findings, saved.own)
    store.save(changed, checkpoint.tables.to_bytes(), moment)
    learnt = stream.read - stream.skipped.total()
    return f"learnt {learnt} events of {len(changed)} mailboxes; skipped: {dict(stream.skipped) or 'none'}"
