"""App passwords of one mailbox: the list, a new one, another one in its place, away with one or all.

A fresh secret is in the answer to the POST that made it and nowhere else: no address, no session, no second look
(answers to signed-in people are never stored, `middleware`). Only accounts of the panel reach this; whoever merely has
the mailbox's password makes none.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
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
from sekisho.web.context import signed_in

# What most devices need: read and send.
USUAL_SCOPE = ("imap", "smtp")


@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, address: str) -> HttpResponse:
    """The list; POST makes a new one and shows it, once."""
    mailbox = access.access_mailbox(request.user, address)
    if request.method != "POST":
        return _page(request, mailbox)
    # A name is compared as it was typed; what is longer than any name is refused by the rules, not read to its end.
    name = request.POST.get("name", "")[: 2 * app_passwords.LONGEST_NAME]
    scope = request.POST.getlist("scope")[: len(app_passwords.SCOPES) + 1]
    try:
        row, secret = app_passwords.add(
            mailbox.username, name, scope, request.user.get_username(), account=signed_in(request)
        )
    except AppPasswordRefused as refusal:
        return _page(request, mailbox, refusal=refusal, name=name, scope=scope)
    return _page(request, mailbox, row=row, secret=secret)


@require_POST
@sensitive_variables("secret")
def renew(request: HttpRequest, address: str, number: int) -> HttpResponse:
    """Another secret for the same device, shown once."""
    mailbox = access.access_mailbox(request.user, address)
    former = app_passwords.numbered(mailbox.username, number)
    try:
        row, secret = app_passwords.renew(former, request.user.get_username(), account=signed_in(request))
    except AppPasswordRefused as refusal:
        return _page(request, mailbox, refusal=refusal)
    except NotAllowed:
        return _gone(request, mailbox)
    return _page(request, mailbox, row=row, secret=secret)


@require_POST
def revoke(request: HttpRequest, address: str, number: int) -> HttpResponse:
    """Away with one."""
    mailbox = access.access_mailbox(request.user, address)
    row = app_passwords.numbered(mailbox.username, number)
    try:
        app_passwords.revoke(row, request.user.get_username(), account=signed_in(request))
    except NotAllowed:
        return _gone(request, mailbox)
    messages.success(request, _("The app password of “%(name)s” is deleted.") % {"name": row.name})
    return redirect("app_passwords", address=mailbox.username)


@require_POST
def revoke_all(request: HttpRequest, address: str) -> HttpResponse:
    """Away with all."""
    mailbox = access.access_mailbox(request.user, address)
    try:
        number = app_passwords.revoke_all(mailbox.username, request.user.get_username(), account=signed_in(request))
    except NotAllowed:
        return _gone(request, mailbox)
    text = ngettext("%(n)d app password is deleted.", "%(n)d app passwords are deleted.", number)
    messages.success(request, text % {"n": number})
    return redirect("app_passwords", address=mailbox.username)


def _gone(request: HttpRequest, mailbox: SiteMailbox) -> HttpResponse:
    messages.error(request, _("Somebody else has deleted it meanwhile."))
    return redirect("app_passwords", address=mailbox.username)


@sensitive_variables("secret")
def _page(
    request: HttpRequest,
    mailbox: SiteMailbox,
    *,
    refusal: AppPasswordRefused | None = None,
    name: str = "",
    scope: Any = USUAL_SCOPE,
    row: AppPassword | None = None,
    secret: str = "",
) -> HttpResponse:
    rows = [
        {**app_passwords.facts(held), "scope": scope_words(held.scope.split(","))}
        for held in app_passwords.held(mailbox.username)
    ]
    context = {
        "mailbox": mailbox,
        "status": current_status(mailbox.username).status,
        "rows": rows,
        "off": sum(held["state"] == "off" for held in rows),
        "refusal": refusal,
        "name": name,
        "scopes": [(service, words.SCOPES[service], service in scope) for service in app_passwords.SCOPES],
        "made": row,
        "secret": secret,
    }
    return render(request, "web/app_passwords.html", context, status=422 if refusal else 200)


def scope_words(services: list[str]) -> list[Any]:
    """The doors in words."""
    return [words.word(words.SCOPES, service) for service in services]
