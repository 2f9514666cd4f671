"""管理 › システム › お知らせの送り先: the ways notices go, and a test of each. Operators only; no address is shown."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.config import configuration_name, settings
from sekisho.directory import access
from sekisho.directory.models import Contact
from sekisho.incidents import channel_tests, notices
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in


def _operator_only(request: HttpRequest) -> None:
    if not access.is_operator(request.user):
        raise access.NotFound("channels")


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every channel with its latest test; asked again by htmx while a test is under way."""
    _operator_only(request)
    rows = channel_tests.facts(settings(), timezone.now())
    context = {
        "rows": rows,
        "under_way": any(row["under_way"] for row in rows),
        "file": configuration_name(),
        "contacts": Contact.objects.filter(domain=notices.OPERATOR).count(),
    }
    partial = getattr(request, "htmx", False)
    return render(request, "web/parts/channels.html" if partial else "web/channels.html", context)


@require_POST
@needs_confirmation
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Asks the worker to send a test through this channel; the page shows what comes of it."""
    _operator_only(request)
    try:
        channel_tests.ask(name, request.user.get_username(), account=signed_in(request))
    except NotAllowed:
        raise access.NotFound(name) from None
    except Overtaken:
        messages.error(request, _("A test of this channel is under way already."))
    return redirect("channels")
