"""What the guard must know of the record, built for the agent, who writes it as the state file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.db.models import Count, Exists, OuterRef, Subquery

from sekisho.config import settings
from sekisho.directory.models import Contact, DomainMode, SiteMailbox
from sekisho.directory.names import alias_domains
from sekisho.incidents import burned, close_watch, renewal, sending, settings_test, travel
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.models import Allowance, DeferredPair, Incident, MailboxStatus, Transition
from sekisho.journal import MailboxState, StateFile
from sekisho.journal.records import Status

Mode = Literal["observe", "enforce"]
# Nobody's server tries longer than five days (RFC 5321 4.5.4.1); one more for slow clocks and slow queues.
WATCH_FOR = timedelta(days=6)


def mailbox_states(now: datetime) -> dict[str, MailboxState]:
    """Every mailbox that is not simply active in generation 0."""
    # An allowance that ended is as good as none: told no longer, the file stays as it is.
    allowed = {(row.mailbox, row.generation): row for row in Allowance.objects.filter(until__gt=now)}
    vouched_for = Transition.objects.filter(
        mailbox=OuterRef("mailbox"), generation=OuterRef("generation"), cause__in=["dismissal", "answer"]
    )
    rows = MailboxStatus.objects.exclude(status="active", generation=0).annotate(
        confirmed=Exists(vouched_for), vouched=Subquery(vouched_for.order_by("-id").values("sources")[:1])
    )
    cases = _cases()
    watched = burned.watched_hashes()
    return {
        row.mailbox: MailboxState(
            status=cast(Status, row.status),
            generation=row.generation,
            limit=row.limit,
            since=row.since.timestamp(),
            confirmed=row.confirmed,
            vouched=None if row.vouched is None else tuple(map(str, row.vouched)),
            case=cases.get((row.mailbox, row.generation), "") if row.status == "suspended" else "",
            burned=watched.get(row.mailbox, ()),
            **_allowance(allowed.get((row.mailbox, row.generation))),
        )
        for row in rows.iterator()
    }


def _cases() -> dict[tuple[str, int], str]:
    """The case numbers of open incidents by mailbox and generation; none where clients are told none."""
    if not settings().guard.reason_text:
        return {}
    found = Incident.objects.filter(phase__in=OPEN_PHASES)
    return {(incident.mailbox, incident.generation): case_number(incident) for incident in found.iterator()}


def _allowance(row: Allowance | None) -> dict[str, Any]:
    return {"allowed_until": row.until.timestamp(), "allowed_recipients": row.recipients} if row else {}


def build_state(now: datetime) -> StateFile:
    """The state as both databases have it; raises OperationalError when one cannot be read (keep the last one)."""
    counts = dict(SiteMailbox.objects.values_list("domain").annotate(Count("username")).order_by())
    contacts = set(Contact.objects.values_list("address", flat=True))
    waiting = DeferredPair.objects.filter(arrived_at__isnull=True, first_at__gte=now - WATCH_FOR)
    watched = close_watch.mailboxes(now)
    return StateFile(
        written_at=now.timestamp(),
        mailboxes=mailbox_states(now),
        alias_domains=alias_domains(),
        modes={row.domain: cast(Mode, row.mode) for row in DomainMode.objects.all()},
        # Contacts elsewhere are harmless here: the guard never sees a login of theirs.
        protected=tuple(sorted(contacts)),
        watched=tuple(sorted(set(waiting.values_list("mailbox", flat=True)))),
        mailbox_count=sum(counts.values()),
        domain_mailbox_counts=counts,
        travel=travel.open_countries(now),
        countries=travel.pins_in_force(),
        sending=sending.rules_in_force(),
        renewals=renewal.overdue(now),
        settings_tests=settings_test.watched(now),
        close_watch=watched,
        close_watch_domains=close_watch.domains(watched),
    )
