"""A row of bars without axes, drawn on the server: places in units of a viewBox that is stretched to its width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sekisho.incidents.volume import Volume
from sekisho.web.templatetags.sekisho import clock

# Units of the viewBox. A bar keeps a fifth of its place free, so that neighbours stay apart.
WIDTH, HEIGHT = 480, 60
FILLED = 0.8
# The least height of a bar that is not nought: one message must be seen beside a thousand.
LEAST = 2.0


class Bar(NamedTuple):
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Sparkline:
    """The drawing, the sentence that says the same, and what stands below it."""

    bars: list[Bar]
    usual_y: str
    mark_x: str
    text: str
    since: datetime
    until: datetime
    total: int


def draw(volume: Volume, mark: datetime | None = None) -> Sparkline:
    """`mark`: a moment that gets a line of its own (an incident's detection)."""
    highest = max([*volume.counts, volume.usual or 0, 1])
    place = WIDTH / len(volume.counts)
    bars = []
    for number, count in enumerate(volume.counts):
        if count:
            height = max(count / highest * HEIGHT, LEAST)
            bars.append(Bar(*(f"{value:.1f}" for value in (number * place, HEIGHT - height, place * FILLED, height))))
    until = volume.since + volume.width * len(volume.counts)
    return Sparkline(
        bars=bars,
        usual_y="" if volume.usual is None else f"{HEIGHT - volume.usual / highest * HEIGHT:.1f}",
        mark_x="" if mark is None else f"{(mark - volume.since) / (until - volume.since) * WIDTH:.1f}",
        text=_sentence(volume, until),
        since=volume.since,
        until=until,
        total=volume.total,
    )


def _sentence(volume: Volume, until: datetime) -> str:
    text = ngettext(
        "From %(since)s to %(until)s: %(n)s message was handed in.",
        "From %(since)s to %(until)s: %(n)s messages were handed in.",
        volume.total,
    ) % {"since": clock(volume.since), "until": clock(until), "n": volume.total}
    if volume.usual is not None:
        usual = round(volume.usual * len(volume.counts))
        text += " " + _("Usual for such a time: about %(n)s.") % {"n": usual}
    return text
