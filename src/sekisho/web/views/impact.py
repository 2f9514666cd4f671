"""影響報告 / Impact report of an incident: the page, its evidence, print, PDF, CSV; unmasking; the evidence package."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.directory import access
from sekisho.impact import disclosures, duty, package, tables
from sekisho.incidents.access import access_incident
from sekisho.incidents.case_numbers import case_number
from sekisho.web import impact_reading, impact_words, papers
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in
from sekisho.web.impact_context import context_of
from sekisho.web.impact_reading import Reading

PAGE = 100
# A number of pages that nobody turns by hand; the CSV has everything.
LAST_PAGE = 10_000


@require_safe
def show(request: HttpRequest, number: int) -> HttpResponseBase:
    """The report; `?format=pdf` and `?format=csv` are the same on paper and for a spreadsheet."""
    incident = access_incident(request.user, number)
    reading = impact_reading.for_account(request, incident, timezone.now())
    wanted = request.GET.get("format")
    if wanted == "csv":
        return csv_response(tables.report_lines(reading.report), f"sekisho-impact-{number}")
    if wanted == "pdf":
        return pdf_or_page(
            request,
            "web/impact_paper.html",
            context_of(reading, ""),
            f"sekisho-impact-{number}",
            "impact_report",
            number,
        )
    base = reverse("impact_report", args=[number]) + "evidence/"
    more = {"has_pdf": papers.is_there(), "duty_on": duty.is_on(incident.domain)}
    return render(request, "web/impact.html", context_of(reading, base) | more)


def csv_response(lines: Any, name: str) -> StreamingHttpResponse:
    """Lines as a download that streams."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def pdf_or_page(
    request: HttpRequest, template: str, context: dict[str, Any], name: str, page: str, *arguments: Any
) -> HttpResponse:
    """The PDF, or back to the page, which says why there is none."""
    try:
        return papers.response(request, template, context, name)
    except papers.NoPdf:
        messages.error(
            request,
            _("This server cannot make PDFs: the extra “pdf” (WeasyPrint) is not installed. Please print the page "
              "instead."),
        )  # fmt: skip
        return redirect(page, *arguments)


@require_safe
def evidence(request: HttpRequest, number: int, figure: str) -> HttpResponseBase:
    """The rows behind one figure of the report, a page at a time; `?format=csv`: all of them, streamed."""
    incident = access_incident(request.user, number)
    reading = impact_reading.for_account(request, incident, timezone.now())
    return evidence_response(request, reading, figure, "web/impact_evidence.html")


def evidence_response(
    request: HttpRequest, reading: Reading, name: str, template: str, **more: Any
) -> HttpResponseBase:
    """One figure's evidence for whoever may see the report; 404 for a figure that does not stand in it."""
    one = reading.figure(name)
    if request.GET.get("format") == "csv":
        return csv_response(tables.evidence_lines(reading.rows(name)), f"sekisho-evidence-{reading.incident.pk}")
    typed = request.GET.get("page", "1")
    page = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 7 else 1
    if not 1 <= page <= LAST_PAGE:
        raise Http404
    # One row more tells whether there is another page.
    rows = list(islice(reading.rows(name), (page - 1) * PAGE, page * PAGE + 1))
    context = {
        "reading": reading,
        "incident": reading.incident,
        "figure": one,
        "rows": [(row, impact_words.facts_of(row)) for row in rows[:PAGE]],
        "number": page,
        "before": page - 1 if page > 1 else 0,
        "after": page + 1 if len(rows) > PAGE else 0,
        **more,
    }
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def unmask(request: HttpRequest, number: int) -> HttpResponse:
    """Asks why, then shows the correspondents of this incident to this account for an hour."""
    incident = access_incident(request.user, number)
    if not access.may_change(request.user, incident.domain) and not access.is_operator(request.user):
        raise access.NotFound(number)
    context: dict[str, Any] = {"incident": incident, "minutes": int(disclosures.LASTS.total_seconds() // 60),
                               "longest": disclosures.LONGEST, "bases": impact_words.BASES.items()}  # fmt: skip
    if request.method != "POST":
        return render(request, "web/impact_unmask.html", context)
    text, basis = request.POST.get("reason", "").replace("\x00", ""), request.POST.get("basis")
    try:
        disclosures.unmask(
            incident, signed_in(request), "legal" if basis == "legal" else "reason", text, timezone.now()
        )
    except disclosures.NoReason:
        problem = _("Please say in a sentence why you need to see whom the people wrote to.")
        return render(
            request, "web/impact_unmask.html", context | {"problem": problem, "typed": text, "basis": basis}, status=422
        )
    messages.success(
        request, _("The correspondents of this incident are shown to you for an hour. Your reason is in the audit log.")
    )
    return redirect("impact_report", number=number)


@require_POST
def mask(request: HttpRequest, number: int) -> HttpResponse:
    """Hides them again before the hour is over."""
    incident = access_incident(request.user, number)
    disclosures.mask_again(incident, signed_in(request), timezone.now())
    return redirect("impact_report", number=number)


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def take_package(request: HttpRequest, number: int) -> HttpResponseBase:
    """The evidence package for an operator, on a legal basis that is recorded; POST streams it."""
    incident = access_incident(request.user, number)
    if not access.is_operator(request.user):
        raise access.NotFound(number)
    context: dict[str, Any] = {"incident": incident, "longest": disclosures.LONGEST}
    if request.method != "POST":
        return render(request, "web/impact_package.html", context)
    text, now, account = request.POST.get("basis", "").replace("\x00", ""), timezone.now(), signed_in(request)
    try:
        row = disclosures.note_package(incident, "legal", text, account.get_username(), now, account)
    except disclosures.NoReason:
        problem = _("Please write down the legal basis: which law, which document, who asked.")
        return render(request, "web/impact_package.html", context | {"problem": problem, "typed": text}, status=422)
    return package_response(impact_reading.whole(incident, now), {"basis": "legal", "text": row.text, "by": row.actor})


def package_response(reading: Reading, basis: dict[str, str]) -> StreamingHttpResponse:
    """The zip, streamed."""
    told = basis | {"at": timezone.now().isoformat(timespec="seconds"), "case": case_number(reading.incident)}
    headers = {"Content-Disposition": f'attachment; filename="sekisho-evidence-{reading.incident.pk}.zip"'}
    pieces = package.stream(reading.report, reading.rows, told)
    return StreamingHttpResponse(pieces, content_type="application/zip", headers=headers)
