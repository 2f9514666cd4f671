"""Who may see an incident's correspondents, for how long, and why: each look and each copy is a row and an audit line.

An account sees them for an hour after it has given a reason or a legal basis, in that incident only. A copy that leaves
the panel (the evidence package) needs the owner himself, or a legal basis in writing. The owner of the mailbox needs
neither to read: it is his own correspondence.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.impact.paper_models import Disclosure
from sekisho.incidents import audit
from sekisho.incidents.models import Incident

Basis = Literal["reason", "legal"]
# To read a report and answer a caller; whoever needs longer says so again.
LASTS = timedelta(hours=1)
# "見たい" is no reason: a sentence has at least so many letters, also in Japanese.
SHORTEST, LONGEST = 8, 1000


class NoReason(Exception):
    """The reason is missing, or so short or long that nobody can judge it later."""


def checked(text: str) -> str:
    """The reason without blanks around it; raises NoReason."""
    reason = " ".join(text.split())
    if not SHORTEST <= len(reason) <= LONGEST:
        raise NoReason(f"{len(reason)} characters")
    return reason


def unmask(incident: Incident, account: AbstractBaseUser, basis: Basis, text: str, now: datetime) -> Disclosure:
    """Shows this account the correspondents of this incident for `LASTS`; raises NoReason."""
    reason = checked(text)
    with transaction.atomic(using="default"):
        row = Disclosure.objects.create(
            incident=incident, kind="unmask", basis=basis, text=reason, actor=account.get_username(),
            account=account.pk, at=now, until=now + LASTS,
        )  # fmt: skip
        _audit(row, "impact_unmasked", incident, account)
    return row


def open_for(incident: Incident, account_id: int, now: datetime) -> Disclosure | None:
    """The unmasking that holds now for this account and incident."""
    rows = Disclosure.objects.filter(incident=incident, account=account_id, kind="unmask", until__gt=now)
    return rows.order_by("-until").first()


def mask_again(incident: Incident, account: AbstractBaseUser, now: datetime) -> None:
    """Ends the account's unmaskings of this incident before their time."""
    with transaction.atomic(using="default"):
        rows = Disclosure.objects.filter(incident=incident, account=account.pk, kind="unmask", until__gt=now)
        if rows.update(until=now):
            audit.record(
                account.get_username(), "impact_masked", incident.mailbox, details={"incident": incident.pk},
                at=now, account=account,
            )  # fmt: skip


def note_package(
    incident: Incident, basis: str, text: str, actor: str, now: datetime, account: AbstractBaseUser | None = None
) -> Disclosure:
    """Notes that an evidence package is handed out; `basis` "owner" or "legal". Raises NoReason for the latter."""
    reason = text if basis == "owner" else checked(text)
    with transaction.atomic(using="default"):
        row = Disclosure.objects.create(
            incident=incident, kind="package", basis=basis, text=reason, actor=actor,
            account=account.pk if account else None, at=now,
        )  # fmt: skip
        _audit(row, "evidence_package", incident, account)
    return row


def _audit(row: Disclosure, verb: str, incident: Incident, account: AbstractBaseUser | None) -> None:
    details = {"incident": incident.pk, "basis": row.basis, "reason": row.text}
    audit.record(row.actor, verb, incident.mailbox, details=details, at=row.at, account=account)
