"""Codes on paper: ten on a sheet, printed by the domain admin, each good for one recovery or one new contact.

They count as a contact does (recovery.contacts): two weeks after printing, and not when they were printed after the
first sign of the present incident. A new sheet makes the old one worthless at once: the old one may be lost.
"""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils.crypto import salted_hmac

from sekisho.detection.password import PasswordProblem as Problem
from sekisho.directory.names import canonical
from sekisho.incidents import letters
from sekisho.incidents.changes import write_audit
from sekisho.recovery import contacts
from sekisho.recovery.models import OwnerContact, PaperCode

# One for each recovery and each change of a contact in some years; ten fit on a card.
ON_A_SHEET = 10
# Digits and letters without those that look alike on paper (0 o, 1 i l). 31 signs, 12 of them: 59 bits.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 12


_WRONG_CODE = Problem(
    "code",
    "アドレスとコードの組み合わせが正しくないか、このコードはまだ(またはもう)使えません。",
    "Address and code do not belong together, or the code cannot be used yet (or any more).",
)


def print_sheet(mailbox: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> list[str]:
    """Ten new codes, as `xxxx-xxxx-xxxx`; they cannot be shown again. Unused ones of an older sheet are void."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(ON_A_SHEET)]
    with transaction.atomic(using="default"):
        PaperCode.objects.filter(mailbox=mailbox, used_at=None).delete()
        PaperCode.objects.bulk_create(
            PaperCode(mailbox=mailbox, digest=_digest(mailbox, code), printed_at=now, printed_by=actor)
            for code in codes
        )
        write_audit(actor, "owner_codes_printed", mailbox, {"codes": len(codes)}, account=account)
        for contact in contacts.of_mailbox(mailbox):
            about = f"codes {now.timestamp():.0f}"
            letters.enqueue(mailbox, "codes_printed", about, contact.address, contact.language, now)
    return ["-".join(code[place : place + 4] for place in range(0, LENGTH, 4)) for code in codes]


def unused(mailbox: str) -> tuple[int, datetime | None]:
    """How many codes of the mailbox's sheet are left, and when it was printed."""
    left = PaperCode.objects.filter(mailbox=mailbox, used_at=None, printed_at__gte=contacts.owned_since(mailbox))
    first = left.first()
    return left.count(), first.printed_at if first else None


def normalised(typed: str) -> str:
    """A code as it was typed, without blanks and hyphens, half-width, in small letters."""
    narrow = unicodedata.normalize("NFKC", typed[:64]).lower()
    return "".join(sign for sign in narrow if sign in ALPHABET)


def take(mailbox: str, typed: str, now: datetime) -> bool:
    """Uses a code up, in the caller's transaction; False when it is none of this mailbox's, used, or counts not yet."""
    code = PaperCode.objects.filter(digest=_digest(mailbox, normalised(typed)), used_at=None).first()
    first, owned_since = contacts.first_sign(mailbox), contacts.owned_since(mailbox)
    if code is None or code.printed_at < owned_since or not contacts.is_proof(code.printed_at, first, now):
        return False
    return PaperCode.objects.filter(pk=code.pk, used_at=None).update(used_at=now) == 1


def enrol_contact(address: str, code: str, other: str, language: str, now: datetime) -> OwnerContact:
    """The owner enrols a contact and uses up one of the codes; raises contacts.ContactRefused (the code is kept).

    The refusal is the same for a wrong code, one that does not count, and a mailbox that does not exist.
    """
    mailbox = canonical(address) or address.lower()
    # Before the code is looked at: what is said about the new address must not tell whether the code was right.
    checked = contacts.checked_contact(other)
    with transaction.atomic(using="default"):
        if not take(mailbox, code, now):
            raise contacts.ContactRefused(_WRONG_CODE)
        return contacts.add(mailbox, checked, language, "owner (paper)", now, source="paper")


def _digest(mailbox: str, code: str) -> str:
    return salted_hmac("sekisho.recovery.paper", f"{mailbox}\0{code}", algorithm="sha256").hexdigest()
