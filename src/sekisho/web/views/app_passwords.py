"""App passwords of one mailbox: the list, a new one, another one in its place, away with one or all.

A fresh secret is in the answer to the POST that made it and nowhere else: no address, no session, no second look
(answers are never stored, `middleware`). Two kinds of people get here: accounts of the panel, and the owner in the
browser that has just recovered the mailbox (`owner_app_passwords`). Whoever merely has the mailbox's password makes
none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import app_passwords
from sekisho.incidents.app_passwords import AppPasswordRefused
from sekisho.incidents.changes import NotAllowed, current_status
from sekisho.incidents.models import AppPassword
from sekisho.web import words
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in

# What most devices need: read and send.
USUAL_SCOPE = ("imap", "smtp")


@dataclass(frozen=True)
class Desk:
    """Where a mailbox's app passwords are handled, and by whom."""

    mailbox: SiteMailbox
    actor: str
    account: User | None
    template: str
    # Names of the addresses begin with this and take these arguments.
    prefix: str = ""
    arguments: list[str] = field(default_factory=list)
    # The name of the page one goes back to.
    back: str = ""
    # What else the template needs.
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def page(self) -> str:
        return reverse(f"{self.prefix}app_passwords", args=self.arguments)

    def act(self, name: str, *number: int) -> str:
        """The address of an act: renew, revoke, revoke_all."""
        return reverse(f"{self.prefix}app_password_{name}", args=[*self.arguments, *number])


def _panel(request: HttpRequest, address: str) -> Desk:
    mailbox = access.access_mailbox(request.user, address)
    account = signed_in(request)
    return Desk(
        mailbox, account.get_username(), account, "web/app_passwords.html",
        arguments=[mailbox.username], back="mailbox_edit",
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def show(request: HttpRequest, address: str) -> HttpResponse:
    """The list; POST makes a new one and shows it, once."""
    return show_at(request, _panel(request, address))


@require_POST
@needs_confirmation
def renew(request: HttpRequest, address: str, number: int) -> HttpResponse:
    """Another secret for the same device, shown once."""
    return renew_at(request, _panel(request, address), number)


@require_POST
def revoke(request: HttpRequest, address: str, number: int) -> HttpResponse:
    """Away with one."""
    return revoke_at(request, _panel(request, address), number)


@require_POST
def revoke_all(request: HttpRequest, address: str) -> HttpResponse:
    """Away with all."""
    return revoke_all_at(request, _panel(request, address))


@sensitive_variables("secret")
def show_at(request: HttpRequest, desk: Desk) -> HttpResponse:
    """As `show`, for whoever stands at the desk."""
    if request.method != "POST":
        return _page(request, desk)
    # A name is compared as it was typed; what is longer than any name is refused by the rules, not read to its end.
    name = request.POST.get("name", "")[: 2 * app_passwords.LONGEST_NAME]
    scope = request.POST.getlist("scope")[: len(app_passwords.SCOPES) + 1]
    try:
        row, secret = app_passwords.add(desk.mailbox.username, name, scope, desk.actor, account=desk.account)
    except AppPasswordRefused as refusal:
        return _page(request, desk, refusal=refusal, name=name, scope=scope)
    return _page(request, desk, row=row, secret=secret)


@sensitive_variables("secret")
def renew_at(request: HttpRequest, desk: Desk, number: int) -> HttpResponse:
    """As `renew`."""
    former = app_passwords.numbered(desk.mailbox.username, number)
    try:
        row, secret = app_passwords.renew(former, desk.actor, account=desk.account)
    except AppPasswordRefused as refusal:
        return _page(request, desk, refusal=refusal)
    except NotAllowed:
        return _gone(request, desk)
    return _page(request, desk, row=row, secret=secret)


def revoke_at(request: HttpRequest, desk: Desk, number: int) -> HttpResponse:
    """As `revoke`."""
    row = app_passwords.numbered(desk.mailbox.username, number)
    try:
        app_passwords.revoke(row, desk.actor, account=desk.account)
    except NotAllowed:
        return _gone(request, desk)
    messages.success(request, _("The app password of “%(name)s” is deleted.") % {"name": row.name})
    return redirect(desk.page)


def revoke_all_at(request: HttpRequest, desk: Desk) -> HttpResponse:
    """As `revoke_all`."""
    try:
        number = app_passwords.revoke_all(desk.mailbox.username, desk.actor, account=desk.account)
    except NotAllowed:
        return _gone(request, desk)
    text = ngettext("%(n)d app password is deleted.", "%(n)d app passwords are deleted.", number)
    messages.success(request, text % {"n": number})
    return redirect(desk.page)


def _gone(request: HttpRequest, desk: Desk) -> HttpResponse:
    messages.error(request, _("Somebody else has deleted it meanwhile."))
    return redirect(desk.page)


@sensitive_variables("secret")
def _page(
    request: HttpRequest,
    desk: Desk,
    *,
    refusal: AppPasswordRefused | None = None,
    name: str = "",
    scope: Any = USUAL_SCOPE,
    row: AppPassword | None = None,
    secret: str = "",
) -> HttpResponse:
    rows = [
        {
            **app_passwords.facts(held),
            "scope": [words.word(words.SCOPES, service) for service in held.scope.split(",")],
            "renew_url": desk.act("renew", held.pk),
            "revoke_url": desk.act("revoke", held.pk),
        }
        for held in app_passwords.held(desk.mailbox.username)
    ]
    context = {
        "mailbox": desk.mailbox,
        "status": current_status(desk.mailbox.username).status,
        "rows": rows,
        "off": sum(held["state"] == "off" for held in rows),
        "refusal": refusal,
        "name": name,
        "scopes": [(service, words.SCOPES[service], service in scope) for service in app_passwords.SCOPES],
        "made": row,
        "secret": secret,
        "page_url": desk.page,
        "revoke_all_url": desk.act("revoke_all"),
        "back_url": reverse(desk.back, args=desk.arguments),
        **desk.more,
    }
    return render(request, desk.template, context, status=422 if refusal else 200)
