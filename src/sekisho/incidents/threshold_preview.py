"""What other thresholds would have made of the last weeks, from the readings of scores that are kept.

A reading tells how high a mailbox' score was, so where an alert or a restriction begins can be told exactly, from the
floor of readings on. Whether the highest score would have *suspended* needs more than the score (an unfamiliar source,
something done from it: detection.breaker, rule 6): that is known where a decision of that evidence suspended, known not
to hold where a score above the threshold then in force only restricted, and open otherwise. An open one is counted as a
restriction and told apart. What a mailbox that was stopped would have done unstopped is in no record.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Max, Min

from sekisho.detection.limits import PROBATION_PRIOR, Limits
from sekisho.incidents.models import Incident, ScorePoint

# Readings begin so far below an alert (guard.sampling.BELOW_ALERT): below it nothing can be told.
FLOOR_BELOW_ALERT = 2.0


class Peak(NamedTuple):
    """The highest score of one mailbox in one generation of evidence, on probation or not."""

    mailbox: str
    generation: int
    score: float
    on_probation: bool
    # Whether a decision within it suspended; whether one restricted although the score would have suspended.
    suspended: bool
    only_restricted: bool


class Outcome(NamedTuple):
    """ "" (nothing), "alert", "restrict" or "suspend"; `open`: a restriction, if not a suspension."""

    action: str
    open: bool = False


class Changed(NamedTuple):
    """A mailbox whose answer would have been another one; `incident`: what came of it, None where nothing did."""

    peak: Peak
    before: Outcome
    after: Outcome
    incident: Incident | None


class Preview(NamedTuple):
    """Mailboxes by answer, at the thresholds in force and at the others; `changed` holds the highest scores first."""

    before: Counter[str]
    after: Counter[str]
    # Of `after`'s restrictions: those that might have been suspensions.
    open: int
    # Of the incidents that somebody dismissed ("not a takeover"): how many would still have been stopped or asked.
    dismissed: Counter[str]
    changed: list[Changed]


def preview(wanted: Limits, in_force: Limits, since: datetime) -> Preview:
    """What the thresholds of `wanted` would have made of the readings since then."""
    found = peaks(since, in_force)
    incidents = _incidents({peak.mailbox for peak in found})
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    dismissed: Counter[str] = Counter()
    open_ones, changed = 0, []
    for peak in found:
        was, would = outcome(peak, in_force), outcome(peak, wanted)
        before[was.action] += 1
        after[would.action] += 1
        open_ones += would.open
        incident = incidents.get((peak.mailbox, peak.generation))
        if incident is not None and incident.phase == "dismissed":
            dismissed[would.action] += 1
        if was != would:
            changed.append(Changed(peak, was, would, incident))
    return Preview(before, after, open_ones, dismissed, changed)


def outcome(peak: Peak, limits: Limits) -> Outcome:
    """The gravest answer to a peak under these thresholds."""
    # detection.breaker._action: on probation a restriction begins a nat earlier, and is a suspension.
    prior = PROBATION_PRIOR if peak.on_probation else 0.0
    suspends = limits.restrict if peak.on_probation else limits.suspend
    if peak.score + prior >= suspends:
        if peak.suspended:
            return Outcome("suspend")
        return Outcome("restrict", open=not peak.only_restricted)
    if peak.score + prior >= limits.restrict:
        return Outcome("restrict")
    return Outcome("alert" if peak.score >= limits.alert else "")


def peaks(since: datetime, in_force: Limits) -> list[Peak]:
    """The highest score of each mailbox and generation since then, the highest first."""
    # A guard says the thresholds that hold for a mailbox: on probation a nat lower (guard.sampling.thresholds).
    rows: dict[tuple[str, int, bool], list[dict[str, Any]]] = {}
    grouped = ScorePoint.objects.filter(t__gte=since).values("mailbox", "generation", "restrict", "action")
    for row in grouped.annotate(top=Max("score"), least=Min("suspend")).order_by():
        watched = row["restrict"] is not None and row["restrict"] < in_force.restrict
        rows.setdefault((row["mailbox"], row["generation"], watched), []).append(dict(row))
    found = [
        Peak(
            mailbox,
            generation,
            max(row["top"] for row in group),
            watched,
            any(row["action"] == "suspend" for row in group),
            any(
                row["action"] == "restrict" and row["least"] is not None and row["top"] >= row["least"] for row in group
            ),
        )
        for (mailbox, generation, watched), group in rows.items()
    ]
    return sorted(found, key=lambda peak: (-peak.score, peak.mailbox, peak.generation))


def _incidents(mailboxes: set[str]) -> dict[tuple[str, int], Incident]:
    rows = Incident.objects.filter(mailbox__in=mailboxes)
    return {(row.mailbox, row.generation): row for row in rows}
