"""`sekisho replay --learn`: old mail logs become profiles of this installation, as `sekisho learn` does with events.

Feed clean days only, and feed them once. The guard must not be running, it would overwrite the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sekisho.config import Settings
from sekisho.guard.log_archive import ArchivedLog
from sekisho.guard.main import hold_lock
from sekisho.guard.memory import tables_from
from sekisho.guard.places import Places
from sekisho.guard.profile_store import ProfileStore, Saved
from sekisho.guard.profiles import Profiles
from sekisho.guard.replay import Onlooker, Summary, replay
from sekisho.journal import read_state


def learn_logs(logs: list[ArchivedLog], site: Settings, places: Places, tell: Callable[[int], None]) -> Summary:
    """Learns the files into the profiles file.

    Raises AlreadyRunning, OSError or RecordError; then nothing was saved.
    """
    with hold_lock(Path(site.var)):
        store = ProfileStore(site.profiles_file)
        packed, tables, saved = store.load()
        checkpoint = Onlooker(
            Profiles(packed), tables_from(tables), places, learning=True, delimiter=site.recipient_delimiter
        )
        state = read_state(site.state_file)
        if state is not None:
            checkpoint.take_state(state, time.time())
        summary = replay(logs, checkpoint, tell)
        changed = list(checkpoint.profiles.take_changed())
        moment = Saved(time.time(), saved.mail_log, saved.journal, saved.findings, saved.own)
        store.save(changed, checkpoint.tables.to_bytes(), moment)
        summary.mailboxes = len(changed)
        return summary
