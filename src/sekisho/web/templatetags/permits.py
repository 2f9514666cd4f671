"""What a mailbox is permitted or kept to, in a few lines, for its page."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import get_language

from sekisho.incidents.changes import current_status
from sekisho.incidents.permit_facts import permit_facts
from sekisho.incidents.usual import country_names

register = template.Library()


@register.inclusion_tag("web/parts/permits.html")
def permits(mailbox: str) -> dict[str, Any]:
    """Progress of a probation, an allowed mailing, travel passes and countries; with a link to the page of places."""
    names = country_names((get_language() or "ja")[:2])
    facts = permit_facts(current_status(mailbox), timezone.now())
    pinned = facts["countries"]
    return {
        **facts,
        "mailbox": mailbox,
        "travel": [{**row, "name": names.get(row["country"], row["country"])} for row in facts["travel"]],
        "pinned": [names.get(code, code) for code in pinned["countries"]] if pinned else [],
        "only_on_probation": bool(pinned and pinned["only_on_probation"]),
    }
