"""Notes on an incident: plain text that the operator and the domain's admins write for each other."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Incident, IncidentNote

# A screenful; whatever is longer belongs into a ticket.
LONGEST_NOTE = 2000
# On one incident: enough for a quarrel of months, few enough to show all at once.
MOST_NOTES = 200


class NoteRefused(ValueError):
    """The note is empty or too long, or there are too many."""


def add_note(
    incident: Incident, text: str, author: str, now: datetime, *, account: AbstractBaseUser | None = None
) -> IncidentNote:
    """The new note. The audit log says that there is one, not what it says. Raises NoteRefused."""
    text = text.strip().replace("\r\n", "\n").replace("\0", "")
    if not text or len(text) > LONGEST_NOTE or incident.notes.count() >= MOST_NOTES:
        raise NoteRefused
    with transaction.atomic(using="default"):
        note = IncidentNote.objects.create(
            incident=incident, at=now, author=author[:255], text=text, account_id=account.pk if account else None
        )
        write_audit(author, "note", incident.mailbox, {"incident": incident.pk}, at=now, account=account)
    return note


def notes_of(incident: Incident) -> list[IncidentNote]:
    """The incident's notes, the oldest first."""
    return list(incident.notes.order_by("at", "id")[:MOST_NOTES])
