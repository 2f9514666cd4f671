"""A domain's message to its owners, on the owner's pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import get_language

from sekisho.incidents.own_texts import MESSAGE, text_for
from sekisho.web.plain_blocks import blocks_of

register = template.Library()


@register.inclusion_tag("web/parts/own_message.html")
def own_message(domain: str) -> dict[str, Any]:
    """The message as a card; nothing where nobody has written one."""
    text = text_for(domain, MESSAGE, (get_language() or "ja")[:2])
    return {"own_message": blocks_of(text), "own_domain": domain}
