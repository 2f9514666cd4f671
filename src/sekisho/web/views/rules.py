"""管理 › システム › 判定のルール: what is weighed and how much, where something happens, and what other thresholds
would have made of the last month. Operators only; nothing is changed here."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from math import exp
from typing import Any

import msgspec
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from sekisho.config import configuration_name, settings
from sekisho.detection.caps import caps
from sekisho.detection.fuse import FUSE_MINIMUM, FUSE_SECONDS, FUSE_SHARE
from sekisho.detection.limits import (
    DEFAULT_LIMITS,
    FAMILIAR_DAYS,
    LEARNING_DAYS,
    PROBATION_PRIOR,
    PROBATION_RECIPIENTS_A_DAY,
    RESTRICTED_RECIPIENTS_AN_HOUR,
    TRUSTED_DAYS,
    Limits,
)
from sekisho.directory import access
from sekisho.directory.names import alias_domains
from sekisho.incidents import enforcement
from sekisho.incidents.fuse_facts import fuses
from sekisho.incidents.lifting import PROBATION_CLEAN_DAYS, RESTRICTION_DAYS
from sekisho.incidents.models import Indicator
from sekisho.incidents.threshold_preview import FLOOR_BELOW_ALERT, preview
from sekisho.web import rule_words, words

DAYS = enforcement.PREVIEW_DAYS
# Mailboxes named on the page; the counts hold all.
SHOWN = 50
# Beyond it nothing can be: all findings at their caps stay below.
HIGHEST = 99.0
THRESHOLDS = ("alert", "restrict", "suspend")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """`?alert=3&restrict=5&suspend=8` asks for the preview of these thresholds."""
    if not access.is_operator(request.user):
        raise access.NotFound("rules")
    now, limits = timezone.now(), DEFAULT_LIMITS
    since = now - timedelta(days=DAYS)
    context = {
        "thresholds": [(name, words.THRESHOLDS[name], getattr(limits, name)) for name in THRESHOLDS],
        "findings": _findings(limits, since),
        "hard_caps": [(text, getattr(limits, name)) for name, text in rule_words.HARD_CAPS.items()],
        "fuses": fuses(now),
        "fuse_minutes": int(FUSE_SECONDS // 60),
        "fuse_minimum": FUSE_MINIMUM,
        "fuse_percent": f"{FUSE_SHARE:.0%}",
        "budgets": _BUDGETS,
        "modes": _modes(request),
        "default_mode": settings().mode,
        "settings": _settings(),
        "file": configuration_name(),
        "channels": [channel.name for channel in settings().channels],
        "days": DAYS,
        **_preview(request, limits, since),
    }
    return render(request, "web/rules.html", context)


_BUDGETS = {
    "probation_recipients": PROBATION_RECIPIENTS_A_DAY,
    "probation_days": PROBATION_CLEAN_DAYS,
    "probation_prior": PROBATION_PRIOR,
    "restricted_recipients": RESTRICTED_RECIPIENTS_AN_HOUR,
    "restriction_days": RESTRICTION_DAYS,
    "familiar_days": FAMILIAR_DAYS,
    "trusted_days": TRUSTED_DAYS,
    "learning_days": LEARNING_DAYS,
}


def _findings(limits: Limits, since: Any) -> list[dict[str, Any]]:
    """Each finding with its cap, and in how many incidents it stood since then; the heaviest first."""
    rows = Indicator.objects.filter(decision__t__gte=since).values_list("name")
    seen = dict(rows.annotate(n=Count("decision__incident", distinct=True)).order_by())
    most = caps(limits)
    return [
        {
            "name": words.word(words.FINDINGS, name),
            "meaning": rule_words.MEANINGS.get(name, ""),
            "most": value,
            # A log-likelihood ratio as people read it: so many times likelier a hijacker's than the owner's.
            "times": f"{round(exp(value)):,}",
            "beside": name in ("hard_cap", "burned_password"),
            "seen": seen.get(name, 0),
        }
        for name, value in sorted(most.items(), key=lambda pair: -pair[1])
    ]


def _modes(request: HttpRequest) -> list[tuple[str, int]]:
    """How many domains are enforced and how many only observed."""
    aliases, own, default = alias_domains(), enforcement.modes(), settings().mode
    names = [name for name in access.accessible_domains(request.user) if name not in aliases]
    counted = Counter(own.get(name, default) for name in names)
    return [(mode, counted[mode]) for mode in ("enforce", "observe")]


def _settings() -> list[tuple[str, Any, str]]:
    """Name, meaning and value of what stands in sekisho.toml; none of them is a secret."""
    found = msgspec.to_builtins(settings())
    rows = []
    for name, meaning in rule_words.SETTINGS.items():
        value: Any = found
        for part in name.split("."):
            value = value[part]
        values = value if isinstance(value, list | tuple) else [value]
        rows.append((name, meaning, ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)))
    return rows


def _preview(request: HttpRequest, limits: Limits, since: Any) -> dict[str, Any]:
    """The preview at the thresholds asked for; at those in force where they make no sense, which the page says."""
    floor = limits.alert - FLOOR_BELOW_ALERT
    asked = {name: request.GET.get(name, "") for name in THRESHOLDS}
    wanted = _wanted(asked, limits, floor)
    told = preview(wanted or limits, limits, since)
    rows = [
        (words.ACTIONS[name], told.before[name], told.after[name], told.dismissed[name])
        for name in ("suspend", "restrict", "alert")
    ]
    return {
        "asked": {name: asked[name] or f"{getattr(limits, name):g}" for name in THRESHOLDS},
        "senseless": wanted is None and any(asked.values()),
        "asks_others": wanted is not None and wanted != limits,
        "floor": floor,
        "highest": HIGHEST,
        "outcomes": rows,
        "open": told.open,
        "changed": told.changed[:SHOWN],
        "more_changed": max(len(told.changed) - SHOWN, 0),
    }


def _wanted(asked: dict[str, str], limits: Limits, floor: float) -> Limits | None:
    """The limits asked for; None when nothing was, or nothing that is a number from the floor on and in order."""
    if not all(asked.values()):
        return None
    try:
        alert, restrict, suspend = (float(asked[name][:8]) for name in THRESHOLDS)
    except ValueError:
        return None
    # Also not-a-number fails here.
    if not floor <= alert <= restrict <= suspend <= HIGHEST:
        return None
    return msgspec.structs.replace(limits, alert=alert, restrict=restrict, suspend=suspend)
