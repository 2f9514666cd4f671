"""Filters and tags of our templates: badges, times people understand, countries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from sekisho.incidents import channels
from sekisho.incidents.models import Step
from sekisho.web import outcomes, words
from sekisho.web.moments import relative

register = template.Library()

_TABLES = {
    "status": words.STATUSES,
    "phase": words.PHASES,
    "action": words.ACTIONS,
    "mode": words.MODES,
    "step": words.STEP_STATES,
    "order": words.ORDER_STATES,
    "held": words.HELD_STATES,
    "setting": words.SETTING_STATES,
    "sending": words.SENDING,
    "blocklist": words.BLOCKLISTS,
}


@register.simple_tag
def badge(kind: str, value: str) -> SafeString:
    """A text badge for a status, phase, action, step or order; the tone only repeats what the word says."""
    text, tone = words.badge(_TABLES[kind], value)
    return format_html('<span class="badge tone-{}">{}</span>', tone, text)


@register.simple_tag
def badge_text(kind: str, value: str) -> Any:
    """The word of a badge alone, for places where no element may stand."""
    return words.badge(_TABLES[kind], value)[0]


@register.filter
def step_words(step: Step) -> Any:
    return words.STEPS_OF_PLAN.get((step.plan, step.name)) or words.word(words.STEPS, step.name)


@register.filter
def notice_words(kind: str) -> Any:
    return words.word(words.NOTICES, kind)


@register.filter
def recipient_words(recipient: str) -> str:
    """A notice's mail address, or the name of its channel."""
    return channels.name_in(recipient) or recipient


@register.filter
def setting_words(kind: str) -> Any:
    return words.word(words.SETTINGS, kind)


@register.filter
def plan_words(name: str) -> Any:
    return words.word(words.PLANS, name)


@register.filter
def cause_words(name: str) -> Any:
    return words.word(words.CAUSES, name)


@register.filter
def process_words(name: str) -> Any:
    return words.word(words.PROCESSES, name)


@register.filter
def clock(moment: datetime | None) -> str:
    """Date and time in the viewer's zone; the year only when it is not this one's."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    japanese = (get_language() or "ja").startswith("ja")
    if local.year == timezone.localtime().year:
        return date_format(local, "n月j日 H:i" if japanese else "j M H:i")
    return date_format(local, "Y年n月j日 H:i" if japanese else "j M Y H:i")


@register.filter
def clock_day(moment: datetime | None) -> str:
    """The day in the viewer's zone, for what lasts for weeks."""
    if moment is None:
        return ""
    japanese = (get_language() or "ja").startswith("ja")
    return date_format(timezone.localtime(moment), "Y年n月j日" if japanese else "j F Y")


@register.filter
def clock_only(moment: datetime | None) -> str:
    """The time of day in the viewer's zone, for the end of a span within one day."""
    return date_format(timezone.localtime(moment), "H:i") if moment else ""


@register.simple_tag
def when(moment: datetime | None, precise: bool = False) -> SafeString | str:
    """A <time> with the clock and the relative words; `precise` shows seconds instead, for timelines."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    full = date_format(local, "Y-m-d H:i:s T")
    if precise:
        today = local.date() == timezone.localdate()
        seconds = date_format(local, "s")
        shown = date_format(local, "H:i:s") if today else f"{clock(moment)}:{seconds}"
        return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), full, shown)
    return format_html(
        '<time datetime="{}" title="{}">{} <span class="ago">{}</span></time>',
        local.isoformat(),
        full,
        clock(moment),
        gettext("(%(relative)s)") % {"relative": relative(moment, timezone.now())},
    )


@register.filter
def evidence(indicator: Any) -> str:
    """An indicator's sentence in the viewer's language."""
    japanese = (get_language() or "ja").startswith("ja")
    text: str = indicator.evidence_ja if japanese else indicator.evidence_en
    return text or indicator.evidence_en or indicator.evidence_ja


@register.filter
def in_words(problem: Any) -> str:
    """A password problem's sentence in the viewer's language."""
    text: str = problem.ja if (get_language() or "ja").startswith("ja") else problem.en
    return text


@register.filter
def outcome(text: str) -> str:
    """What an agent read back, in the viewer's language where we have words for it."""
    return outcomes.spell(text)
