"""Into the owner's pages: the mailbox's password, then a code that its hijacker does not have.

The password is compared here with the site's own hash, as a recovery does, and goes nowhere: no login at Dovecot, so
nothing of this is evidence, and a suspended mailbox answers as any other. Whether an address exists, is suspended or
has another password cannot be told from the answer, nor from its time.
"""

from __future__ import annotations

import logging
import secrets
import time
import unicodedata
from datetime import datetime
from functools import cache

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.config import settings
from sekisho.directory.models import SiteMailbox
from sekisho.directory.names import canonical
from sekisho.directory.passwords import hash_password, verify_password
from sekisho.incidents import sign_ins
from sekisho.incidents.changes import write_audit
from sekisho.recovery import owner_factors, second_factor
from sekisho.recovery.models import OwnerFactor
from sekisho.web import owner_keys, owner_session, throttle
from sekisho.web.forms import LONGEST_PASSWORD
from sekisho.web.owner_session import Owner, for_owner
from sekisho.web.passkeys import passkeys_possible
from sekisho.web.views.recover import LONGEST_ADDRESS, TRIES_PER_ADDRESS

log = logging.getLogger("sekisho.web")

# No answer to a password comes earlier. The usual schemes cost 5 to 90 ms a check (directory.passwords), and a row may
# keep one that the installation's own is not; under this floor they cannot be told apart.
ANSWER_S = 0.4
# Session key: the request that this browser's code belongs to.
CODE = "owner_code"
APP_DIGITS = 6


@login_not_required
@sensitive_post_parameters("password")
@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Address and password; one answer for whatever is wrong."""
    if request.method != "POST":
        return redirect("owner_home") if owner_session.of(request) else render(request, "web/owner/sign_in.html")
    begun, now = time.monotonic(), timezone.now()
    typed = " ".join(request.POST.get("address", "").split())[:LONGEST_ADDRESS]
    address, client = canonical(typed) or typed.lower(), throttle.client_address(request)
    known = client in {throttle.customer_of(ip) for ip in sign_ins.addresses(address)}
    if not throttle.reserve_for_mailbox(address, client, known, now):
        return _wait(request)
    password = request.POST.get("password", "")[:LONGEST_PASSWORD]
    mailbox = _opened_by(address, password)
    time.sleep(max(0.0, begun + ANSWER_S - time.monotonic()))
    if mailbox is None:
        return render(request, "web/owner/sign_in.html", {"typed": typed, "wrong": True}, status=422)
    throttle.give_back_for_mailbox(address, client, known, now)
    owner_session.sign_in(request, mailbox)
    write_audit("owner (password)", "owner_sign_in", mailbox.username, {"address": client}, at=now)
    invited = owner_session.invitation_of(request, mailbox.username) is not None
    return redirect("owner_factors" if invited else "owner_home")


@sensitive_variables("password")
def _opened_by(address: str, password: str) -> SiteMailbox | None:
    mailbox = SiteMailbox.objects.filter(username=address).first()
    right = verify_password(password, mailbox.password if mailbox else _nobodys_hash())
    return mailbox if right else None


@cache
def _nobodys_hash() -> str:
    """What an address without a mailbox is compared with, in the installation's scheme."""
    return hash_password(secrets.token_hex(16), settings().password_scheme)


def _wait(request: HttpRequest) -> HttpResponse:
    log.warning("owner's sign-in throttled for %s", throttle.client_address(request) or "an unknown address")
    wait = throttle.seconds_left(timezone.now())
    response = render(request, "web/recover_wait.html", {"minutes": -(-wait // 60)}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the owner's session."""
    owner_session.sign_out(request)
    return redirect("owner_sign_in")


@for_owner
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def proof(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The second factor: passkey, or code of the app, paper, or the contact's mail. `next` is where it leads."""
    after, now = _next(request), timezone.now()
    if owner.proved:
        return redirect(after)
    if request.method != "POST":
        return _proof_page(request, owner, after)
    if not throttle.reserve_for("owner proof", throttle.client_address(request), TRIES_PER_ADDRESS, now):
        return _wait(request)
    shown, factor = _shown(request, owner, now)
    if not shown:
        return _proof_page(request, owner, after, wrong=True)
    request.session.pop(CODE, None)
    owner_session.prove(request, shown, factor)
    return redirect(after)


def _shown(request: HttpRequest, owner: Owner, now: datetime) -> tuple[str, int]:
    """What was shown ("" for nothing that is right), and the app or passkey it was."""
    typed = request.POST.get("code", "")
    if "credential" in request.POST:
        key = owner_keys.shown_by_passkey(request, owner.address, request.POST["credential"])
        return _kept(request, owner, OwnerFactor.PASSKEY, key, now)
    # Six digits are an app's; eight a mail's, twelve signs paper's.
    digits = unicodedata.normalize("NFKC", "".join(typed[:64].split()))
    if len(digits) == APP_DIGITS and digits.isdecimal():
        return _kept(request, owner, OwnerFactor.APP, owner_keys.shown_by_app(owner.address, digits), now)
    number = request.session.get(CODE)
    if not isinstance(number, int) or not second_factor.is_open(number, owner.address, now):
        number = second_factor.begin(owner.address, now).pk
        request.session[CODE] = number
    return second_factor.prove(number, owner.address, typed, now), 0


def _kept(request: HttpRequest, owner: Owner, kind: str, factor: OwnerFactor | None, now: datetime) -> tuple[str, int]:
    """The answer about an app or a passkey, and its line in the audit trail."""
    client = throttle.client_address(request)
    owner_factors.write_shown(owner.address, kind, factor is not None, client, now)
    return (kind, factor.pk) if factor else ("", 0)


@for_owner
@require_POST
def send_code(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Sends a code to the contact; the page says the same whether there is one."""
    after, now = _next(request), timezone.now()
    if not throttle.reserve_for("owner code", throttle.client_address(request), TRIES_PER_ADDRESS, now):
        return _wait(request)
    sent = second_factor.send_code(owner.address, now)
    if sent is None:
        return _proof_page(request, owner, after, too_soon=True)
    request.session[CODE] = sent.pk
    return _proof_page(request, owner, after, sent=True)


def _next(request: HttpRequest) -> str:
    """Where a proof leads: one of the owner's own pages."""
    after = request.POST.get("next") or request.GET.get("next") or ""
    home = reverse("owner_home")
    safe = url_has_allowed_host_and_scheme(after, allowed_hosts=None, require_https=request.is_secure())
    return after if safe and after.startswith(home) else home


def _proof_page(request: HttpRequest, owner: Owner, after: str, **more: bool) -> HttpResponse:
    """The page is the same for every mailbox, whatever is enrolled for it."""
    code = 422 if more.get("wrong") or more.get("too_soon") else 200
    options = {"request_options": owner_keys.ask_for_passkey(request)} if passkeys_possible(request) else None
    return owner_session.page(
        request, owner, "web/owner/proof.html", code, next=after, passkey=bool(options), js_data=options, **more
    )
