"""A note on an incident, for the operator and the domain's admins."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from sekisho.incidents.access import access_incident
from sekisho.incidents.notes import LONGEST_NOTE, NoteRefused, add_note
from sekisho.web.context import signed_in


@require_POST
def add(request: HttpRequest, number: int) -> HttpResponse:
    """Adds the note and goes back to the incident."""
    incident = access_incident(request.user, number)
    text = request.POST.get("text", "")
    try:
        add_note(incident, text, request.user.get_username(), timezone.now(), account=signed_in(request))
    except NoteRefused:
        messages.error(
            request,
            _("The note is empty or longer than %(most)s characters. It was not kept.") % {"most": LONGEST_NOTE},
        )
    else:
        messages.success(request, _("The note is kept."))
    return redirect("incident", number=incident.pk)
