"""One attempt of an owner to recover: asked, answered by the worker, proved, used once.

The panel writes a row for every address that is typed, whether such a mailbox exists or not, and looks nothing up: the
answer and its time are the same for all. The worker decides whether a mail goes out. Link and code are made from the
row and SECRET_KEY: no row, log or session holds them.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Sum
from django.utils.crypto import constant_time_compare, salted_hmac

from sekisho.directory.models import Contact, SiteMailbox
from sekisho.directory.names import canonical
from sekisho.incidents import decisions, letters
from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Order
from sekisho.recovery import contacts, flow, paper
from sekisho.recovery.models import RecoveryRequest

# OWASP ASVS 5.0 6.6.2 allows ten minutes for what goes another way; a mail takes seconds, its reader some minutes.
LIVES = timedelta(minutes=10)
# A guess at eight digits succeeds once in 10^8; five tries are enough for a slip of the finger.
TRIES = 5
# So often a mail is sent for one mailbox, whoever asks: the contact always has a link that is good for another five
# minutes, and nobody can fill its inbox (12 an hour).
MAIL_EVERY = timedelta(minutes=5)
# Beyond so many wrong codes for a mailbox in a day its mails hold a link only: 50 in 10^8 a day is all a guesser gets,
# and the owner is not locked out.
CODE_TRIES_A_DAY = 50
A_DAY = timedelta(days=1)
# Rows are needed as long as tries are counted.
KEPT = timedelta(days=2)
# What one turn of the worker answers at most.
ANSWERED_AT_ONCE = 50
DIGITS = 8
# Origins of the requests that lead to a new password.
RECOVERS = ("owner", "admin")


class Spent(Exception):
    """The proof has run out, or was used meanwhile; the mailbox is as it was."""


# --- asking


def ask(address: str, earlier: int | None, now: datetime) -> RecoveryRequest:
    """Writes down that somebody asks to recover this address; `earlier`: this browser's last request.

    The same browser asking again for the same mailbox keeps its request, and with it the code it waits for.
    """
    mailbox = (canonical(address) or address.strip().lower())[:255]
    # By number alone: a query by mailbox would take the longer, the more often a mailbox was asked for.
    kept = RecoveryRequest.objects.filter(pk=earlier or 0).first()
    if kept and _is_kept(kept, mailbox, now):
        return kept
    return create(mailbox, "owner", "", "asked", now)


def _is_kept(request: RecoveryRequest, mailbox: str, now: datetime) -> bool:
    lives = request.state not in ("used", "ended") and request.tries < TRIES and request.asked_at > now - MAIL_EVERY
    return lives and request.origin == "owner" and request.mailbox == mailbox


def create(mailbox: str, origin: str, actor: str, state: str, now: datetime) -> RecoveryRequest:
    """A new row with a fresh nonce, good for ten minutes."""
    request = RecoveryRequest(
        mailbox=mailbox,
        origin=origin,
        actor=actor[:255],
        state=state,
        asked_at=now,
        expires_at=now + LIVES,
        nonce=secrets.token_hex(16),
    )
    request.token_hash = hash_of(token_of(request))
    request.save()
    return request


def start_by_admin(mailbox: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> str:
    """The token of a recovery page for the owner, to be shown once; contacts that count get the link as well."""
    with transaction.atomic(using="default"):
        request = create(mailbox, "admin", actor, "live", now)
        told = _send_link(request, now)
        write_audit(actor, "recovery_page_made", mailbox, {"mails": told}, account=account)
    return token_of(request)


def _derived(request: RecoveryRequest, purpose: str) -> bytes:
    text = f"{request.nonce}\0{request.mailbox}"
    return salted_hmac(f"sekisho.recovery.{purpose}", text, algorithm="sha256").digest()[:16]


def token_of(request: RecoveryRequest) -> str:
    """The link's token: 128 bits, 22 letters. Never logged, never in a row."""
    return base64.urlsafe_b64encode(_derived(request, "link")).rstrip(b"=").decode()


def code_of(request: RecoveryRequest) -> str:
    """The code of eight digits that goes with the same mail."""
    return f"{int.from_bytes(_derived(request, 'code')) % 10**DIGITS:0{DIGITS}d}"


def hash_of(token: str) -> str:
    """What a token is looked up by."""
    return hashlib.sha256(token.encode()).hexdigest()


# --- the worker's part


def answer(now: datetime) -> int:
    """Sends a link for each request that has a mailbox and a contact that counts; how many were looked at."""
    asked = RecoveryRequest.objects.filter(state="asked").order_by("id")[:ANSWERED_AT_ONCE]
    for request in asked:
        with transaction.atomic(using="default"):
            _answer(request, now)
    return len(asked)


def _answer(request: RecoveryRequest, now: datetime) -> None:
    mailbox = request.mailbox
    recent = RecoveryRequest.objects.filter(
        mailbox=mailbox, origin="owner", state__in=("live", "proved"), asked_at__gt=now - MAIL_EVERY
    )
    wanted = not recent.exists() and SiteMailbox.objects.filter(username=mailbox).exists()
    told = _send_link(request, now) if wanted and request.expires_at > now else 0
    RecoveryRequest.objects.filter(pk=request.pk, state="asked").update(
        state="live" if told else "nothing", with_code=bool(told) and may_have_code(mailbox, now)
    )
    if told:
        write_audit("owner", "recovery_link_sent", mailbox, {"mails": told}, at=now)


def may_have_code(mailbox: str, now: datetime) -> bool:
    """Whether mails for this mailbox may still hold a code: not after CODE_TRIES_A_DAY wrong ones."""
    lately = RecoveryRequest.objects.filter(mailbox=mailbox, with_code=True, asked_at__gt=now - A_DAY)
    return (lately.aggregate(tries=Sum("tries"))["tries"] or 0) < CODE_TRIES_A_DAY


def _send_link(request: RecoveryRequest, now: datetime) -> int:
    counting = contacts.that_count(request.mailbox, now)
    for contact in counting:
        about = f"request {request.pk}"
        letters.enqueue(request.mailbox, "recovery_link", about, contact.address, contact.language, now)
    return len(counting)


def prune(now: datetime) -> None:
    """Forgets requests that nobody can use any more; what was done by them is in the audit trail."""
    RecoveryRequest.objects.filter(asked_at__lt=now - KEPT).delete()


# --- proof


def proved_by_link(token_hash: str, now: datetime) -> RecoveryRequest | None:
    """The request whose link has this hash, while it lives."""
    # A code for the owner's pages and an invitation have rows of the same kind, but open no recovery.
    live = RecoveryRequest.objects.filter(token_hash=token_hash, state="live", expires_at__gt=now)
    return live.filter(origin__in=RECOVERS).first()


def proved_by_code(number: int, now: datetime) -> RecoveryRequest | None:
    """This browser's request, once its code was right, while the proof lives."""
    proved = RecoveryRequest.objects.filter(pk=number, state="proved", expires_at__gt=now)
    return proved.filter(origin__in=RECOVERS).first()


def try_code(number: int, typed: str, now: datetime) -> bool:
    """Whether what was typed is the request's code or one of the mailbox's codes on paper; then the request is proved.

    Each try counts before it is looked at, so parallel guesses cannot slip through. The code of the mail lives as long
    as its link; one on paper opens this browser's request whether a mail went out or not.
    """
    with transaction.atomic(using="default"):
        counted = RecoveryRequest.objects.filter(pk=number, tries__lt=TRIES, expires_at__gt=now).update(
            tries=F("tries") + 1
        )
        request = RecoveryRequest.objects.filter(pk=number).first()
        if not counted or request is None or request.state not in ("asked", "nothing", "live"):
            return False
        proof = _proof_in(request, typed, now)
        if not proof:
            return False
        # What was typed was right: from here the browser that typed it has the time to choose a password.
        done = RecoveryRequest.objects.filter(pk=number, state=request.state).update(
            state="proved", proof=proof, expires_at=now + LIVES
        )
        write_audit("owner", "recovery_code_right", request.mailbox, {"proof": proof}, at=now)
    return done == 1


def _proof_in(request: RecoveryRequest, typed: str, now: datetime) -> str:
    digits = "".join(sign for sign in typed[:64] if sign.isdecimal())
    digits = "".join(str(int(sign)) for sign in digits)
    right = constant_time_compare(digits, code_of(request))
    on_paper = paper.normalised(typed)
    if right and request.with_code and request.state == "live":
        return "code"
    return "paper" if len(on_paper) == paper.LENGTH and paper.take(request.mailbox, typed, now) else ""


# --- the new password


def finish(request: RecoveryRequest, password: str, now: datetime) -> list[Order]:
    """Sets the owner's new password and opens the mailbox if it was shut; the orders that open its doors.

    Raises Spent, flow.PasswordRefused (the request can be used again), flow.RecoveryFailed, decisions.NotAllowed and
    OperationalError; in each case nothing has changed and the proof is not used up.
    """
    proof = request.proof or ("admin" if request.origin == "admin" else "link")
    actor = f"owner ({proof})"

    def use_up() -> None:
        used = RecoveryRequest.objects.filter(pk=request.pk, state__in=("live", "proved"), expires_at__gt=now).update(
            state="used", proof=request.proof or "link"
        )
        if used != 1:
            raise Spent(request.pk)
        others = RecoveryRequest.objects.filter(mailbox=request.mailbox, state__in=("asked", "live", "proved"))
        others.update(state="ended")
        write_audit(actor, "recovered_by_owner", request.mailbox, {"proof": proof, "started_by": request.actor})
        _tell_everybody(request, now)

    if decisions.current_status(request.mailbox).status in ("suspended", "restricted"):
        return flow.reinstate(request.mailbox, password, actor, first=use_up)
    flow.set_password(request.mailbox, password, actor, first=use_up)
    return []


def _tell_everybody(request: RecoveryRequest, now: datetime) -> None:
    """Tells all contacts, also those that do not count yet, and the domain's admins: one of them knows an impostor."""
    domain = request.mailbox.rpartition("@")[2]
    whom = {c.address: c.language for c in Contact.objects.filter(domain=domain)}
    whom |= {c.address: c.language for c in contacts.of_mailbox(request.mailbox)}
    for address, language in whom.items():
        if canonical(address) != request.mailbox:
            letters.enqueue(request.mailbox, "password_made", f"request {request.pk}", address, language, now)
