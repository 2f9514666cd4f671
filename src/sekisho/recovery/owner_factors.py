"""The owner's authenticator app and passkeys: who lets one be set up, what it opens, and when.

One is set up after the domain admin's invitation, or by an owner who has just shown another factor; never with the
mailbox's password alone. While all is quiet it opens the owner's pages at once. Once something has been noticed, and
for a new password always, it counts by the rules of contacts and paper (recovery.contacts): two weeks old, and older
than the first sign. Whoever talks an admin into an invitation today does not profit from it in today's incident.

What a code or a signature is worth, the panel asks its libraries; here is only what is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, QuerySet

from sekisho.incidents import letters
from sekisho.incidents.changes import write_audit
from sekisho.recovery import contacts, requests
from sekisho.recovery.models import OwnerFactor, RecoveryRequest

# Of RecoveryRequest: an invitation to set up a factor. It makes no new password.
ORIGIN = "setup"
# A phone, a computer, a key in the drawer, and some that were forgotten: more is a list nobody looks after.
MOST = 5
# Three of a million codes are right at any moment (one step either way): 50 tries are right once in 6,700 days of
# guessing, and whoever guesses has the password and leaves a line in the audit log each time. Paper, contact and
# passkeys have counts of their own: the owner is not locked out.
TRIES_A_DAY = 50
A_DAY = timedelta(days=1)


class TooMany(Exception):
    """The mailbox has MOST factors already."""


def of_mailbox(mailbox: str, kind: str = "") -> QuerySet[OwnerFactor]:
    """The factors of the mailbox's present owner, oldest first; of one kind, or all."""
    rows = OwnerFactor.objects.filter(mailbox=mailbox, removed_at=None, enrolled_at__gte=contacts.owned_since(mailbox))
    return (rows.filter(kind=kind) if kind else rows).order_by("enrolled_at", "id")


def opens(factor: OwnerFactor, first: datetime | None, now: datetime) -> bool:
    """Whether it opens the owner's pages now; `first`: see contacts.first_sign."""
    return first is None or contacts.is_proof(factor.enrolled_at, first, now)


def opens_still(number: int, mailbox: str, now: datetime) -> bool:
    """Whether the factor that a browser has shown is still enrolled and opens the owner's pages."""
    factor = of_mailbox(mailbox).filter(pk=number).first()
    return factor is not None and opens(factor, contacts.first_sign(mailbox), now)


def proves(number: int, mailbox: str, now: datetime) -> bool:
    """Whether this factor is enough for a new password."""
    factor = of_mailbox(mailbox).filter(pk=number).first()
    return factor is not None and contacts.is_proof(factor.enrolled_at, contacts.first_sign(mailbox), now)


# --- the invitation


def invite(mailbox: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> tuple[str, int]:
    """The token of an invitation, to be shown once, and to how many contacts that count it is mailed as well.

    It lives ten minutes and serves once; an earlier one of the mailbox is void.
    """
    with transaction.atomic(using="default"):
        earlier = RecoveryRequest.objects.filter(mailbox=mailbox, origin=ORIGIN, state="live")
        earlier.update(state="ended")
        request = requests.create(mailbox, ORIGIN, actor, "live", now)
        told = contacts.that_count(mailbox, now)
        for one in told:
            letters.enqueue(mailbox, "owner_invitation", f"request {request.pk}", one.address, one.language, now)
        write_audit(actor, "owner_invited", mailbox, {"mails": len(told)}, account=account)
    return requests.token_of(request), len(told)


def invitation(token_hash: str, mailbox: str, now: datetime) -> RecoveryRequest | None:
    """The living invitation of this mailbox whose link has this hash."""
    living = RecoveryRequest.objects.filter(token_hash=token_hash, origin=ORIGIN, state="live", expires_at__gt=now)
    return living.filter(mailbox=mailbox).first()


# --- setting up and removing


def add(
    mailbox: str, kind: str, name: str, secret: str, actor: str, now: datetime,
    *, invited: RecoveryRequest | None = None,
) -> OwnerFactor:  # fmt: skip
    """Enrols a factor and tells the contacts; an invitation is used up. Raises TooMany, and requests.Spent when the
    invitation was used meanwhile."""
    with transaction.atomic(using="default"):
        if invited is not None:
            living = RecoveryRequest.objects.filter(pk=invited.pk, state="live", expires_at__gt=now)
            if living.update(state="used") != 1:
                raise requests.Spent(invited.pk)
        if of_mailbox(mailbox).count() >= MOST:
            raise TooMany(mailbox)
        if kind == OwnerFactor.APP:
            # One app: a second secret would be a second door to guess at.
            of_mailbox(mailbox, kind).update(removed_at=now)
        factor = OwnerFactor.objects.create(
            mailbox=mailbox, kind=kind, name=name, secret=secret, enrolled_at=now, enrolled_by=actor
        )
        by = invited.actor if invited is not None else actor
        write_audit(actor, "owner_factor_added", mailbox, {"factor": kind, "let_by": by}, at=now)
        _tell(mailbox, f"factor {factor.pk} added", now)
    return factor


def remove(factor: OwnerFactor, actor: str, now: datetime) -> None:
    """Removes one; it opens nothing any more, and the contacts are told."""
    with transaction.atomic(using="default"):
        if OwnerFactor.objects.filter(pk=factor.pk, removed_at=None).update(removed_at=now) == 1:
            write_audit(actor, "owner_factor_removed", factor.mailbox, {"factor": factor.kind}, at=now)
            _tell(factor.mailbox, f"factor {factor.pk} removed", now)


def reset(mailbox: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> int:
    """Removes all of a mailbox's factors and its living invitation, for an owner who has lost the device; how many."""
    with transaction.atomic(using="default"):
        RecoveryRequest.objects.filter(mailbox=mailbox, origin=ORIGIN, state="live").update(state="ended")
        latest = of_mailbox(mailbox).last()
        count = OwnerFactor.objects.filter(mailbox=mailbox, removed_at=None).update(removed_at=now)
        write_audit(actor, "owner_factors_reset", mailbox, {"count": count}, account=account)
        if latest is not None:
            _tell(mailbox, f"factor {latest.pk} reset", now)
    return count


def _tell(mailbox: str, about: str, now: datetime) -> None:
    for contact in contacts.of_mailbox(mailbox):
        letters.enqueue(mailbox, "factor_told", about, contact.address, contact.language, now)


# --- use


def count_try(factor: OwnerFactor, now: datetime) -> bool:
    """Counts a typed code before it is looked at; False when this app has had its wrong codes of the day."""
    rows = OwnerFactor.objects.filter(pk=factor.pk, removed_at=None)
    begins_again = Q(tries_since=None) | Q(tries_since__lte=now - A_DAY)
    if rows.filter(begins_again).update(tries=1, tries_since=now) == 1:
        return True
    return rows.filter(tries__lt=TRIES_A_DAY).update(tries=F("tries") + 1) == 1


def take_code(factor: OwnerFactor, counter: int, now: datetime) -> bool:
    """Uses up the code of this counter, which was right: False when it, or a later one, was used already."""
    rows = OwnerFactor.objects.filter(pk=factor.pk, removed_at=None, counter__lt=counter)
    return rows.update(counter=counter, tries=0, last_used_at=now) == 1


def note_use(factor: OwnerFactor, now: datetime) -> None:
    """Notes that a passkey was shown."""
    OwnerFactor.objects.filter(pk=factor.pk).update(last_used_at=now)


def write_shown(mailbox: str, kind: str, right: bool, address: str, now: datetime) -> None:
    """The audit trail's line of a factor that was shown at the owner's pages."""
    verb = "owner_factor_shown" if right else "owner_factor_refused"
    write_audit("owner (password)", verb, mailbox, {"factor": kind, "address": address}, at=now)
