"""A test mail to the mailbox itself, and whether it has arrived; asked again by htmx until then."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from sekisho.directory import access
from sekisho.incidents.changes import current_status
from sekisho.recovery import test_mail
from sekisho.web import owner_session
from sekisho.web.context import signed_in
from sekisho.web.owner_session import Owner, for_owner


def _language() -> str:
    return (get_language() or "ja")[:2]


def _try(mailbox: str, actor: str, **options: Any) -> str:
    """Sends one; why not, "" when it is on its way."""
    try:
        test_mail.send(mailbox, _language(), actor, timezone.now(), **options)
    except test_mail.NotNow as refusal:
        return refusal.why
    return ""


def _context(mailbox: str, here: str, refused: str = "") -> dict[str, Any]:
    # Said before the button is pressed: a stopped mailbox takes no mail.
    shut = "shut" if current_status(mailbox).status == "suspended" else ""
    return {"test_mail": test_mail.latest(mailbox, timezone.now()), "test_mail_url": here, "refused": shut or refused}


@for_owner
@require_http_methods(["GET", "HEAD", "POST"])
def of_owner(request: HttpRequest, owner: Owner) -> HttpResponse:
    """For the owner; the password is enough, since whoever has it reads the mail anyway."""
    here = reverse("owner_test_mail")
    if request.method == "POST":
        refused = _try(owner.address, owner.actor)
        if not refused:
            return redirect(here)
        return owner_session.page(
            request, owner, "web/owner/test_mail.html", 422, **_context(owner.address, here, refused)
        )
    context = _context(owner.address, here)
    if getattr(request, "htmx", False):
        return render(request, "web/parts/test_mail_live.html", context)
    return owner_session.page(request, owner, "web/owner/test_mail.html", **context)


@require_http_methods(["GET", "HEAD", "POST"])
def of_mailbox(request: HttpRequest, address: str) -> HttpResponse:
    """For whoever may see the mailbox; a login that only looks sends none (web.middleware)."""
    mailbox, code, refused = access.access_mailbox(request.user, address), 200, ""
    here = reverse("mailbox_test_mail", args=[mailbox.username])
    if request.method == "POST":
        account = signed_in(request)
        refused = _try(mailbox.username, account.get_username(), account=account)
        if not refused:
            return redirect(here)
        code = 422
    context = {"mailbox": mailbox, **_context(mailbox.username, here, refused)}
    template = "web/parts/test_mail_live.html" if getattr(request, "htmx", False) else "web/test_mail.html"
    return render(request, template, context, status=code)
