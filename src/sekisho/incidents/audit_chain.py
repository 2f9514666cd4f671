"""Whether the audit log is as it was written: the walk along its chain, from the first row or from an anchor.

An anchor is a row of the log (verb `audit_pruned`, audit_pruning) that says which entries were removed before it: the
number and the hash of the last of them. The newest one counts. It is hashed and chained as all others are, so a row
that is missing without one is found, and so is an anchor that somebody changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sekisho.incidents.audit_erasure import VERB, Tally, erased_by
from sekisho.incidents.audit_models import Audit, AuditHead
from sekisho.incidents.audit_seal import PRUNED

# In an anchor's details: the hash of the last entry removed, and what is left of earlier erasures' rows.
LAST_HASH, ERASURES = "last_hash", "erasures"
# Rows read at a time.
CHUNK = 2000


@dataclass(frozen=True)
class Break:
    """The number of the first row that is not as it was written, or that is missing."""

    row: int
    why: Literal["changed", "missing", "not chained", "added", "cut off"]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: how many rows were looked at, the hash of the last one, the first break, and how many rows
    an erasure in the chain has taken the persons from. The first `removed` entries were removed by retention, the last
    of them at that time by whom."""

    rows: int
    head: str
    broken: Break | None
    erased: int = 0
    removed: int = 0
    removed_at: datetime | None = None
    removed_by: str = ""


@dataclass(frozen=True)
class Anchor:
    """Where the chain begins: behind entry `number`, whose hash was `hash`. Without an anchor: before the first."""

    number: int = 0
    hash: str = ""
    at: datetime | None = None
    actor: str = ""
    # By the number of an erasure: what it vouches for since some of its rows were removed.
    vouched: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def anchor(last: int) -> Anchor:
    """The newest anchor among the entries up to this one. One that says nonsense counts for nothing."""
    row = Audit.objects.filter(verb=PRUNED, number__lte=last).order_by("-number").first()
    if row is None or not row.subject.isdecimal() or int(row.subject) >= row.number:
        return Anchor()
    details = row.details if isinstance(row.details, dict) else {}
    left = details.get(ERASURES)
    vouched = {
        by: facts
        for by, facts in (left.items() if isinstance(left, dict) else ())
        if by.isdecimal() and isinstance(facts, dict)
    }
    return Anchor(int(row.subject), str(details.get(LAST_HASH, "")), row.at, row.actor, vouched)


def verify() -> Verdict:
    """Walks the whole chain from its first row. Reads only; rows written meanwhile are left aside."""
    head = AuditHead.objects.filter(pk=1).first() or AuditHead(number=0, hash="")
    found = _walk(head, anchor(head.number))
    # Perhaps erased or removed since the head was read: the row that says so is behind that head.
    if found.broken and Audit.objects.filter(number__gt=head.number, verb__in=(VERB, PRUNED)).exists():
        return verify() if AuditHead.objects.get(pk=1).number > head.number else found
    return found


def _walk(head: AuditHead, start: Anchor) -> Verdict:
    expected, previous, erased = start.number + 1, start.hash, Erased(start.vouched)

    def found(broken: Break | None) -> Verdict:
        looked_at = expected - 1 - start.number
        return Verdict(looked_at, previous, broken, erased.rows, start.number, start.at, start.actor)

    for row in Audit.objects.filter(number__lte=head.number).order_by("number").iterator(chunk_size=CHUNK):
        if why := fault(row, expected, previous, erased):
            return found(Break(min(expected, row.number), why))
        expected, previous = expected + 1, row.hash
    if (expected - 1, previous) != (head.number, head.hash):
        return found(Break(expected, "cut off"))
    if erased.open:
        return found(Break(min(tally.first for tally in erased.open.values()), "changed"))
    # The row is read before the head: one that was appended properly meanwhile is below it by then.
    stray = Audit.objects.filter(number__gt=head.number).order_by("-number").first()
    if stray is not None and stray.number > AuditHead.objects.get(pk=1).number:
        return found(Break(stray.number, "added"))
    return found(None)


@dataclass
class Erased:
    """Rows seen so far that say they were erased: those an erasure has vouched for, and the rest by its number."""

    vouched: Mapping[str, dict[str, Any]]
    rows: int = 0
    open: dict[int, Tally] = field(default_factory=dict)

    def take(self, row: Audit, by: int) -> None:
        """An erased row, and the number of the erasure it names."""
        self.open.setdefault(by, Tally()).add(row)

    def close(self, row: Audit) -> bool:
        """Whether this row vouches for exactly the rows that name it; true for one that nobody names."""
        tally = self.open.pop(row.number, Tally())
        self.rows += tally.rows
        instead = self.vouched.get(str(row.number))
        return tally.is_vouched_for(row, instead) if tally.rows or row.verb == VERB else True


Fault = Literal["", "changed", "missing", "not chained", "added"]


def fault(row: Audit, expected: int, previous: str, erased: Erased) -> Fault:
    """What is wrong with this row, given the number and the hash before it that belong here; "" for nothing."""
    if row.number != expected:
        return "missing" if row.number > expected else "added"
    if row.previous != previous:
        return "not chained"
    by = erased_by(row)
    # Only a later row can have erased this one.
    if by is not None and by > row.number:
        erased.take(row, by)
        return ""
    return "" if row.hash == row.proper_hash() and erased.close(row) else "changed"
