"""The answer to an alert: "this was me", or "it was not". Given by the domain's admin or an operator, never by whoever
sits in the mailbox: his place must not become familiar by his own word."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sekisho.incidents import alert_sources, decisions
from sekisho.incidents.access import access_incident
from sekisho.incidents.models import Incident
from sekisho.incidents.usual import country_names, owner_names
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def this_was_me(request: HttpRequest, number: int) -> HttpResponse:
    """Lists the sources the alert is about; POST makes exactly those familiar and dismisses the alert."""
    incident = access_incident(request.user, number)
    if request.method == "POST":
        seen = request.POST.get("sources", "").split()
        try:
            decisions.recognise(incident, request.user.get_username(), seen, account=signed_in(request))
        except (decisions.NotAllowed, decisions.Overtaken):
            return _moved_on(request, incident)
        messages.success(request, _("Noted: it was the owner. These sources are familiar from now on."))
        return redirect("incident", number=incident.pk)
    return _page(request, incident, "web/incident_this_was_me.html")


@require_http_methods(["GET", "HEAD", "POST"])
def not_me(request: HttpRequest, number: int) -> HttpResponse:
    """Says what a suspension does; POST suspends the mailbox by the signed-in person's word."""
    incident = access_incident(request.user, number)
    if request.method == "POST":
        reason = _("The owner did not do this.")
        try:
            decisions.disown(incident, request.user.get_username(), reason, account=signed_in(request))
        except (decisions.NotAllowed, decisions.Overtaken):
            return _moved_on(request, incident)
        messages.success(request, _("%(mailbox)s is being suspended.") % {"mailbox": incident.mailbox})
        return redirect("incident", number=incident.pk)
    return _page(request, incident, "web/incident_not_me.html")


def _moved_on(request: HttpRequest, incident: Incident) -> HttpResponse:
    messages.error(request, _("The incident has moved on meanwhile. Nothing was done; please look again."))
    return redirect("incident", number=incident.pk)


def _page(request: HttpRequest, incident: Incident, template: str) -> HttpResponse:
    """The page that asks once more; an incident that is over has nothing to ask."""
    status = decisions.current_status(incident.mailbox).status
    if incident.phase not in decisions.OPEN_PHASES or status == "suspended":
        return _moved_on(request, incident)
    return render(request, template, {"incident": incident, "sources": named(alert_sources.of(incident))})


def named(sources: list[alert_sources.AlertSource]) -> list[dict[str, Any]]:
    """Sources with the names of their countries and networks' owners in the viewer's language."""
    countries = country_names((get_language() or "ja")[:2])
    owners = owner_names(source.asn for source in sources)
    return [
        {
            **source._asdict(),
            "country": countries.get(source.country, source.country),
            "owner": owners.get(source.asn) or (f"AS{source.asn}" if source.asn else ""),
            "protocols": ", ".join(name.upper() for name in source.protocols),
        }
        for source in sources
    ]
