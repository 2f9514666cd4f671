"""Lists, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from ninja import Query
from pydantic import Field

from sekisho.web.api.refusals import reply

# A page of the panel; two hundred lines are some 100 KB and half a second.
USUAL, MOST = 50, 200
# 2,000,000 lines at least: beyond a host's mailboxes. A bound, because databases count from the first line.
LAST_PAGE = 1_000_000

PageNumber = Annotated[int, Query(1, ge=1, le=LAST_PAGE), Field(description="Counts from 1.")]
PerPage = Annotated[int, Query(USUAL, ge=1, le=MOST)]


def page_of(found: Any, page: int, per_page: int, facts: Callable[[list[Any]], list[dict[str, Any]]]) -> HttpResponse:
    """One page of a queryset or list as facts; one past the end is empty."""
    paginator: Paginator[Any] = Paginator(found, per_page)
    rows = list(paginator.page(page)) if page <= paginator.num_pages else []
    return reply({"count": paginator.count, "page": page, "pages": paginator.num_pages, "items": facts(rows)})
