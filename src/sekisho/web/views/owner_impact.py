"""The owner's page 「何が起きたのか」: in plain words, what to do now, the apology, all figures and their evidence.

Behind the second factor: a hijacker has the password, too, and must not learn here what is known of him.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.impact import apologies, disclosures, tables
from sekisho.impact.todo import todos
from sekisho.incidents.changes import current_status
from sekisho.incidents.models import Incident
from sekisho.web import impact_reading, owner_session, papers
from sekisho.web.impact_context import context_of
from sekisho.web.owner_session import Owner, for_proved_owner
from sekisho.web.views.impact import csv_response, evidence_response, package_response, pdf_or_page

# Below the 50 fields that a form may have (web.settings), with the others it needs.
PAGE = 40
_ORDER = {"partner": 0, "own": 1, "stranger": 2}


@for_proved_owner
@require_safe
def show(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """What happened and what to do now; `?format=pdf`, `?format=csv`: all figures to keep."""
    incident = impact_reading.latest(owner.address)
    if incident is None:
        return owner_session.page(request, owner, "web/owner/what_happened.html")
    reading = impact_reading.for_owner(incident, timezone.now())
    wanted = request.GET.get("format")
    if wanted == "csv":
        return csv_response(tables.report_lines(reading.report), f"sekisho-impact-{incident.pk}")
    if wanted == "pdf":
        paper = context_of(reading, "")
        return pdf_or_page(
            request, "web/impact_paper.html", paper, f"sekisho-impact-{incident.pk}", "owner_what_happened"
        )
    context = context_of(reading, reverse("owner_what_happened") + "evidence/")
    return owner_session.page(
        request,
        owner,
        "web/owner/what_happened.html",
        todos=todos(reading.report),
        suspended=current_status(owner.address).status == "suspended",
        has_pdf=papers.is_there(),
        **context,
    )


@for_proved_owner
@require_safe
def evidence(request: HttpRequest, owner: Owner, figure: str) -> HttpResponseBase:
    """The rows behind a figure of the owner's own mailbox."""
    incident = impact_reading.latest(owner.address)
    if incident is None:
        return redirect("owner_what_happened")
    reading = impact_reading.for_owner(incident, timezone.now())
    return evidence_response(request, reading, figure, "web/owner/evidence.html", owner=owner, mailbox=owner.mailbox)


@for_proved_owner
@require_http_methods(["GET", "HEAD", "POST"])
def apology(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Who really got it, the text, and whom to send it to; POST writes it to the chosen ones."""
    incident = impact_reading.latest(owner.address)
    if incident is None:
        return redirect("owner_what_happened")
    now = timezone.now()
    reading = impact_reading.for_owner(incident, now)
    if request.method == "POST":
        _send(request, owner, incident, reading)
        return redirect(f"{reverse('owner_apology')}?page={quote(request.POST.get('page', '1')[:6], safe='')}")
    found = sorted(
        apologies.recipients(incident, reading.delivered()), key=lambda one: (_ORDER.get(one.relation, 3), one.address)
    )
    context: dict[str, Any] = {
        "incident": incident,
        "why_not": apologies.why_not(incident, now),
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "counts": _counts(found),
        "an_hour": apologies.AN_HOUR,
        "most": apologies.MOST,
        "letters": [_letter(incident, language) for language in ("ja", "en")],
        "language": (get_language() or "ja")[:2],
    }
    return owner_session.page(request, owner, "web/owner/apology.html", **context)


def _counts(found: list[apologies.Recipient]) -> dict[str, int]:
    states = [one.letter.state for one in found if one.letter is not None]
    return {
        "all": len(found),
        "waiting": sum(state in ("open", "sending") for state in states),
        "sent": states.count("sent"),
        "failed": sum(state in ("failed", "dropped") for state in states),
    }


def _letter(incident: Incident, language: str) -> dict[str, str]:
    subject, body = apologies.text(incident, language)
    mailto = f"mailto:?subject={quote(subject)}&body={quote(body)}"
    return {"language": language, "subject": subject, "body": body, "mailto": mailto}


def _send(request: HttpRequest, owner: Owner, incident: Incident, reading: impact_reading.Reading) -> None:
    language = "en" if request.POST.get("language") == "en" else "ja"
    chosen = request.POST.getlist("to")[:PAGE]
    try:
        count = apologies.send(incident, reading.delivered(), chosen, language, owner.actor, timezone.now())
    except apologies.NotNow as reason:
        messages.error(request, _REFUSALS[reason.why]())
    else:
        messages.success(
            request,
            _("%(n)d letters are on their way, at most %(hour)d an hour.") % {"n": count, "hour": apologies.AN_HOUR},
        )


_REFUSALS = {
    "shut": lambda: _("Nothing was sent: your mailbox has to be open again with a new password first."),
    "late": lambda: _("Nothing was sent: it was too long ago for a letter to help."),
    "many": lambda: _("Nothing was sent: these are more letters than one mailbox may send about one case."),
    "nobody": lambda: _("Nothing was sent: please choose somebody who has not been written to yet."),
}


@for_proved_owner
@require_POST
def stop(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Takes back the letters that have not left yet."""
    incident = impact_reading.latest(owner.address)
    if incident is not None:
        count = apologies.stop(incident, owner.actor, timezone.now())
        messages.success(request, _("%(n)d letters were taken back.") % {"n": count})
    return redirect("owner_apology")


@for_proved_owner
@require_POST
def take_package(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """The evidence package for the owner himself."""
    incident = impact_reading.latest(owner.address)
    if incident is None:
        return redirect("owner_what_happened")
    now = timezone.now()
    disclosures.note_package(incident, "owner", "", owner.actor, now)
    reading = impact_reading.for_owner(incident, now)
    return package_response(reading, {"basis": "owner", "text": "", "by": owner.address})
