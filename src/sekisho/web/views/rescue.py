"""Accept and keep the mail of a suspended mailbox, by hand or by a domain's rule. Operators only (DESIGN §3)."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from sekisho.directory import access
from sekisho.directory.names import alias_domains
from sekisho.incidents import rescue
from sekisho.incidents.access import access_incident
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.web.context import signed_in


@require_POST
def switch(request: HttpRequest, number: int) -> HttpResponse:
    """`state`: on or off. Whoever presses a button that is out of date changes nothing."""
    incident = access_incident(request.user, number)
    state = request.POST.get("state", "")
    if not access.is_operator(request.user) or state not in ("on", "off"):
        raise access.NotFound(str(number))
    try:
        rescue.switch(incident.mailbox, state == "on", request.user.get_username(), account=signed_in(request))
    except (NotAllowed, Overtaken):
        messages.error(request, _("The incident has moved on meanwhile. Nothing was done; please look again."))
    else:
        kept = _("The mailbox stays suspended. Its mail is now accepted and kept for its owner.")
        waits = _("Mail to this mailbox waits at the senders' servers again.")
        messages.success(request, kept if state == "on" else waits)
    return redirect("incident", number=incident.pk)


@require_POST
def set_rule(request: HttpRequest, domain: str) -> HttpResponse:
    """`hours`: so many before the first sender may give up; empty: never by itself."""
    name = access.access_domain(request.user, domain).domain
    hours = request.POST.get("hours", "").strip()
    known = access.is_operator(request.user) and name not in alias_domains()
    if not known or (hours and not (hours.isascii() and hours.isdecimal() and len(hours) < 4)):
        raise access.NotFound(name)
    try:
        rescue.set_rule(name, int(hours) if hours else None, request.user.get_username(), account=signed_in(request))
    except NotAllowed:
        most = {"n": rescue.MOST_HOURS}
        messages.error(request, _("Not saved: 1 to %(n)s hours are possible.") % most)
    else:
        messages.success(request, _("The rule of %(domain)s is saved.") % {"domain": name})
    return redirect("enforcement_preview", domain=name)
