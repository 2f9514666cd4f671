"""The only way a mailbox's status changes.

Every change is one transaction on our database: compare-and-set on (status, generation), a Transition row, the
incident, an audit row, orders for every host's agent, notices. Whoever comes second finds the status changed and
changes nothing. Which changes exist at all is `detection.breaker`'s table; this module only asks it.

Generations: a suspension or restriction belongs to the mailbox's current generation; reinstating, dismissing and
answering begin the next one, so evidence from before never counts again.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.incidents import burned, notices, orders
from sekisho.incidents.changes import (
    PROBATION_NEW_RECIPIENTS_A_DAY,
    NotAllowed,
    Overtaken,
    change_status,
    current_status,
    write_audit,
)
from sekisho.incidents.models import Decision, Incident, Indicator, MailboxStatus, Order, Transition
from sekisho.incidents.timeline import add_entry
from sekisho.journal import DecisionRecord

__all__ = [
    "OPEN_PHASES",
    "NotAllowed",
    "Overtaken",
    "answer",
    "close",
    "current_status",
    "dismiss",
    "end_probations",
    "expire_restrictions",
    "open_incident",
    "record_detection",
    "reinstate",
    "restrict",
    "suspend",
]

log = logging.getLogger(__name__)

OPEN_PHASES = ("detected", "contained", "eradicated")
STRENGTH = {"alert": 0, "restrict": 1, "suspend": 2}
STATUS_OF = {"restrict": "restricted", "suspend": "suspended"}
ORDER_OF = {"restrict": "restrict", "suspend": "contain"}
# An operator acts on a complaint or a full queue, not at the first message: mail the mailbox submitted within the
# last hour is held. Held mail is listed and can be released; spam that has left cannot be called back.
OPERATOR_HOLD = timedelta(minutes=60)
# A hijacker's second visit comes within days; a week without a sign is the time peers keep a sender on watch.
PROBATION_CLEAN_DAYS = 7
# The question of a restriction stands for a week: owners come back from a holiday.
RESTRICTION_DAYS = 7
# Two writers meet at most a few times: each retry means that somebody else got on.
ATTEMPTS = 5


def open_incident(mailbox: str) -> Incident | None:
    """The mailbox's open incident; there is never more than one."""
    return Incident.objects.filter(mailbox=mailbox, phase__in=OPEN_PHASES).first()


# --- by detection -----------------------------------------------------------------------------------------------------


def record_detection(record: DecisionRecord) -> Incident | None:
    """Takes one decision of the journal into the record; the incident it belongs to, or None when it came too late.

    The same record again changes nothing. A second decision about the same (mailbox, generation) belongs to the same
    incident and may only make it worse. With `enforced=False` the incident says what would have been done.
    """
    for _ in range(ATTEMPTS):
        try:
            with transaction.atomic(using="default"):
                return _record_once(record)
        except Overtaken:
            continue
    raise Overtaken(f"{record.mailbox} keeps changing")


def _record_once(record: DecisionRecord) -> Incident | None:
    known = Decision.objects.filter(pk=record.id).select_related("incident").first()
    if known is not None:
        return known.incident
    status = current_status(record.mailbox)
    incident = Incident.objects.filter(mailbox=record.mailbox, generation=record.generation).first()
    if record.generation < status.generation:
        _note_late_decision(record, status, incident)
        return incident
    at = _time(record.t)
    if incident is None:
        incident = _begin_incident(record.mailbox, record.generation, "detection", "alert", at)
    _keep_decision(record, incident)
    _strengthen(incident, record)
    if record.enforced and record.action != "alert":
        _enforce(record, status, incident, at)
    return incident


def _time(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)


def _note_late_decision(record: DecisionRecord, status: MailboxStatus, incident: Incident | None) -> None:
    """The evidence is older than the last reinstatement or dismissal: it counts no more. An agent may have shut the
    doors on it from the journal, so the order to open them is given again."""
    log.info("decision %s about %s belongs to generation %d, past", record.id, record.mailbox, record.generation)
    if incident is not None:
        _keep_decision(record, incident)
    write_audit(f"guard@{record.host}", "late_decision", record.mailbox, {"decision": record.id, "done": "nothing"})
    Order.objects.filter(
        mailbox=record.mailbox,
        generation=status.generation,
        kind__in=["release", "dismiss"],
        state__in=["done", "failed"],
    ).update(state="open", claimed_at=None)


def _begin_incident(mailbox: str, generation: int, cause: str, action: str, at: datetime) -> Incident:
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


def _keep_decision(record: DecisionRecord, incident: Incident) -> None:
    at = _time(record.t)
    plain = {
        "before": record.before,
        "after": record.after,
        "limit": record.limit,
        "enforced": record.enforced,
        "ip": record.ip,
        "country": record.country,
        "asn": record.asn,
        "first_risk_at": record.first_risk_at,
        "queue_ids": list(record.queue_ids),
    }
    decision = Decision.objects.create(
        id=record.id, incident=incident, t=at, host=record.host, action=record.action, score=record.score, record=plain
    )
    Indicator.objects.bulk_create(
        Indicator(
            decision=decision,
            name=found.name[:64],
            value=found.value,
            evidence_ja=found.evidence_ja[:500],
            evidence_en=found.evidence_en[:500],
        )
        for found in record.indicators
    )
    details: dict[str, object] = {"score": record.score, "enforced": record.enforced, "host": record.host}
    add_entry(incident, at, record.action, f"decision-{record.id}", details)


def _strengthen(incident: Incident, record: DecisionRecord) -> None:
    """An incident shows its strongest decision; one that was closed as an alert is open again."""
    first_risk = _time(record.first_risk_at or record.t)
    incident.first_risk_at = min(incident.first_risk_at, first_risk)
    incident.enforced = incident.enforced or record.enforced
    if incident.phase == "closed":
        incident.phase, incident.closed_at = "detected", None
    if record.score >= incident.score or STRENGTH[record.action] > STRENGTH[incident.action]:
        incident.score = max(incident.score, record.score)
        incident.reason = " / ".join(found.evidence_ja for found in record.indicators)[:500]
        incident.ip, incident.country, incident.asn = record.ip[:45], record.country[:2], record.asn
    if STRENGTH[record.action] > STRENGTH[incident.action]:
        incident.action = record.action
    incident.save()


def _enforce(record: DecisionRecord, status: MailboxStatus, incident: Incident, at: datetime) -> None:
    after = STATUS_OF[record.action]
    stricter = after == "restricted" and (status.limit is None or (record.limit or 0) < status.limit)
    if status.status == "suspended" or (status.status == after and not stricter):
        return
    change_status(
        status,
        after,
        cause="detection",
        actor=f"guard@{record.host}",
        reason=incident.reason,
        generation=record.generation,
        limit=record.limit if after == "restricted" else None,
        incident=incident,
        at=at,
    )
    details: dict[str, object] = {
        "hold_since": record.first_risk_at or record.t,
        "queue_ids": list(record.queue_ids),
        "limit": record.limit,
    }
    _contain(incident, record.action, f"guard@{record.host}", details, at)


def _contain(incident: Incident, action: str, actor: str, details: dict[str, object], at: datetime) -> None:
    """Orders and notices of a restriction or suspension; what is contained by it has yet to be read back."""
    incident.enforced = True
    incident.phase, incident.contained_at, incident.closed_at = "detected", None, None
    incident.save(update_fields=["enforced", "phase", "contained_at", "closed_at"])
    if action == "suspend":
        burned.burn_site_hash(incident.mailbox, at)
    orders.place_orders(incident, ORDER_OF[action], incident.generation, actor, at, details)
    notices.enqueue(incident, STATUS_OF[action], at)


# --- by people --------------------------------------------------------------------------------------------------------


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
            incident = _begin_incident(mailbox, status.generation, "operator", action, at)
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
        _contain(incident, action, actor, details, at)
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
        return _lift(status, incident, "probation", "recovery", actor, "recovered", at, account=account)


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
            first = Transition.objects.filter(incident=incident).order_by("id").first()
            before = first.before if first else "active"
        return _lift(status, incident, before, "dismissal", actor, "dismissed", at, reason=reason, account=account)


def answer(
    incident: Incident, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> list[Order]:
    """The question of a restriction was answered ("I started this mailing"): active again. Raises NotAllowed."""
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        status = current_status(incident.mailbox)
        return _lift(status, incident, "active", "answer", actor, "closed", at, account=account)


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
        _end_incident(incident, "closed", at)
        write_audit(actor, "close", incident.mailbox, {"incident": incident.pk}, at=at, account=account)


def _incident_of(status: MailboxStatus) -> Incident:
    incident = open_incident(status.mailbox)
    if incident is None or status.status not in STATUS_OF.values():
        raise NotAllowed(f"{status.mailbox} is {status.status}")
    return incident


def _end_incident(incident: Incident, phase: str, at: datetime) -> None:
    incident.phase = phase
    incident.closed_at = None if phase == "recovered" else at
    incident.save(update_fields=["phase", "closed_at"])
    add_entry(incident, at, phase, f"{phase}-{incident.pk}-{at.timestamp():.6f}", {})


def _lift(
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
    )
    _end_incident(incident, phase, at)
    orders.retire_orders(status.mailbox, generation)
    if not shut:
        return []
    kind = "dismiss" if cause == "dismissal" else "release"
    return orders.place_orders(incident, kind, generation, actor, at, {"incident": incident.pk})


# --- by time ----------------------------------------------------------------------------------------------------------


def expire_restrictions(now: datetime) -> int:
    """Ends restrictions by detection that nobody answered for a week and that nothing new was found for; how many.

    Known weak point: silence does not yet escalate to a second person, it only keeps the restriction for that week.
    Redirects that were frozen stay frozen. An operator's restriction has no end of its own.
    """
    ended = 0
    old = MailboxStatus.objects.filter(status="restricted", since__lt=now - timedelta(days=RESTRICTION_DAYS))
    for row in old:
        with transaction.atomic(using="default"):
            status = current_status(row.mailbox)
            incident = open_incident(row.mailbox)
            if status.status != "restricted" or incident is None or not _by_detection(incident):
                continue
            if incident.decisions.filter(t__gte=now - timedelta(days=RESTRICTION_DAYS)).exists():
                continue
            _lift(status, incident, "active", "expiry", "worker", "closed", now)
            ended += 1
    return ended


def _by_detection(incident: Incident) -> bool:
    last = Transition.objects.filter(incident=incident).order_by("-id").first()
    return last is not None and last.cause == "detection"


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
                _end_incident(incident, "closed", now)
            ended += 1
    return ended
