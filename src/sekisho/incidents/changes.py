"""One status change: compare-and-set, transition and audit rows. `decisions` is its only caller for changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from django.contrib.auth.models import AbstractBaseUser

from sekisho.detection import breaker
from sekisho.incidents import audit
from sekisho.incidents.models import Incident, MailboxStatus, Transition

# A first answer to "how many strangers does an honest owner write to in a day": 20 covers an office day, a spammer
# needs hundreds. The measured habits of the mailbox come in later.
PROBATION_NEW_RECIPIENTS_A_DAY = 20
# Since when a mailbox without a row is active: for as long as we know.
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class NotAllowed(Exception):
    """The mailbox or incident is in no state from which this leads anywhere; the text says which state."""


class Overtaken(Exception):
    """Somebody else changed the status between our reading and our writing."""


def current_status(mailbox: str) -> MailboxStatus:
    """Our word on the mailbox; one without a row is active in generation 0 (not saved)."""
    row = MailboxStatus.objects.filter(mailbox=mailbox).first()
    if row is not None:
        return row
    return MailboxStatus(mailbox=mailbox, domain=mailbox.rpartition("@")[2], status="active", since=ALWAYS)


def _require_legal(status: MailboxStatus, after: str, cause: str) -> None:
    before = cast(breaker.Status, status.status)
    try:
        breaker.change_status(before, cast(breaker.Cause, cause), cast(breaker.Status, after))
    except breaker.TransitionRefused as refusal:
        raise NotAllowed(f"{status.mailbox} is {status.status}: no {cause} leads to {after}") from refusal


def _compare_and_set(
    status: MailboxStatus, after: str, reason: str, generation: int, limit: int | None, at: datetime
) -> None:
    MailboxStatus.objects.get_or_create(
        mailbox=status.mailbox, defaults={"domain": status.domain, "status": "active", "since": at}
    )
    # A rescue belongs to one suspension.
    same = status.status == after == "suspended" and status.generation == generation
    changed = MailboxStatus.objects.filter(
        mailbox=status.mailbox, status=status.status, generation=status.generation
    ).update(
        status=after,
        generation=generation,
        limit=limit,
        since=at,
        reason="" if after == "active" else reason[:500],
        rescue_since=status.rescue_since if same else None,
    )
    if changed != 1:
        raise Overtaken(status.mailbox)


def change_status(
    status: MailboxStatus,
    after: str,
    *,
    cause: str,
    actor: str,
    reason: str,
    generation: int,
    limit: int | None,
    incident: Incident | None,
    at: datetime,
    account: AbstractBaseUser | None = None,
    sources: Sequence[str] | None = None,
) -> None:
    """Changes the status that was read to `after`, within the caller's transaction.

    `sources`: client addresses that the actor calls the owner's.

    Raises NotAllowed when the breaker's table has no such transition, Overtaken when the status is no longer the one
    that was read.
    """
    if status.status != after:
        _require_legal(status, after, cause)
    _compare_and_set(status, after, reason, generation, limit, at)
    Transition.objects.create(
        mailbox=status.mailbox,
        incident=incident,
        at=at,
        before=status.status,
        after=after,
        generation=generation,
        cause=cause,
        actor=actor,
        reason=reason[:500],
        sources=None if sources is None else list(sources),
    )
    details: dict[str, object] = {"before": status.status, "after": after, "generation": generation, "cause": cause}
    if sources is not None:
        details["sources"] = list(sources)
    write_audit(actor, after, status.mailbox, details, at=at, account=account)


def write_audit(
    actor: str,
    verb: str,
    mailbox: str,
    details: dict[str, object],
    *,
    at: datetime | None = None,
    account: AbstractBaseUser | None = None,
) -> None:
    """One line of the audit log about a mailbox (`audit.record`); never a secret in `details`."""
    audit.record(actor, verb, mailbox, details=details, at=at, account=account)
