"""メール管理 › one mailbox: everything about it on one page, with the ways to what can be done."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.incidents.models import MailboxStatus
from sekisho.web import mailbox_page


@require_safe
def show(request: HttpRequest, address: str) -> HttpResponse:
    """State in plain words, what is usual, latest logins, app passwords, incidents, who waits, settings."""
    mailbox = access.access_mailbox(request.user, address)
    status = MailboxStatus.objects.filter(mailbox=mailbox.username).first()
    masked = access.is_read_only(request.user)
    context = {
        "mailbox": mailbox,
        **mailbox_page.state_of(status, mailbox.active),
        **mailbox_page.facts(mailbox, timezone.now(), masked=masked),
    }
    return render(request, "web/mailbox.html", context)
