"""Puts an incident's report together, out of the record alone: it asks no mail server and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from sekisho.config import settings
from sekisho.impact import changes, entry, reading, sending
from sekisho.impact.model import Figure, ImpactReport, Limit, Sent
from sekisho.impact.whose import Whose, whose
from sekisho.incidents import retention
from sekisho.incidents.models import Incident, Step

ADDRESS_BOOK = "address_book"
# The agent counts the webmail's contacts when it ends the sessions, and says so (containment.webmail_steps).
ENDED_STEP = "end_webmail_sessions"
_CONTACTS = re.compile(r"(\d+) in the address book").search
NOT_SETTLED = ("waiting", "unknown")
# Rows that go by their age even while an incident needs them.
KEPT_BY_AGE = ("sign_ins", "failed_sign_ins")


def build(incident: Incident, now: datetime) -> ImpactReport:
    """All that the record has of an incident's effects. Also of one that was only observed, and of one still going on.

    A hundred thousand messages take seconds (docs/bench.md): the database counts.
    """
    his = whose(incident, now)
    sent = sending.sent_of(incident, his, now)
    read, untold, unread = reading.read_of(incident, his.ips, his.since, his.until)
    return ImpactReport(
        incident=incident.pk,
        mailbox=incident.mailbox,
        domain=incident.domain,
        made_at=now.timestamp(),
        phase=incident.phase,
        entry=entry.entry_of(incident, his),
        sent=sent,
        read=read,
        changed=changes.changed_of(incident, his),
        leaked=changes.leaked_of(incident, his),
        address_book=address_book(incident),
        touched=entry.touched_of(his),
        services=None,
        gaps=(*his.gaps, *unread),
        limits=(*untold, *_limits(incident, his, sent, now)),
    )


def address_book(incident: Incident) -> Figure | None:
    """How many contacts the webmail kept for the mailbox when it was suspended; None: nobody has counted."""
    counted = contact_counts(incident)
    return Figure(ADDRESS_BOOK, sum(number for _, number in counted)) if counted else None


def contact_counts(incident: Incident) -> list[tuple[Step, int]]:
    """What the agents counted. Hosts of one installation ask the same webmail: the highest count is the one."""
    steps = incident.steps.filter(plan="contain", name=ENDED_STEP).order_by("at", "pk")
    counted = [(step, int(found[1])) for step in steps if (found := _CONTACTS(step.outcome))]
    return [max(counted, key=lambda one: one[1])] if counted else []


def _limits(incident: Incident, his: Whose, sent: Sent, now: datetime) -> Iterator[Limit]:
    if any(name in sent.outcomes for name in NOT_SETTLED):
        yield Limit("results_until", now.timestamp())
    if his.ours:
        yield Limit("webmail_reads")
    own_days = retention.rules_of(incident.domain)
    days = min(own_days.get(kind, retention.days_of(settings().retention, kind)) for kind in KEPT_BY_AGE)
    ended = incident.closed_at
    if his.since < now - timedelta(days=days) or (ended and ended < now - timedelta(days=retention.EVIDENCE_DAYS)):
        yield Limit("older_removed")
