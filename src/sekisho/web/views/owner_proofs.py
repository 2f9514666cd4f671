"""メール管理 › 編集 › 本人確認: the contacts and paper codes of one mailbox's owner, and a recovery page for him now.

For the domain's admin and the operator. A sheet of codes and a link are in one answer to one POST and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import segno
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.recovery import contacts, owner_factors, paper, requests
from sekisho.recovery.models import OwnerContact
from sekisho.recovery.texts import invitation_to, link_to
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in
from sekisho.web.owner_lines import factor_line


@dataclass(frozen=True)
class Proof:
    """A contact (or a sheet of codes) and whether it counts now."""

    contact: OwnerContact | None
    counts: bool
    # When it will, where only time is missing; None: it does, or not during this incident.
    counts_from: datetime | None


def proof_of(contact: OwnerContact | None, enrolled_at: datetime, first: datetime | None, now: datetime) -> Proof:
    """A contact, or with None a sheet, that was enrolled then; `first` as in contacts.first_sign."""
    counts = contacts.is_proof(enrolled_at, first, now)
    since_the_incident = first is not None and enrolled_at >= first
    return Proof(contact, counts, None if counts or since_the_incident else contacts.counts_from(enrolled_at))


def sheet_of(mailbox: str) -> dict[str, Any]:
    """The mailbox's sheet of codes for a page: `codes_left`, `printed_at`, and `sheet`, whether it counts."""
    left, printed_at = paper.unused(mailbox)
    first = contacts.first_sign(mailbox)
    sheet = proof_of(None, printed_at, first, timezone.now()) if printed_at else None
    return {"codes_left": left, "printed_at": printed_at, "sheet": sheet}


def _page(request: HttpRequest, mailbox: SiteMailbox, code: int = 200, **more: Any) -> HttpResponse:
    now, first = timezone.now(), contacts.first_sign(mailbox.username)
    context = {
        "mailbox": mailbox,
        "proofs": [proof_of(one, one.enrolled_at, first, now) for one in contacts.of_mailbox(mailbox.username)],
        "most": contacts.MOST,
        "factors": [factor_line(one, first, now) for one in owner_factors.of_mailbox(mailbox.username)],
        **sheet_of(mailbox.username),
        **more,
    }
    return render(request, "web/owner_proofs.html", context, status=code)


@require_safe
@needs_confirmation
def show(request: HttpRequest, address: str) -> HttpResponse:
    """What proves this mailbox's owner, and from when."""
    return _page(request, access.access_mailbox(request.user, address))


@require_POST
@needs_confirmation
def add_contact(request: HttpRequest, address: str) -> HttpResponse:
    """Enrols a contact; 422 with the reason when it may not be one."""
    mailbox = access.access_mailbox(request.user, address)
    typed = request.POST.get("contact", "").strip()[:254]
    language = "en" if request.POST.get("language") == "en" else "ja"
    account = signed_in(request)
    try:
        contacts.add(mailbox.username, typed, language, account.get_username(), timezone.now(), account=account)
    except contacts.ContactRefused as refusal:
        return _page(request, mailbox, 422, problem=refusal.problem, typed=typed)
    messages.success(request, _("The contact is enrolled. A mail tells it, and it counts in two weeks."))
    return redirect("owner_proofs", address=mailbox.username)


@require_POST
@needs_confirmation
def remove_contact(request: HttpRequest, address: str, number: int) -> HttpResponse:
    """Removes a contact of this mailbox; it is told."""
    mailbox = access.access_mailbox(request.user, address)
    contact = contacts.of_mailbox(mailbox.username).filter(pk=number).first()
    if contact is None:
        raise access.NotFound(number)
    account = signed_in(request)
    try:
        contacts.remove(contact, account.get_username(), timezone.now(), account=account)
    except contacts.ContactRefused as refusal:
        return _page(request, mailbox, 422, problem=refusal.problem)
    messages.success(request, _("The contact is removed. A mail tells it and the others."))
    return redirect("owner_proofs", address=mailbox.username)


@require_POST
@needs_confirmation
@sensitive_variables("codes")
def print_codes(request: HttpRequest, address: str) -> HttpResponse:
    """A new sheet of codes, in this answer only."""
    mailbox = access.access_mailbox(request.user, address).username
    account = signed_in(request)
    codes = paper.print_sheet(mailbox, account.get_username(), timezone.now(), account=account)
    context = {
        "mailbox": mailbox,
        "codes": codes,
        "counts_from": contacts.counts_from(timezone.now()),
        "recover_url": link_to("").removesuffix("link/"),
    }
    return render(request, "web/owner_codes.html", context)


@require_POST
@needs_confirmation
@sensitive_variables("link", "token")
def recovery_page(request: HttpRequest, address: str) -> HttpResponse:
    """A one-time page for the owner, as a link and a QR code, in this answer only; contacts get it by mail."""
    mailbox = access.access_mailbox(request.user, address).username
    account, now = signed_in(request), timezone.now()
    token = requests.start_by_admin(mailbox, account.get_username(), now, account=account)
    link = link_to(token)
    context = {
        "mailbox": mailbox,
        "link": link,
        # Level M repairs a folded or stained print; 4 pixels a module can be read from a screen at arm's length.
        "qr": segno.make(link, error="m").svg_data_uri(scale=4, dark="#000", light="#fff"),
        "expires_at": now + requests.LIVES,
        "mails": len(contacts.that_count(mailbox, now)),
    }
    return render(request, "web/owner_link.html", context)


@require_POST
@needs_confirmation
@sensitive_variables("link", "token")
def invite(request: HttpRequest, address: str) -> HttpResponse:
    """An invitation to set up an app or a passkey, as a link and a QR code, in this answer only."""
    mailbox = access.access_mailbox(request.user, address).username
    account, now = signed_in(request), timezone.now()
    token, mails = owner_factors.invite(mailbox, account.get_username(), now, account=account)
    link = invitation_to(token)
    context = {
        "mailbox": mailbox,
        "link": link,
        # Level M and 4 pixels: as on the recovery page.
        "qr": segno.make(link, error="m").svg_data_uri(scale=4, dark="#000", light="#fff"),
        "expires_at": now + requests.LIVES,
        "mails": mails,
    }
    return render(request, "web/owner_invitation.html", context)


@require_POST
@needs_confirmation
def reset_factors(request: HttpRequest, address: str) -> HttpResponse:
    """Removes the owner's app and passkeys: the device is lost. The contacts are told."""
    mailbox = access.access_mailbox(request.user, address).username
    account = signed_in(request)
    owner_factors.reset(mailbox, account.get_username(), timezone.now(), account=account)
    messages.success(request, _("The owner's app and passkeys are removed. They open nothing any more."))
    return redirect("owner_proofs", address=mailbox)
