"""A mail to the mailbox itself, so that a person sees that receiving works again, without asking somebody to write.

It leaves by the way of all our notices, from their sender, and the mail log says when it was put into the mailbox. It
holds nothing that anybody could use: whoever reads the mailbox reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.incidents import letters
from sekisho.incidents.changes import current_status, write_audit
from sekisho.incidents.models import Notice

KIND = "test_mail"
# Time for one to arrive before the next: Postfix and LMTP take a second or two.
EVERY = timedelta(minutes=1)
# A person at his settings tries a handful of times; nobody fills a mailbox with twenty.
A_DAY, IN_A_DAY = timedelta(days=1), 20
# Beyond this something is wrong, and the page says what to look at.
LATE_AFTER = timedelta(minutes=2)
# What the page still tells of: yesterday's test says nothing about today.
TOLD_FOR = timedelta(hours=1)


class NotNow(Exception):
    """None is sent now; `why` is "soon" (within EVERY), "many" (a day's share) or "shut" (the mailbox is suspended)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class TestMail:
    """The mailbox's latest test mail. `arrived_at` None: not yet; `seconds`: from asking to arriving, or to now."""

    asked_at: datetime
    arrived_at: datetime | None
    # Postfix has refused it for good.
    failed: bool
    seconds: int
    late: bool

    @property
    def waits(self) -> bool:
        """Whether it is still on its way."""
        return self.arrived_at is None and not self.failed


def send(mailbox: str, language: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> None:
    """Writes a test mail into the outbox; raises NotNow."""
    if current_status(mailbox).status == "suspended":
        raise NotNow("shut")
    with transaction.atomic(using="default"):
        sent = Notice.objects.filter(kind=KIND, recipient=mailbox)
        if sent.filter(created_at__gt=now - EVERY).exists():
            raise NotNow("soon")
        if sent.filter(created_at__gt=now - A_DAY).count() >= IN_A_DAY:
            raise NotNow("many")
        letters.enqueue(mailbox, KIND, f"test {now.timestamp():.3f}", mailbox, language, now)
        write_audit(actor, "test_mail_sent", mailbox, {}, at=now, account=account)


def latest(mailbox: str, now: datetime) -> TestMail | None:
    """The latest test mail of the last hour; None without one."""
    row = Notice.objects.filter(kind=KIND, recipient=mailbox, created_at__gt=now - TOLD_FOR).order_by("-id").first()
    if row is None:
        return None
    # The log has whole seconds: a mail may seem to arrive before it was asked for.
    seconds = max(0, round(((row.arrived_at or now) - row.created_at).total_seconds()))
    failed = row.state in ("failed", "dropped") and row.arrived_at is None
    late = row.arrived_at is None and now - row.created_at > LATE_AFTER
    return TestMail(row.created_at, row.arrived_at, failed, seconds, late)
