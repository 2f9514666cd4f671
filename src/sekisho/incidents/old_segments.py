"""The guard's journal and spool hold addresses, too: whole segments go when they are old and have been read."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

from sekisho.config import Settings
from sekisho.incidents.models import ReadPosition
from sekisho.journal import read_cursor
from sekisho.journal.pruning import old_segments

log = logging.getLogger(__name__)


def due(settings: Settings, now: datetime) -> list[Path]:
    """Segments of this host's journal and spool that worker and agent have left behind, older than their days."""
    found: list[Path] = []
    agent = Path(settings.var) / "agent"
    for name, directory, days in (
        ("journal", settings.journal_directory, settings.retention.journal_days),
        ("spool", settings.spool_directory, settings.retention.spool_days),
    ):
        row = ReadPosition.objects.filter(name=f"{name}@{settings.host}").first()
        read = min(row.segment if row else 0, read_cursor(agent / f"{name}.cursor").segment)
        found += old_segments(directory, (now - timedelta(days=days)).timestamp(), read)
    return found


def remove(settings: Settings, now: datetime) -> int:
    """Removes them; how many. One that may not be removed is a line in the log and comes again tomorrow."""
    removed = 0
    for path in due(settings, now):
        try:
            path.unlink(missing_ok=True)
            removed += 1
        except OSError as error:
            log.warning("%s is old and cannot be removed: %s", path, error)
    return removed
