"""The rows behind each figure of a report: whoever doubts a number counts them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from sekisho.impact import changes, entry, reading, report, sending
from sekisho.impact.model import EvidenceRow
from sekisho.impact.whose import whose
from sekisho.incidents.models import Incident


def rows(incident: Incident, figure: str, now: datetime | None = None) -> Iterator[EvidenceRow]:
    """The evidence of one figure by its name ("sent.outcome:delivered"), or of "changed"; none for an unknown name.

    Streams: a hundred thousand rows are never held at once. `now`: the report's `made_at`, so that both count the same.
    """
    at = now or timezone.now()
    his = whose(incident, at)
    part = figure.partition(".")[0].partition(":")[0]
    if part == "sent":
        yield from sending.evidence_of(incident, his, at, figure)
    elif part in ("entry", "touched"):
        yield from entry.evidence_of(his, figure)
    elif part == "read":
        yield from reading.evidence_of(incident, his.ips, his.since, his.until, figure)
    elif part in ("changed", "leaked"):
        yield from changes.evidence_of(incident, his, figure)
    elif part == report.ADDRESS_BOOK:
        for step, number in report.contact_counts(incident):
            facts: dict[str, str | int | float | bool | None] = {"host": step.host, "count": number}
            at_step = step.at or incident.detected_at
            yield EvidenceRow(figure, "step", str(step.pk), at_step.timestamp(), facts)
