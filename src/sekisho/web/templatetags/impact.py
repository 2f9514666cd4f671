"""Figures, sentences and times of impact reports."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from sekisho.impact.model import Figure
from sekisho.impact.said import Said, moment
from sekisho.web import impact_words, words

register = template.Library()


@register.simple_tag(takes_context=True)
def figure(context: dict[str, Any], one: Figure) -> SafeString:
    """The number, leading to the rows it was counted from (not on paper: `evidence_base` is empty there)."""
    number = f"{one.value:,}"
    text = gettext("at least %(n)s") % {"n": number} if one.at_least else number
    base = context.get("evidence_base")
    if not base:
        return format_html("<strong>{}</strong>", text)
    return format_html('<a class="number" href="{}{}/">{}</a>', base, quote(one.name, safe=""), text)


@register.simple_tag(takes_context=True)
def evidence_link(context: dict[str, Any], name: str, text: str) -> SafeString:
    """A way to evidence that has no number beside it."""
    base = context.get("evidence_base")
    return format_html('<a href="{}{}/">{}</a>', base, quote(name, safe=""), text) if base else SafeString("")


@register.filter
def said(sentence: Said) -> str:
    """The sentence in the reader's language."""
    return sentence.within(get_language() or "ja")


@register.filter
def at(seconds: float | None) -> str:
    """Epoch seconds as a time in Japan: a report is read by people who were not there, also on paper."""
    return moment(seconds).within(get_language() or "ja") if seconds is not None else "–"


@register.filter
def relation_words(name: str) -> Any:
    return words.word(impact_words.RELATIONS, name)


@register.filter
def outcome_words(name: str) -> Any:
    return words.word(impact_words.OUTCOMES, name)


@register.filter
def change_words(name: str) -> Any:
    return words.word(impact_words.CHANGES, name)


@register.filter
def change_state_words(name: str) -> Any:
    return words.word(impact_words.CHANGE_STATES, name)


@register.filter
def finding_words(name: str) -> Any:
    return words.word(words.FINDINGS, name)
