"""The owner's login history, and the two answers: this was me, this was not me. Behind the second factor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from sekisho.incidents import alert_sources, decisions, sign_ins
from sekisho.incidents.models import Incident
from sekisho.incidents.usual import usual_words
from sekisho.web import owner_session, story
from sekisho.web.owner_session import Owner, for_proved_owner
from sekisho.web.sign_in_lines import named_lines
from sekisho.web.views.answers import named
from sekisho.web.views.owner import moved_on

PAGE = 30
# The longest lifetime of a queue in the field is five days: what was sent earlier is in no queue any more.
HELD_AT_MOST = timedelta(days=5)


def _asking(owner: Owner) -> Incident | None:
    """The open alert or restriction of the mailbox, if there is one to answer."""
    incident = decisions.open_incident(owner.address)
    suspended = decisions.current_status(owner.address).status == "suspended"
    return None if suspended else incident


@for_proved_owner
@require_safe
def show(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The logins of 90 days, each with "this was not me"."""
    tries, sources = sign_ins.failed(owner.address)
    return owner_session.page(
        request,
        owner,
        "web/owner/sign_ins.html",
        page=Paginator(named_lines(owner.address), PAGE).get_page(request.GET.get("page")),
        usual=usual_words(owner.address, (get_language() or "ja")[:2]),
        asking=_asking(owner),
        suspended=decisions.current_status(owner.address).status == "suspended",
        failed_tries=tries,
        failed_sources=sources,
    )


@for_proved_owner
@require_http_methods(["GET", "HEAD", "POST"])
def this_was_me(request: HttpRequest, owner: Owner) -> HttpResponse:
    """What was noticed, and its sources; POST makes exactly those familiar, or ends the restriction."""
    incident = _asking(owner)
    if incident is None:
        return moved_on(request)
    if request.method == "POST":
        try:
            _recognise(request, owner, incident)
        except (decisions.NotAllowed, decisions.Overtaken):
            return moved_on(request)
        messages.success(request, _("Thank you. We have noted that it was you."))
        return redirect("owner_home")
    return owner_session.page(
        request,
        owner,
        "web/owner/this_was_me.html",
        incident=incident,
        sources=named(alert_sources.of(incident)),
        indicators=story.strongest(incident),
        restricted=decisions.current_status(owner.address).status == "restricted",
    )


def _recognise(request: HttpRequest, owner: Owner, incident: Incident) -> None:
    if decisions.current_status(owner.address).status == "restricted":
        decisions.answer(incident, owner.actor)
    else:
        decisions.recognise(incident, owner.actor, request.POST.get("sources", "").split())


@for_proved_owner
@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Says what a suspension does; POST suspends the mailbox by the owner's word. `since`: the login it is about."""
    if decisions.current_status(owner.address).status == "suspended":
        return redirect("owner_recovery")
    since = _since(request)
    if request.method != "POST":
        return owner_session.page(request, owner, "web/owner/not_me.html", since=since, asking=_asking(owner))
    reason, incident = _("The owner did not do this."), _asking(owner)
    try:
        if incident is not None:
            decisions.disown(incident, owner.actor, reason)
        else:
            decisions.suspend(owner.address, reason, owner.actor, since)
    except (decisions.NotAllowed, decisions.Overtaken):
        return moved_on(request)
    return redirect("owner_recovery")


def _since(request: HttpRequest) -> datetime | None:
    """When the login began that was not the owner's: what was sent since then is held. None: not about one login."""
    typed = request.POST.get("since") or request.GET.get("since") or ""
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 12):
        return None
    now = timezone.now()
    return min(max(datetime.fromtimestamp(int(typed), UTC), now - HELD_AT_MOST), now)
