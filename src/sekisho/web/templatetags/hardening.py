"""Hardening advice, ticked off by facts, for pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from sekisho.directory.models import SiteMailbox
from sekisho.recovery.hardening import Item, of_domain, of_mailbox
from sekisho.web.hardening_words import WORDS

register = template.Library()


def _lines(items: list[Item]) -> dict[str, Any]:
    lines = [{"item": item, "words": WORDS[item.name]} for item in items]
    return {"lines": lines, "done": sum(item.is_done for item in items), "total": len(items)}


@register.inclusion_tag("web/parts/hardening.html")
def hardening(mailbox: str) -> dict[str, Any]:
    """The items of a mailbox; nothing for one that is no more."""
    site = SiteMailbox.objects.filter(username=mailbox).first()
    return _lines(of_mailbox(site, timezone.now()) if site else [])


@register.inclusion_tag("web/parts/hardening.html")
def domain_hardening(domain: str) -> dict[str, Any]:
    """The items of a domain."""
    return _lines(of_domain(domain))
