"""報告用資料 / Fact sheet for the duty to report, with its clocks; a domain switches it off and on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.directory import access
from sekisho.impact import duty, fact_sheet
from sekisho.impact import report as reports
from sekisho.incidents.access import access_incident
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import Incident
from sekisho.web import papers
from sekisho.web.context import signed_in
from sekisho.web.views.impact import pdf_or_page


@require_safe
def show(request: HttpRequest, number: int) -> HttpResponse:
    """The nine items and the days; `?format=pdf` on paper. Of a domain that has it off, only that it is."""
    incident = access_incident(request.user, number)
    if not duty.is_on(incident.domain):
        return render(request, "web/duty_off.html", {"incident": incident})
    context = _context(request, incident)
    if request.GET.get("format") == "pdf":
        return pdf_or_page(request, "web/duty_paper.html", context, f"sekisho-duty-{number}", "duty_sheet", number)
    return render(request, "web/duty.html", context)


def _context(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    now, clocks = timezone.now(), duty.clocks(incident)
    report = reports.build(incident, now)
    return {
        "incident": incident,
        "report": report,
        "case": case_number(incident),
        "clocks": clocks,
        "knew_at": clocks.knew_at.astimezone(duty.TOKYO).strftime("%Y-%m-%dT%H:%M"),
        "day": clocks.day(now),
        "items": fact_sheet.build(incident, report, clocks),
        "has_pdf": papers.is_there(),
        "may_set": access.may_change(request.user, incident.domain) or access.is_operator(request.user),
    }


@require_POST
def set_known(request: HttpRequest, number: int) -> HttpResponse:
    """`knew_at`: the time of knowing, as a clock in Japan shows it."""
    incident = access_incident(request.user, number)
    try:
        typed = datetime.strptime(request.POST.get("knew_at", "")[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=duty.TOKYO)
        duty.set_known(incident, typed, request.user.get_username(), timezone.now(), signed_in(request))
    except (ValueError, NotAllowed):
        messages.error(request, _("Not saved: please enter a time since the first sign, and not one to come."))
    else:
        messages.success(request, _("Saved. The days count from this time."))
    return redirect("duty_sheet", number=number)


@require_POST
def switch(request: HttpRequest, domain: str) -> HttpResponse:
    """`on`: yes or no."""
    name = access.access_domain(request.user, domain).domain
    if not (access.may_change(request.user, name) or access.is_operator(request.user)):
        raise access.NotFound(name)
    wanted = request.POST.get("on")
    if wanted in ("yes", "no"):
        duty.switch(name, wanted == "yes", request.user.get_username(), timezone.now(), signed_in(request))
        messages.success(request, _("The setting of %(domain)s is saved.") % {"domain": name})
    return redirect("domain", domain=name)
