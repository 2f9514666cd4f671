"""Shutting: an incident begins or grows, orders and notices of a restriction or suspension are written."""

from __future__ import annotations

from datetime import datetime

from sekisho.incidents import app_passwords, burned, notices, orders, questions
from sekisho.incidents.models import Incident

OPEN_PHASES = ("detected", "contained", "eradicated")
# Answers by strength, the status each leads to, and the order that carries it out.
STRENGTH = {"alert": 0, "restrict": 1, "suspend": 2}
STATUS_OF = {"restrict": "restricted", "suspend": "suspended"}
ORDER_OF = {"restrict": "restrict", "suspend": "contain"}


def open_incident(mailbox: str) -> Incident | None:
    """The mailbox's open incident; there is never more than one."""
    return Incident.objects.filter(mailbox=mailbox, phase__in=OPEN_PHASES).first()


def begin_incident(mailbox: str, generation: int, cause: str, action: str, at: datetime) -> Incident:
    """The incident of this (mailbox, generation), begun now unless there is one."""
    incident, _ = Incident.objects.get_or_create(
        mailbox=mailbox,
        generation=generation,
        defaults={
            "domain": mailbox.rpartition("@")[2],
            "cause": cause,
            "action": action,
            "enforced": False,
            "detected_at": at,
            "first_risk_at": at,
        },
    )
    return incident


def contain(incident: Incident, action: str, actor: str, details: dict[str, object], at: datetime) -> None:
    """Orders and notices of a restriction or suspension; what is contained by it has yet to be read back."""
    incident.enforced = True
    incident.phase, incident.contained_at, incident.closed_at = "detected", None, None
    incident.save(update_fields=["enforced", "phase", "contained_at", "closed_at"])
    if action == "suspend":
        burned.burn_site_hash(incident.mailbox, at)
        app_passwords.disable(incident.mailbox, incident.generation, at)
    orders.retire_weaker_orders(incident.mailbox, ORDER_OF[action])
    orders.place_orders(incident, ORDER_OF[action], incident.generation, actor, at, details)
    notices.enqueue(incident, STATUS_OF[action], at)
    if action == "restrict":
        questions.ask(incident, at)
    else:
        questions.tell_owners(incident, at)
