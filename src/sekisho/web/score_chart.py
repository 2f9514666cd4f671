"""The score's history as a drawing: places in percent of the width and pixels of the height, made on the server.

One bar per reading, in order and of equal width, not to scale: a blast has three decisions in four seconds and its next
reading a minute later. The times stand below; a dotted line says where more than an hour lies between two bars.
Percentages in place of a viewBox keep the letters their size on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from sekisho.incidents.models import ScorePoint
from sekisho.web import words
from sekisho.web.words import Words

# Eight pixels a bar on a telephone of 390.
MOST_BARS = 40
# Fewer bars stay bars and do not become walls.
FEWEST_PLACES = 8
TOP, BOTTOM = 46.0, 204.0
# A mark of 18 pixels on a narrow plot of 270: one so near to the last stands lower.
MARK_APART = 20 / 270
# Pixels: the plot on a telephone of 390 and on a wide screen, and a time below it without and with seconds.
NARROW_PLOT, WIDE_PLOT = 270.0, 860.0
SHORT_LABEL, LONG_LABEL = 40.0, 60.0
GAP = timedelta(hours=1)
# Readings within so short a time are told to the second.
SECONDS_MATTER = timedelta(minutes=15)
# Stacked from below in the order a takeover is seen in; what is not named here lies on top.
ORDER = (
    "new_country",
    "many_countries",
    "new_network",
    "many_networks",
    "password_guesser",
    "shared_stranger",
    "new_protocol",
    "bulk_reading",
    "forward_rule",
    "discard_rule",
    "new_recipients",
    "message_burst",
    "bounces",
    "complaints",
    "burned_password",
    "hard_cap",
)
# Findings that add up to so much more than the score (nats) are worth a word.
NOTICEABLE = 0.1


@dataclass(frozen=True)
class Segment:
    """One finding's share of a bar."""

    name: str
    y: str
    height: str


@dataclass(frozen=True)
class Finding:
    """One line of the legend: the finding's words and its largest value in the history."""

    name: str
    text: Words
    value: float


@dataclass(frozen=True)
class Line:
    """A threshold over the bars it was in force for; `text` only where the line ends at the right."""

    action: str
    text: Words
    value: float
    x1: str
    x2: str
    y: str
    is_last: bool


@dataclass(frozen=True)
class Reading:
    """One row of the table, and one bar; `mark` is the number of a decision."""

    t: datetime
    score: float
    action: str
    findings: list[tuple[Words, float]]
    mark: int = 0
    segments: list[Segment] = field(default_factory=list)
    x: str = ""
    width: str = ""
    middle: str = ""
    # Middle of the mark.
    mark_y: float = 0.0
    score_y: str = ""
    clock: str = ""
    day: str = ""
    # "", "wide" (only on a wide screen) or "always".
    label: str = ""
    # Where the dotted line stands that says that more than an hour passed before; "" for none.
    gap_x: str = ""


@dataclass(frozen=True)
class Chart:
    """Everything the template draws."""

    readings: list[Reading]
    lines: list[Line]
    legend: list[Finding]
    description: str
    left_out: int
    # Where findings add up to more than the score, a sentence is due.
    has_excess: bool


def chart_of(points: Sequence[ScorePoint]) -> Chart | None:
    """The drawing of some points, oldest first; None for none."""
    if not points:
        return None
    chosen = choose(points)
    scale = _Scale(chosen)
    readings = _readings(chosen, scale)
    return Chart(
        readings=readings,
        lines=_lines(chosen, scale),
        legend=_legend(points),
        description=_describe(points),
        left_out=len(points) - len(chosen),
        has_excess=any(sum(_shares(point).values()) > point.score + NOTICEABLE for point in chosen),
    )


def choose(points: Sequence[ScorePoint]) -> list[ScorePoint]:
    """At most MOST_BARS points: the decisions, the ends, the highest, and others evenly between."""
    if len(points) <= MOST_BARS:
        return list(points)
    highest = max(range(len(points)), key=lambda place: points[place].score)
    decisions = [place for place, point in enumerate(points) if point.action]
    kept = {0, len(points) - 1, highest, *decisions[-MOST_BARS // 2 :]}
    others = [place for place in range(len(points)) if place not in kept]
    room = MOST_BARS - len(kept)
    kept |= {others[number * len(others) // room] for number in range(room)}
    return [points[place] for place in sorted(kept)]


def _shares(point: ScorePoint) -> dict[str, float]:
    """The findings as they are stacked: a hard cap lifts the score to a floor, it does not add to it."""
    shares = {name: float(value) for name, value in point.findings.items() if value > 0}
    if "hard_cap" in shares:
        del shares["hard_cap"]
        shares["hard_cap"] = max(point.score - sum(shares.values()), 0.0)
    return shares


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


class _Scale:
    """From nats to pixels and from a bar's number to percent."""

    def __init__(self, points: Sequence[ScorePoint]) -> None:
        highest = max(max(point.score, sum(_shares(point).values()), point.suspend or 0.0) for point in points)
        self._most = max(highest * 1.1, 1.0)
        self.places = max(len(points), FEWEST_PLACES)

    def y(self, nats: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * max(nats, 0.0) / self._most

    def x(self, place: float) -> str:
        return f"{100 * place / self.places:.2f}%"


def _readings(points: Sequence[ScorePoint], scale: _Scale) -> list[Reading]:
    labels = _labels(points)
    marks = _marks(points, scale.places)
    return [
        Reading(
            t=point.t,
            score=point.score,
            action=point.action,
            findings=_words(point),
            mark=marks.get(place, (0, 0.0))[0],
            mark_y=marks.get(place, (0, 0.0))[1],
            segments=_segments(point, scale),
            x=scale.x(place + 0.1),
            width=scale.x(0.8),
            middle=scale.x(place + 0.5),
            score_y=f"{scale.y(point.score):.1f}",
            gap_x=scale.x(place) if place and point.t - points[place - 1].t > GAP else "",
            **labels[place],
        )
        for place, point in enumerate(points)
    ]


def _marks(points: Sequence[ScorePoint], places: int) -> dict[int, tuple[int, float]]:
    """Number and height of each decision's mark."""
    found: dict[int, tuple[int, float]] = {}
    last, last_y = -places, 0.0
    for place, point in enumerate(points):
        if point.action:
            is_near = (place - last) / places < MARK_APART
            last, last_y = place, 31.0 if is_near and last_y == 11.0 else 11.0
            found[place] = (len(found) + 1, last_y)
    return found


def _labels(points: Sequence[ScorePoint]) -> list[dict[str, str]]:
    """What stands below each bar: its time, with the day where it is another one than at the last label."""
    has_seconds = points[-1].t - points[0].t <= SECONDS_MATTER
    shown = _labelled(len(points), LONG_LABEL if has_seconds else SHORT_LABEL)
    clock = "H:i:s" if has_seconds else "H:i"
    labels: list[dict[str, str]] = []
    before, day = "", ""
    for place, point in enumerate(points):
        local = timezone.localtime(point.t)
        text, date = date_format(local, clock), date_format(local, "n/j")
        label = shown.get(place, "") if date + text != before else ""
        labels.append({"clock": text, "label": label, "day": date if label and date != day else ""})
        if label:
            before, day = date + text, date
    return labels


def _labelled(bars: int, width: float) -> dict[int, str]:
    """Which bars have room for their time: a few everywhere, more on a wide screen."""
    places = max(bars, FEWEST_PLACES)
    wide = max(ceil(width * places / WIDE_PLOT), 1)
    # A multiple: on a wide screen both kinds are seen.
    narrow = ceil(width * places / NARROW_PLOT / wide) * wide
    return dict.fromkeys(_every(wide, bars), "wide") | dict.fromkeys(_every(narrow, bars), "always")


def _every(apart: int, bars: int) -> list[int]:
    chosen = list(range(0, bars, apart))
    # The last one takes the place of its neighbour, unless that is the first.
    return [*chosen[:-1], bars - 1] if len(chosen) > 1 else chosen


def _words(point: ScorePoint) -> list[tuple[Words, float]]:
    found = sorted(point.findings.items(), key=lambda item: -item[1])
    return [(words.word(words.FINDINGS, name), value) for name, value in found if value > 0]


def _segments(point: ScorePoint, scale: _Scale) -> list[Segment]:
    segments, below = [], 0.0
    shares = _shares(point)
    for name in sorted(shares, key=_place):
        top, bottom = scale.y(below + shares[name]), scale.y(below)
        below += shares[name]
        # A pixel of background between two findings: colours alone must not part them.
        segments.append(Segment(name, f"{top:.1f}", f"{max(bottom - top - 1.0, 0.5):.1f}"))
    return segments


def _lines(points: Sequence[ScorePoint], scale: _Scale) -> list[Line]:
    """Each threshold as pieces over the bars with the same value; on probation one line stands for two, since a relapse
    suspends where else a restriction would begin."""
    lines: list[Line] = []
    for action in ("alert", "restrict", "suspend"):
        values = [getattr(point, action) for point in points]
        if action == "restrict":
            values = [None if point.restrict == point.suspend else point.restrict for point in points]
        begin = 0
        for end in range(1, len(values) + 1):
            if end < len(values) and values[end] == values[begin]:
                continue
            if values[begin] is not None:
                is_last = end == len(values)
                x2 = scale.x(scale.places if is_last else end)
                text, y = words.THRESHOLDS[action], f"{scale.y(values[begin]):.1f}"
                lines.append(Line(action, text, values[begin], scale.x(begin), x2, y, is_last))
            begin = end
    return lines


def _legend(points: Iterable[ScorePoint]) -> list[Finding]:
    most: dict[str, float] = {}
    for point in points:
        for name, value in point.findings.items():
            most[name] = max(value, most.get(name, 0.0))
    found = [name for name, value in most.items() if value > 0]
    return [Finding(name, words.word(words.FINDINGS, name), most[name]) for name in sorted(found, key=_place)]


def _describe(points: Sequence[ScorePoint]) -> str:
    """What the drawing shows, in one or two sentences for those who cannot see it."""
    count = len(points)
    highest, last = max(point.score for point in points), points[-1]
    told = ngettext(
        "%(count)d reading of the score, highest %(highest).1f, last %(last).1f.",
        "%(count)d readings of the score, highest %(highest).1f, last %(last).1f.",
        count,
    ) % {"count": count, "highest": highest, "last": last.score}
    if last.suspend is not None:
        told += " " + _("A mailbox is suspended from %(suspend).1f.") % {"suspend": last.suspend}
    jumps = [after.score - before.score for before, after in pairwise(points)]
    if jumps and max(jumps) > 0:
        told += " " + _("Largest step upwards: %(step).1f.") % {"step": max(jumps)}
    return told
