"""The score of a mailbox over time: readings from the spool and the decisions themselves, as rows, bounded.

A reading and a decision become the same kind of row; the id of the record they came in makes a second one harmless.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sekisho.incidents.models import ScorePoint
from sekisho.journal import DecisionRecord, ScoreSampled

# Readings of one mailbox, the newest: eight hours with one a minute, or three and a half days of a score that stands
# still. Decisions are few and not counted.
MOST_READINGS = 500

Facts = dict[str, Any]


def keep_sample(event: ScoreSampled) -> None:
    """A reading as a row, unless it is there; the oldest readings of the mailbox make room."""
    if _insert(event, event.findings, ""):
        _make_room(event.mailbox[:255])


def keep_decision(record: DecisionRecord) -> None:
    """A decision as a row, unless it is there."""
    _insert(record, {found.name: found.value for found in record.indicators}, record.action)


def _insert(record: ScoreSampled | DecisionRecord, findings: dict[str, float], action: str) -> bool:
    lines = record.thresholds
    _, made = ScorePoint.objects.get_or_create(
        id=record.id[:64],
        defaults={
            "mailbox": record.mailbox[:255],
            "generation": record.generation,
            "t": datetime.fromtimestamp(record.t, UTC),
            "score": record.score,
            "findings": findings,
            "alert": lines.alert if lines else None,
            "restrict": lines.restrict if lines else None,
            "suspend": lines.suspend if lines else None,
            "action": action,
        },
    )
    return made


def _make_room(mailbox: str) -> None:
    readings = ScorePoint.objects.filter(mailbox=mailbox, action="")
    last_kept = readings.order_by("-t", "-id").values_list("t", flat=True)[MOST_READINGS - 1 : MOST_READINGS]
    for t in last_kept:
        readings.filter(t__lt=t).delete()


def history(mailbox: str, generation: int | None = None) -> list[ScorePoint]:
    """The mailbox' points, oldest first; of one generation: exactly those of its incident."""
    points = ScorePoint.objects.filter(mailbox=mailbox)
    if generation is not None:
        points = points.filter(generation=generation)
    return list(points.order_by("t", "id"))


def has_history(mailbox: str, generation: int) -> bool:
    """Whether `history` of this generation has a point."""
    return ScorePoint.objects.filter(mailbox=mailbox, generation=generation).exists()


def point_facts(point: ScorePoint) -> Facts:
    """One point as `--json` prints it; `action` is "" for a reading between decisions."""
    return {
        "t": point.t,
        "generation": point.generation,
        "score": point.score,
        "findings": point.findings,
        "thresholds": {"alert": point.alert, "restrict": point.restrict, "suspend": point.suspend},
        "action": point.action,
    }
