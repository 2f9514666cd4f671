"""The question whose a password is that came into the site's tables during a suspension (recovery.site_edits).

Asked where PostfixAdmin's log shows no administrator's edit. A yes opens the mailbox with a password that nobody here
has seen, so the person shows once more who it is.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sekisho.incidents import decisions
from sekisho.incidents.access import access_incident
from sekisho.recovery import site_edits
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """GET says what a yes does. POST: `answer` is yes or no, `mark` the password the person was asked about."""
    incident = access_incident(request.user, number)
    if request.method == "POST":
        said = request.POST.get("answer")
        if said not in ("yes", "no"):
            messages.error(request, _("Nothing was chosen, and nothing was changed."))
            return redirect("incident", number=incident.pk)
        mark, actor = request.POST.get("mark", ""), request.user.get_username()
        try:
            site_edits.answer(incident, mark, said == "yes", actor, account=signed_in(request))
        except (decisions.NotAllowed, decisions.Overtaken):
            text = _("Another password stands there now, or the old one again. Nothing was opened; please look again.")
            messages.error(request, text)
        else:
            opened = _("Noted: the password was set by you. The mailbox is being opened with it.")
            shut = _("Noted: it was not you. The mailbox stays suspended; set a new password here to open it.")
            messages.success(request, opened if said == "yes" else shut)
        return redirect("incident", number=incident.pk)
    asked = site_edits.open_question(incident)
    if asked is None:
        messages.error(request, _("The incident has moved on meanwhile. Nothing was done; please look again."))
        return redirect("incident", number=incident.pk)
    return render(request, "web/incident_site_password.html", {"incident": incident, "asked": asked})
