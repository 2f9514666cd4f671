"""Close watch: after a takeover that ended in a recovery, mailbox and domain are judged more strictly for a time.

Nothing is written for it to begin: an incident with a recovery within the setting's days is one. An operator may end it
early. The guard hears of it by the state file (guard.close_watch says how much lower the thresholds are).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from sekisho.config import settings
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import Incident


def running(now: datetime) -> QuerySet[Incident]:
    """Incidents whose close watch runs at `now`, the latest recovery first."""
    since = now - timedelta(days=settings().close_watch_days)
    found = Incident.objects.filter(recovered_at__gt=since, recovered_at__lte=now, watch_ended_at=None)
    return found.exclude(phase="dismissed").order_by("-recovered_at", "-id")


def ends_at(incident: Incident) -> datetime | None:
    """When the close watch of an incident is over by itself; None where nothing was recovered."""
    return incident.recovered_at and incident.recovered_at + timedelta(days=settings().close_watch_days)


def mailboxes(now: datetime) -> dict[str, float]:
    """Mailboxes on close watch with the end of each (epoch seconds), for the state file."""
    found: dict[str, float] = {}
    for incident in running(now):
        if (until := ends_at(incident)) is not None:
            found[incident.mailbox] = max(until.timestamp(), found.get(incident.mailbox, 0.0))
    return found


def domains(watched: dict[str, float]) -> dict[str, float]:
    """The domains of these mailboxes, each with the latest end."""
    found: dict[str, float] = {}
    for mailbox, until in watched.items():
        domain = mailbox.rpartition("@")[2]
        found[domain] = max(until, found.get(domain, 0.0))
    return found


def facts_of(mailbox: str, now: datetime) -> dict[str, Any] | None:
    """The close watch a mailbox is on: until when, since which incident, and whether it is the mailbox's own or a
    neighbour's; None for one that is on none."""
    domain = mailbox.rpartition("@")[2]
    found = list(running(now).filter(domain=domain))
    own = [incident for incident in found if incident.mailbox == mailbox]
    return _facts(own or found, own=bool(own)) if found else None


def facts_of_domain(domain: str, now: datetime) -> dict[str, Any] | None:
    """The close watch of a domain with every incident it comes from; None for one that is on none."""
    found = list(running(now).filter(domain=domain))
    if not found:
        return None
    return {
        **_facts(found, own=False),
        "incidents": [
            {"incident": row.pk, "mailbox": row.mailbox, "since": row.recovered_at, "until": ends_at(row)}
            for row in found
        ],
    }


def _facts(found: Iterable[Incident], *, own: bool) -> dict[str, Any]:
    last = max(found, key=lambda row: (row.recovered_at, row.pk))
    return {"until": ends_at(last), "since": last.recovered_at, "incident": last.pk, "own": own}


def end(incident: Incident, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> None:
    """Ends the close watch of an incident before its time. Raises NotAllowed for one that runs no longer."""
    with transaction.atomic(using="default"):
        if not running(now).filter(pk=incident.pk).update(watch_ended_at=now, watch_ended_by=actor[:255]):
            raise NotAllowed("there is no close watch of this incident")
        write_audit(actor, "close_watch_ended", incident.mailbox, {"incident": incident.pk}, at=now, account=account)
