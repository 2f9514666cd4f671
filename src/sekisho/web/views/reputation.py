"""管理 › システム › 評判: what blocklists say about our addresses and domains, and what was done. Operators only."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_POST, require_safe

from sekisho.config import configuration_name, settings
from sekisho.directory import access
from sekisho.impact import listings
from sekisho.impact.models import Listing, ListLook
from sekisho.impact.reputation import day_facts, receiver_facts, recent
from sekisho.web import reputation_chart
from sekisho.web.context import signed_in

# Listings that have ended: a page of them, the newest first.
MOST_ENDED = 50


def _operator_only(request: HttpRequest) -> None:
    if not access.is_operator(request.user):
        raise access.NotFound("reputation")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Listings that stand with their steps, those that ended, and the lists that are asked."""
    _operator_only(request)
    now = timezone.now()
    ended = Listing.objects.exclude(gone_at=None).order_by("-gone_at")[:MOST_ENDED]
    context = {
        "is_on": settings().harm_watch.blocklists,
        "addresses": settings().doctor.addresses,
        "file": configuration_name(),
        "rows": shown(listings.open_listings()[: listings.MOST_SHOWN]),
        "ended": [listings.listing_facts(row) for row in ended],
        "recent": recent(now),
        "chart": reputation_chart.draw(day_facts(now)),
        "receivers": [
            {
                **row,
                "now_percent": f"{100 * row['now']['share']:.1f}",
                "weeks_percent": f"{100 * row['weeks']['share']:.1f}",
            }
            for row in receiver_facts(now)
        ],
        "lists": listings.list_facts(),
        "looks": ListLook.objects.exclude(subject="").count(),
    }
    return render(request, "web/reputation.html", context)


def shown(rows: Iterable[Listing]) -> list[dict[str, object]]:
    """Listings for a page: facts, with the steps in the reader's language and the incidents."""
    order = (get_language() or "ja")[:2]
    found = []
    for row in rows:
        facts = listings.listing_facts(row)
        steps = facts["steps"]["ja" if order == "ja" else "en"]
        found.append({**facts, "steps": steps, "incidents": list(row.incidents.order_by("-detected_at")[:5])})
    return found


@require_POST
def asked(request: HttpRequest, number: int) -> HttpResponse:
    """Notes that somebody has asked the list for removal, or takes it back."""
    _operator_only(request)
    row = Listing.objects.filter(pk=number).first()
    if row is None:
        raise access.NotFound(number)
    is_asked = request.POST.get("asked") != "no"
    listings.note_asked(row, is_asked, request.user.get_username(), timezone.now(), account=signed_in(request))
    return redirect("reputation")
