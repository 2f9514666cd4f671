"""What a yes to the question allows: a mailing of bounded size for a bounded time; and budgets as people see them.

The answer begins a new generation without evidence. Without an allowance the mailing, which goes on, would be
restricted again within the hour; with an endless one a single wrong tap would leave the mailbox unguarded. So the
guard lets so many new recipients pass uncounted until then; place, bounces, complaints and rules count as always.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import Allowance, MailboxStatus, NewRecipient
from sekisho.journal import NewRecipientAsked

# A mailing is over within a day; a thousand addresses are more than the lists of nearly all small customers.
USUAL_HOURS, USUAL_RECIPIENTS = 24, 1000
# A week, and what the largest newsletter of a small company has. Beyond that it needs a mailing service, not a mailbox.
MOST_HOURS, MOST_RECIPIENTS = 168, 10_000
# Budgets count within an hour or a day (detection.budget); a day more for people who look back.
KEPT = timedelta(days=2)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    """How long and how many; raises NotAllowed beyond the bounds."""

    hours: int = USUAL_HOURS
    recipients: int = USUAL_RECIPIENTS

    def __post_init__(self) -> None:
        if not 1 <= self.hours <= MOST_HOURS or not 1 <= self.recipients <= MOST_RECIPIENTS:
            raise NotAllowed(f"an allowance is for 1 to {MOST_HOURS} hours and 1 to {MOST_RECIPIENTS} recipients")


def grant(mailbox: str, generation: int, terms: Terms, actor: str, now: datetime) -> Allowance:
    """Writes the allowance of a generation that begins now, in the caller's transaction, with its audit line."""
    until = now + timedelta(hours=terms.hours)
    row = Allowance.objects.create(
        mailbox=mailbox,
        generation=generation,
        granted_at=now,
        until=until,
        recipients=terms.recipients,
        actor=actor,
    )
    details: dict[str, object] = {"generation": generation, "until": until.isoformat(), "recipients": terms.recipients}
    write_audit(actor, "allow_mailing", mailbox, details, at=now)
    return row


def present(status: MailboxStatus, now: datetime) -> Allowance | None:
    """The allowance in force for a mailbox in this status; a new restriction or suspension ends it."""
    if status.status not in ("active", "probation"):
        return None
    return Allowance.objects.filter(mailbox=status.mailbox, generation=status.generation, until__gt=now).first()


def keep(event: NewRecipientAsked) -> None:
    """Keeps what the guard tells of a budget."""
    NewRecipient.objects.create(
        mailbox=event.mailbox[:255],
        generation=event.generation,
        at=datetime.fromtimestamp(event.t, UTC),
        allowed=event.allowed,
    )


def prune(now: datetime) -> None:
    """Forgets what no budget counts any more, and allowances that ended a season ago (the audit trail has them)."""
    NewRecipient.objects.filter(at__lt=now - KEPT).delete()
    Allowance.objects.filter(until__lt=now - timedelta(days=90)).delete()


def asked_within(mailbox: str, generation: int, now: datetime, span: timedelta = DAY) -> tuple[int, int]:
    """New recipients let through, and told to wait (once a minute is told), within the span before `now`."""
    rows = NewRecipient.objects.filter(mailbox=mailbox, generation=generation, at__gt=now - span)
    return rows.filter(allowed=True).count(), rows.filter(allowed=False).count()
