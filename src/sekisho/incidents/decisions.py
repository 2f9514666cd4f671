"""The only way a mailbox's status changes.

Every change is one transaction on our database: compare-and-set on (status, generation), a Transition row, the
incident, an audit row, orders for every host's agent, notices. Whoever comes second finds the status changed and
changes nothing. Which changes exist at all is `detection.breaker`'s table; this module only asks it.

Generations: a suspension or restriction belongs to the mailbox's current generation; reinstating, dismissing and
answering begin the next one, so evidence from before never counts again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.incidents import alert_sources, allowances, burned, questions
from sekisho.incidents.allowances import Terms
from sekisho.incidents.changes import NotAllowed, Overtaken, change_status, current_status, write_audit
from sekisho.incidents.containing import OPEN_PHASES, STATUS_OF, STRENGTH, begin_incident, contain, open_incident
from sekisho.incidents.detected import record_detection
from sekisho.incidents.lifting import end_incident, end_probations, expire_restrictions, lift, status_before
from sekisho.incidents.models import Incident, MailboxStatus, Order
from sekisho.incidents.timeline import add_entry

__all__ = [
    "OPEN_PHASES",
    "NotAllowed",
    "Overtaken",
    "Terms",
    "answer",
    "close",
    "current_status",
    "dismiss",
    "disown",
    "end_probations",
    "expire_restrictions",
    "open_incident",
    "recognise",
    "record_detection",
    "reinstate",
    "restrict",
    "suspend",
]

# An operator acts on a complaint or a full queue, not at the first message: mail the mailbox submitted within the
# last hour is held. Held mail is listed and can be released; spam that has left cannot be called back.
OPERATOR_HOLD = timedelta(minutes=60)


def suspend(
    mailbox: str,
    reason: str,
    actor: str,
    hold_since: datetime | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> Incident:
    """Suspends a mailbox by an operator's word; the incident. One that is suspended already stays as it is.

    `hold_since`: mail it submitted since then is held in our queue; None: since the first risky event of its open
    incident, or within the last hour. An open alert becomes this incident.
    """
    return _by_operator("suspend", mailbox, reason, actor, hold_since, None, account, now)


def restrict(
    mailbox: str,
    reason: str,
    actor: str,
    limit: int = 10,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> Incident:
    """Restricts a mailbox to its known recipients and `limit` new ones an hour (0 stops its sending).

    Raises NotAllowed for a suspended mailbox: that would open it.
    """
    return _by_operator("restrict", mailbox, reason, actor, None, limit, account, now)


def _by_operator(
    action: str,
    mailbox: str,
    reason: str,
    actor: str,
    hold_since: datetime | None,
    limit: int | None,
    account: AbstractBaseUser | None,
    now: datetime | None,
) -> Incident:
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        status = current_status(mailbox)
        incident = open_incident(mailbox)
        if status.status == STATUS_OF[action] and status.limit == limit and incident is not None:
            return incident
        if incident is None:
            incident = begin_incident(mailbox, status.generation, "operator", action, at)
        since = hold_since or (incident.first_risk_at if incident.cause == "detection" else at - OPERATOR_HOLD)
        incident.action = max(action, incident.action, key=STRENGTH.__getitem__)
        incident.reason = reason[:500]
        incident.save()
        change_status(
            status,
            STATUS_OF[action],
            cause="operator",
            actor=actor,
            reason=reason,
            generation=status.generation,
            limit=limit,
            incident=incident,
            at=at,
            account=account,
        )
        add_entry(incident, at, action, f"{action}-{incident.pk}-{at.timestamp():.6f}", {"actor": actor})
        details: dict[str, object] = {"hold_since": since.timestamp(), "queue_ids": [], "limit": limit}
        contain(incident, action, actor, details, at)
    return incident


def reinstate(
    mailbox: str, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> list[Order]:
    """Recovery: the mailbox has a new password (recovery.flow has seen to it) and goes on probation.

    The orders that open its doors, one for each host. Raises NotAllowed unless it is suspended or restricted.
    """
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        status = current_status(mailbox)
        incident = _incident_of(status)
        return lift(status, incident, "probation", "recovery", actor, "recovered", at, account=account)


def dismiss(
    incident: Incident,
    actor: str,
    reason: str = "",
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """ "This was not a takeover": the mailbox is what it was before, the password is its password again.

    The orders that undo the containment (none for a mere alert). Raises NotAllowed for an incident that is over.
    """
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        incident.refresh_from_db()
        if incident.phase not in OPEN_PHASES:
            raise NotAllowed(f"incident {incident.pk} is {incident.phase}")
        status = current_status(incident.mailbox)
        burned.unburn_since(incident.mailbox, incident.detected_at)
        before = status.status
        if status.status in STATUS_OF.values():
            # A burned password that is back is this suspension's reason, too: it must not trip at the next login again.
            burned.vouch_for_present(incident.mailbox, at)
            before = status_before(incident)
        return lift(
            status, incident, before, "dismissal", actor, "dismissed", at,
            reason=reason, account=account, sources=alert_sources.judged(incident),
        )  # fmt: skip


def answer(
    incident: Incident,
    actor: str,
    terms: Terms | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[Order]:
    """The question of a restriction was answered ("I started this mailing"): the mailbox is what it was before, with an
    allowance for the mailing (`terms`), after which it is judged as usual.

    The orders that lift it. Raises NotAllowed unless this incident is what restricts its mailbox.
    """
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        incident.refresh_from_db()
        status = current_status(incident.mailbox)
        if status.status != "restricted" or status.generation != incident.generation:
            raise NotAllowed(f"{incident.mailbox} is {status.status}")
        questions.note_answer(incident, "yes", actor, at)
        before, sources = status_before(incident), alert_sources.judged(incident)
        orders = lift(status, incident, before, "answer", actor, "closed", at, account=account, sources=sources)
        allowed = allowances.grant(incident.mailbox, status.generation + 1, terms or Terms(), actor, at)
        details: dict[str, object] = {"count": allowed.recipients, "until": allowed.until.timestamp()}
        add_entry(incident, at, "allowed", f"allowed-{incident.pk}", details)
        return orders


def recognise(
    incident: Incident,
    actor: str,
    seen: Sequence[str] | None = None,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> list[str]:
    """ "This was me", said of an alert: its sources become familiar, and it is dismissed. The sources' addresses.

    `seen`: those the person was shown; the guard may have found another one since. Raises Overtaken then, and
    NotAllowed for an incident that is over or that restricts or suspends its mailbox (dismiss, answer, reinstate).
    """
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        incident.refresh_from_db()
        status = current_status(incident.mailbox)
        if incident.phase not in OPEN_PHASES or status.generation != incident.generation:
            raise NotAllowed(f"incident {incident.pk} is {incident.phase}")
        if status.status in STATUS_OF.values():
            raise NotAllowed(f"{incident.mailbox} is {status.status}")
        sources = [source.ip for source in alert_sources.of(incident)]
        if seen is not None and set(seen) != set(sources):
            raise Overtaken(incident.mailbox)
        lift(status, incident, status.status, "answer", actor, "dismissed", at, account=account, sources=sources)
        return sources


def disown(
    incident: Incident,
    actor: str,
    reason: str,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> Incident:
    """ "It was not me", said of an alert or a restriction: the mailbox is suspended by that person's word.

    Raises NotAllowed for an incident that is over, or whose mailbox is suspended already.
    """
    with transaction.atomic(using="default"):
        incident.refresh_from_db()
        status = current_status(incident.mailbox)
        if incident.phase not in OPEN_PHASES or status.generation != incident.generation:
            raise NotAllowed(f"incident {incident.pk} is {incident.phase}")
        if status.status == "suspended":
            raise NotAllowed(f"{incident.mailbox} is suspended")
        questions.note_answer(incident, "no", actor, now or timezone.now())
        return suspend(incident.mailbox, reason, actor, account=account, now=now)


def close(
    incident: Incident, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> None:
    """Files an incident that needs nothing more; raises NotAllowed while its mailbox is restricted or suspended."""
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        incident.refresh_from_db()
        status = current_status(incident.mailbox)
        if incident.phase in ("closed", "dismissed"):
            raise NotAllowed(f"incident {incident.pk} is {incident.phase}")
        if status.status in STATUS_OF.values() and status.generation == incident.generation:
            raise NotAllowed(f"{incident.mailbox} is {status.status}; reinstate it or dismiss the incident")
        end_incident(incident, "closed", at)
        write_audit(actor, "close", incident.mailbox, {"incident": incident.pk}, at=at, account=account)


def _incident_of(status: MailboxStatus) -> Incident:
    incident = open_incident(status.mailbox)
    if incident is None or status.status not in STATUS_OF.values():
        raise NotAllowed(f"{status.mailbox} is {status.status}")
    return incident
