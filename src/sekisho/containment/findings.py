"""Looks into Sieve scripts that were just stored or activated, for the guard, which runs no commands.

The guard spools "a script changed"; what the active script does goes back into the log `agent/findings` it follows.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import msgspec

from sekisho.containment.commands import CommandError
from sekisho.containment.dovecot import NoSuchMailbox
from sekisho.containment.steps import script_effects
from sekisho.containment.work import Tools
from sekisho.journal import AppendLog, ScriptChanged, format_record

log = logging.getLogger(__name__)

# A finding is 300 bytes; the guard reads them at once.
FINDINGS_BYTES = 16 * 1024 * 1024
# A busy Dovecot is asked again; then the redirect's own event tells of it, or the next change.
ATTEMPTS = 3
PAUSE_S = 0.5


class Findings:
    """Thread-safe: several scripts may be looked into at a time."""

    def __init__(self, directory: Path, tools: Tools) -> None:
        self._log = AppendLog(directory, fsync=False, max_total_bytes=FINDINGS_BYTES)
        self._tools = tools
        self._lock = threading.Lock()

    def look_into(self, change: ScriptChanged) -> None:
        """Reads the mailbox's active script and appends what it does; nothing for one that only sorts mail."""
        for attempt in range(ATTEMPTS):
            try:
                found = self._read(change)
            except NoSuchMailbox:
                return
            except CommandError as error:
                log.warning("script of %s could not be read (%d): %s", change.mailbox, attempt + 1, error)
                self._tools.sleep(PAUSE_S)
                continue
            if found:
                with self._lock:
                    self._log.append(*map(format_record, found))
            return

    def _read(self, change: ScriptChanged) -> list[ScriptChanged]:
        active = self._tools.dovecot.scripts(change.mailbox).active
        if not active:
            return []
        effects = script_effects(self._tools, change.mailbox, active)
        base = msgspec.structs.replace(change, script=active)
        found = [
            msgspec.structs.replace(base, change="forward", target=target or "(computed)")
            for target in effects.outside(self._tools.names.our_domains())
        ]
        if effects.discards:
            found.append(msgspec.structs.replace(base, change="discard"))
        if effects.vacation:
            found.append(msgspec.structs.replace(base, change="vacation"))
        return found
