"""The lines of an incident's story, each once."""

from __future__ import annotations

from datetime import datetime

from sekisho.incidents.models import Incident, TimelineEntry

# Mail that came back for a hijacker's messages and went into the folder for it; details: count.
RETURNED = "returned_filed"


def add_entry(incident: Incident, at: datetime, kind: str, key: str, details: dict[str, object]) -> bool:
    """Adds a line unless one with this key exists; whether it was new. `kind` is a word of docs/vocabulary.md."""
    _, made = TimelineEntry.objects.get_or_create(
        key=key[:100], defaults={"incident": incident, "at": at, "kind": kind, "details": details}
    )
    return made


def returned_mail(incident: Incident) -> int:
    """How much returned mail has gone into the folder for it so far."""
    rows = incident.timeline.filter(kind=RETURNED).values_list("details", flat=True)
    return sum(int(details.get("count", 0)) for details in rows)
