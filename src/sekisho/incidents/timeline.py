"""The lines of an incident's story, each once."""

from __future__ import annotations

from datetime import datetime

from sekisho.incidents.models import Incident, TimelineEntry


def add_entry(incident: Incident, at: datetime, kind: str, key: str, details: dict[str, object]) -> bool:
    """Adds a line unless one with this key exists; whether it was new. `kind` is a word of docs/vocabulary.md."""
    _, made = TimelineEntry.objects.get_or_create(
        key=key[:100], defaults={"incident": incident, "at": at, "kind": kind, "details": details}
    )
    return made
