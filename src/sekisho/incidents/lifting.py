"""Opening: the next generation begins, the incident ends, orders to open the doors are written; and what time ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.incidents import app_passwords, held_orders, orders
from sekisho.incidents.changes import PROBATION_NEW_RECIPIENTS_A_DAY, change_status, current_status
from sekisho.incidents.containing import STATUS_OF, open_incident
from sekisho.incidents.models import Incident, MailboxStatus, Order, QueueIdLogin, Transition
from sekisho.incidents.questions import by_detection
from sekisho.incidents.timeline import add_entry

# A hijacker's second visit comes within days; a week without a sign is the time peers keep a sender on watch.
PROBATION_CLEAN_DAYS = 7
# The question of a restriction stands for a week: owners come back from a holiday.
RESTRICTION_DAYS = 7
# Messages of an incident whose returned mail is told apart; a blast is stopped long before.
MOST_SENT = 500


def end_incident(incident: Incident, phase: str, at: datetime) -> None:
    """Moves an incident to "recovered", "closed" or "dismissed"."""
    incident.phase = phase
    incident.closed_at = None if phase == "recovered" else at
    incident.save(update_fields=["phase", "closed_at"])
    add_entry(incident, at, phase, f"{phase}-{incident.pk}-{at.timestamp():.6f}", {})


def lift(
    status: MailboxStatus,
    incident: Incident,
    after: str,
    cause: str,
    actor: str,
    phase: str,
    at: datetime,
    *,
    reason: str = "",
    account: AbstractBaseUser | None = None,
    sources: Sequence[str] | None = None,
) -> list[Order]:
    """Begins the next generation; orders to open the doors where something was shut."""
    shut = status.status in STATUS_OF.values()
    generation = status.generation + 1
    change_status(
        status,
        after,
        cause=cause,
        actor=actor,
        reason=reason,
        generation=generation,
        limit=PROBATION_NEW_RECIPIENTS_A_DAY if after == "probation" else None,
        incident=incident,
        at=at,
        account=account,
        sources=sources,
    )
    end_incident(incident, phase, at)
    if cause == "dismissal":
        app_passwords.enable(status.mailbox, status.generation)
        held_orders.cancel_all(incident)
    orders.retire_older_orders(status.mailbox, generation)
    if not shut:
        return []
    kind = "dismiss" if cause == "dismissal" else "release"
    details: dict[str, object] = {"incident": incident.pk}
    if cause == "recovery":
        details |= _sent_in(incident, at)
    return orders.place_orders(incident, kind, generation, actor, at, details)


def _sent_in(incident: Incident, at: datetime) -> dict[str, object]:
    """What the mailbox sent in the incident, the newest first: mail that comes back for it is the hijacker's."""
    since = incident.first_risk_at
    for details in incident.orders.filter(kind__in=["contain", "restrict"]).values_list("details", flat=True):
        if held := details.get("hold_since"):
            since = min(since, datetime.fromtimestamp(float(held), UTC))
    sent = QueueIdLogin.objects.filter(mailbox=incident.mailbox, at__gte=since, at__lte=at).order_by("-at")
    rows = list(sent.values_list("queue_id", "message_id")[:MOST_SENT])
    return {
        "sent_ids": [queue_id for queue_id, _ in rows],
        "sent_message_ids": [message_id for _, message_id in rows if message_id],
    }


def status_before(incident: Incident) -> str:
    """What the mailbox was before this incident: active, or on probation."""
    first = Transition.objects.filter(incident=incident).order_by("id").first()
    return first.before if first else "active"


def expire_restrictions(now: datetime) -> int:
    """Ends restrictions by detection that nobody answered for a week and that nothing new was found for; how many.

    Somebody one level up was asked long before (questions.escalate). Redirects that were frozen stay frozen. An
    operator's restriction has no end of its own.
    """
    ended = 0
    old = MailboxStatus.objects.filter(status="restricted", since__lt=now - timedelta(days=RESTRICTION_DAYS))
    for row in old:
        with transaction.atomic(using="default"):
            status = current_status(row.mailbox)
            incident = open_incident(row.mailbox)
            if status.status != "restricted" or incident is None or not by_detection(incident):
                continue
            if incident.decisions.filter(t__gte=now - timedelta(days=RESTRICTION_DAYS)).exists():
                continue
            lift(status, incident, status_before(incident), "expiry", "worker", "closed", now)
            ended += 1
    return ended


def end_probations(now: datetime) -> int:
    """Ends probations after seven clean days (no open incident); how many. Their incidents are closed with them."""
    ended = 0
    old = MailboxStatus.objects.filter(status="probation", since__lt=now - timedelta(days=PROBATION_CLEAN_DAYS))
    for row in old:
        with transaction.atomic(using="default"):
            status = current_status(row.mailbox)
            if status.status != "probation" or open_incident(row.mailbox) is not None:
                continue
            change_status(
                status,
                "active",
                cause="clean_days",
                actor="worker",
                reason="",
                generation=status.generation,
                limit=None,
                incident=None,
                at=now,
            )
            for incident in Incident.objects.filter(mailbox=row.mailbox, phase="recovered"):
                end_incident(incident, "closed", now)
            ended += 1
    return ended
