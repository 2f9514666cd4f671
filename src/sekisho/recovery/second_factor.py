"""The owner's second factor at the owner's own pages: a code from paper, or one sent to a contact outside.

Whoever asks here has the mailbox's password already, and so may a hijacker. A code from paper needs no mail; one sent
to a contact opens nothing but the page that asked for it: its mail holds no link, and it makes no new password itself.
Both count by the same rules as for a recovery (recovery.contacts): two weeks old, and older than an open incident.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sekisho.incidents import letters
from sekisho.incidents.changes import write_audit
from sekisho.recovery import contacts, requests
from sekisho.recovery.models import RecoveryRequest

# Of RecoveryRequest: this request proves the owner to the owner's pages and makes no new password.
ORIGIN = "login"
KIND = "owner_code"


def begin(mailbox: str, now: datetime) -> RecoveryRequest:
    """A request for codes from paper; nothing is sent."""
    return requests.create(mailbox, ORIGIN, "", "nothing", now)


def send_code(mailbox: str, now: datetime) -> RecoveryRequest | None:
    """Sends a code to the contacts that count; None when one went out within the last five minutes.

    Without such a contact the request is there all the same (for a code from paper): the answer does not tell.
    """
    with transaction.atomic(using="default"):
        lately = RecoveryRequest.objects.filter(mailbox=mailbox, origin=ORIGIN, with_code=True)
        if lately.filter(asked_at__gt=now - requests.MAIL_EVERY).exists():
            return None
        request = begin(mailbox, now)
        counting = contacts.that_count(mailbox, now)
        if not counting or not requests.may_have_code(mailbox, now):
            return request
        request.state, request.with_code = "live", True
        request.save(update_fields=["state", "with_code"])
        for contact in counting:
            letters.enqueue(mailbox, KIND, f"request {request.pk}", contact.address, contact.language, now)
        write_audit("owner (password)", "owner_code_sent", mailbox, {"mails": len(counting)}, at=now)
    return request


def is_open(number: int, mailbox: str, now: datetime) -> bool:
    """Whether this request still takes a code for this mailbox."""
    alive = RecoveryRequest.objects.filter(pk=number, mailbox=mailbox, origin=ORIGIN, state__in=("nothing", "live"))
    return alive.filter(expires_at__gt=now, tries__lt=requests.TRIES).exists()


def prove(number: int, mailbox: str, typed: str, now: datetime) -> str:
    """What the typed code was: "code" (from a contact's mail), "paper", or "" for a wrong one. It serves once."""
    if not is_open(number, mailbox, now) or not requests.try_code(number, typed, now):
        return ""
    used = RecoveryRequest.objects.filter(pk=number, state="proved")
    proof = used.values_list("proof", flat=True).first() or ""
    return proof if used.update(state="used") == 1 else ""


def start_recovery(mailbox: str, proof: str, now: datetime) -> RecoveryRequest:
    """A recovery for an owner who has just shown this second factor: proved already, for ten minutes, once."""
    request = requests.create(mailbox, "owner", "", "proved", now)
    request.proof = proof
    request.save(update_fields=["proof"])
    write_audit(f"owner ({proof})", "recovery_begun", mailbox, {"proof": proof}, at=now)
    return request
