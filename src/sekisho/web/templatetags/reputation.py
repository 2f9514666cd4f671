"""What became of the host's name after an incident, for pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from sekisho.impact.listings import listing_facts
from sekisho.impact.normality import back_to_normal
from sekisho.incidents.models import Incident

register = template.Library()


@register.inclusion_tag("web/parts/normality.html")
def normality(incident: Incident) -> dict[str, Any]:
    """Whether lists and receivers treat the host as before this incident, with the reasons."""
    found = back_to_normal(incident, timezone.now())
    before = None if found.before is None else f"{100 * found.before:.1f}"
    return {"found": found, "now_percent": f"{100 * found.now:.1f}", "before_percent": before}


@register.simple_tag
def listings_of(incident: Incident) -> list[dict[str, Any]]:
    """The listings that came with an incident, those that stand first."""
    rows = incident.listings.order_by("gone_at", "-first_at")[:50]
    return sorted((listing_facts(row) for row in rows), key=lambda facts: facts["gone_at"] is not None)
