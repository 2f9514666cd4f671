"""The settings test while a mail program is tried: the next logins of a mailbox and what is wrong with each.

Asked every two seconds by htmx, which gets 204 while nothing has changed; without JavaScript by reloading the page.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.recovery import mail_settings
from sekisho.web import settings_test
from sekisho.web.recovered import DONE, is_open


@require_http_methods(["GET", "HEAD", "POST"])
def of_mailbox(request: HttpRequest, address: str) -> HttpResponse:
    """For whoever may see the mailbox; POST watches for (another) half hour."""
    mailbox = access.access_mailbox(request.user, address)
    here = reverse("settings_test", args=[mailbox.username])
    return _answer(request, mailbox, here, "web/settings_test.html")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def of_owner(request: HttpRequest) -> HttpResponse:
    """For the browser that has just recovered the mailbox; anybody else is sent to the start of the recovery."""
    mailbox = None
    if is_open(request):
        mailbox = SiteMailbox.objects.filter(username=request.session[DONE]["mailbox"]).first()
    if mailbox is None:
        return HttpResponse(status=204) if getattr(request, "htmx", False) else redirect("recover")
    return _answer(request, mailbox, reverse("recover_settings_test"), "web/recover_settings_test.html")


def _answer(request: HttpRequest, mailbox: SiteMailbox, here: str, page: str) -> HttpResponse:
    if request.method == "POST":
        settings_test.go_on(request, mailbox.username)
        return redirect(here)
    test = settings_test.of_mailbox(request, mailbox.username)
    partial = getattr(request, "htmx", False)
    if partial and test is not None and request.GET.get("seen") == test.version:
        return HttpResponse(status=204)
    context = {
        "mailbox": mailbox,
        "live_test": test,
        "test_url": here,
        "settings": mail_settings.for_domain(mailbox.domain),
    }
    return render(request, "web/parts/settings_test_live.html" if partial else page, context)
