"""The guard's decisions, taken from the journal into the record, each once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from sekisho.incidents import notices
from sekisho.incidents.changes import Overtaken, change_status, current_status, write_audit
from sekisho.incidents.containing import STATUS_OF, STRENGTH, begin_incident, contain
from sekisho.incidents.models import Decision, Incident, Indicator, MailboxStatus, Order
from sekisho.incidents.orders import place_orders
from sekisho.incidents.scores import keep_decision
from sekisho.incidents.timeline import add_entry
from sekisho.journal import DecisionRecord

log = logging.getLogger(__name__)

# Two writers meet at most a few times: each retry means that somebody else got on.
ATTEMPTS = 5


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
        incident = begin_incident(record.mailbox, record.generation, "detection", "alert", at)
    _keep_decision(record, incident)
    _strengthen(incident, record)
    if record.enforced and record.action != "alert":
        _enforce(record, status, incident, at)
        if record.fuse_blown:
            notices.call_operator(incident, record.host, at)
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
    if record.enforced and record.action != "alert" and status.status not in STATUS_OF.values():
        _open_again(status)


def _open_again(status: MailboxStatus) -> None:
    given = Order.objects.filter(
        mailbox=status.mailbox, generation=status.generation, kind__in=["release", "dismiss"]
    ).first()
    if given is not None:
        incident, kind, details = given.its_incident, given.kind, given.details
    else:
        # A mere alert was dismissed: nothing had been shut then.
        earlier = Incident.objects.filter(mailbox=status.mailbox, generation__lt=status.generation)
        incident, kind, details = earlier.latest("id"), "release", {}
    place_orders(incident, kind, status.generation, "worker", timezone.now(), details)


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
    keep_decision(record)
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
    contain(incident, record.action, f"guard@{record.host}", details, at)
    if record.action == "suspend" and status.status == "probation":
        # A relapse: whoever reinstated it is not the only one to look at it now.
        notices.tell_operator(incident, "relapse", at)
        add_entry(incident, at, "relapse", f"relapse-{incident.pk}", {})
