"""Refusals day by day as a row of bars, like web.sparkline: percent of results, so that busy days do not hide it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from sekisho.web.sparkline import FILLED, HEIGHT, LEAST, WIDTH, Bar, Sparkline

# A scale that does not make a mountain of one refusal in two hundred: the full height is at least five in a hundred.
LEAST_FULL = 0.05


def draw(days: Sequence[dict[str, Any]]) -> Sparkline | None:
    """The drawing of `impact.reputation.day_facts`; None while no day had any mail."""
    if not any(day["delivered"] or day["refused_57"] or day["deferred_47"] for day in days):
        return None
    full = max([day["share"] for day in days] + [LEAST_FULL])
    place = WIDTH / len(days)
    bars = []
    for number, day in enumerate(days):
        if day["share"]:
            height = max(day["share"] / full * HEIGHT, LEAST)
            bars.append(Bar(*(f"{value:.1f}" for value in (number * place, HEIGHT - height, place * FILLED, height))))
    worst = max(days, key=lambda day: day["share"])
    text = _(
        "Refused or put off, in percent of each day's mail to others: today %(now).1f %%, "
        "at most %(worst).1f %% (%(day)s)."
    )
    now = timezone.now()
    return Sparkline(
        bars=bars,
        usual_y="",
        mark_x="",
        text=text % {"now": 100 * days[-1]["share"], "worst": 100 * worst["share"], "day": worst["day"]},
        since=now,
        until=now,
        total=sum(day["refused_57"] + day["deferred_47"] for day in days),
    )
