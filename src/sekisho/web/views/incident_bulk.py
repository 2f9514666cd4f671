"""Closing several incidents at once, on a page that names them.

Only closing: "it was the owner" makes sources familiar and needs a look at each of them, "it was
somebody else" suspends.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from sekisho.incidents import decisions
from sekisho.incidents.access import accessible_incidents
from sekisho.incidents.models import Incident, MailboxStatus
from sekisho.web.context import signed_in

# One page of the list.
MOST_AT_ONCE = 50


def _chosen(request: HttpRequest, numbers: list[str]) -> list[Incident]:
    """The incidents meant, in the list's order; what the account may not see is not among them."""
    wanted = [int(number) for number in numbers[:MOST_AT_ONCE] if number.isdecimal() and len(number) < 19]
    return list(accessible_incidents(request.user).filter(pk__in=wanted))


def _closable(incidents: list[Incident]) -> list[tuple[Incident, bool]]:
    """Each with whether it may be closed now: not over yet, and not holding its mailbox."""
    mailboxes = [incident.mailbox for incident in incidents]
    holding = set(
        MailboxStatus.objects.filter(mailbox__in=mailboxes, status__in=("suspended", "restricted")).values_list(
            "mailbox", "generation"
        )
    )
    return [
        (one, one.phase not in ("closed", "dismissed") and (one.mailbox, one.generation) not in holding)
        for one in incidents
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest) -> HttpResponse:
    """GET names what would be closed and what cannot be; POST closes exactly the ones that were named."""
    data = request.POST if request.method == "POST" else request.GET
    # One field for all: a form of the panel may have fifty.
    rows = _closable(_chosen(request, [*data.getlist("incident"), *data.get("chosen", "").split()]))
    ready = [incident for incident, may_close in rows if may_close]
    if request.method != "POST":
        refused = [incident for incident, may_close in rows if not may_close]
        return render(request, "web/incidents_close.html", {"ready": ready, "refused": refused})
    closed = 0
    for incident in ready:
        try:
            decisions.close(incident, request.user.get_username(), account=signed_in(request))
            closed += 1
        except (decisions.NotAllowed, decisions.Overtaken):
            continue
    if closed < len(rows):
        left = len(rows) - closed
        messages.error(
            request,
            ngettext(
                "%(n)s incident has moved on meanwhile and was left as it is.",
                "%(n)s incidents have moved on meanwhile and were left as they are.",
                left,
            )
            % {"n": left},
        )
    if closed:
        done = ngettext("%(n)s incident is closed.", "%(n)s incidents are closed.", closed)
        messages.success(request, done % {"n": closed})
    elif not rows:
        messages.error(request, _("Nothing was chosen, and nothing was changed."))
    return redirect("incidents")
