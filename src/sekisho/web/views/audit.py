"""管理 › システム › 操作記録: who did what, searched; the same as CSV. Domain admins see their domains and own acts."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from sekisho.incidents import audit
from sekisho.incidents.access import accessible_audit
from sekisho.incidents.models import Audit
from sekisho.web.audit_words import VERBS, VIAS
from sekisho.web.words import word

PAGE = 50
# Some 30 MB, and what a spreadsheet still opens; `sekisho audit export` has no bound.
MOST_EXPORTED = 100_000


def _filters(request: HttpRequest) -> dict[str, str]:
    found = {name: request.GET.get(name, "").replace("\x00", "").strip()[:255] for name in ("q", "verb", "via")}
    return {**found, "via": found["via"] if found["via"] in VIAS else ""}


def _found(request: HttpRequest, filters: dict[str, str]) -> QuerySet[Audit]:
    return audit.search(accessible_audit(request.user), filters["q"], verb=filters["verb"], via=filters["via"])


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The newest acts first; `?q=` searches actor, object, verb and domain, `?verb=` and `?via=` filter."""
    filters = _filters(request)
    page = Paginator(_found(request, filters), PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "rows": [(row, word(VERBS, row.verb), VIAS.get(row.via, ""), _details(row)) for row in page],
        **filters,
        "verbs": sorted(VERBS.items(), key=lambda pair: str(pair[1])),
        "vias": VIAS.items(),
        "filtered": any(filters.values()),
    }
    return render(request, "web/audit.html", context)


def _details(row: Audit) -> str:
    told = ((name, value) for name, value in row.details.items() if value not in (None, "", []))
    return ", ".join(f"{name}: {', '.join(map(str, v)) if isinstance(v, list) else v}" for name, v in told)


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same acts as CSV, newest first; no cell is a formula for a spreadsheet."""
    rows = _found(request, _filters(request)).iterator(chunk_size=2000)
    # Excel takes a file for UTF-8 only when it begins with this mark.
    lines = chain(["\ufeff"], audit.csv_lines(islice(rows, MOST_EXPORTED)))
    name = f"sekisho-audit-{timezone.localdate().isoformat()}.csv"
    return StreamingHttpResponse(
        lines, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
