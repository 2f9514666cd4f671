"""The audit log: who did what, when, and where the act came in. Append-only, each row holding the hash of the one
before.

`record` is called in the transaction of the change, so that there is no change without its row and no row without its
change. What the chain proves: a row changed, inserted or deleted later is found by `verify`, the last rows too.
What it cannot: who can write to the whole database can make all of it anew; the head, noted elsewhere, tells.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet
from django.utils import timezone

from sekisho.incidents.audit_erasure import VERB, Tally, erased_by
from sekisho.incidents.audit_models import Audit, AuditHead

Via = Literal["panel", "api", "cli", "worker", "agent"]
# Set by the entrance of a process or request; whoever sets nothing is the worker.
_via: ContextVar[Via] = ContextVar("sekisho_audit_via", default="worker")

# Names under which a secret would come along; what is under them is not written.
SECRET_NAMES = frozenset({"password", "new_password", "secret", "token", "code", "key", "pwhash", "hash"})
MASK = "…"
# A cell that begins so is a formula for spreadsheets (OWASP, CSV Injection): a quotation mark before it makes it text.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("number", "at", "actor", "via", "verb", "subject", "domain", "details", "previous", "hash")


@contextmanager
def entered_by(via: Via) -> Iterator[None]:
    """Acts inside came in this way."""
    former = _via.set(via)
    try:
        yield
    finally:
        _via.reset(former)


def enter_by(via: Via) -> None:
    """All acts of this thread, and of contexts copied from it, come in this way from now on."""
    _via.set(via)


def record(
    actor: str,
    verb: str,
    subject: str = "",
    *,
    domain: str = "",
    details: dict[str, Any] | None = None,
    at: datetime | None = None,
    account: AbstractBaseUser | None = None,
) -> Audit:
    """Appends one row, in the caller's transaction where there is one. `domain`: whose admins may read it; without it
    that of an address in `subject`. What stands under a secret's name in `details` is masked."""
    return Audit.objects.create(
        at=at or timezone.now(),
        actor=actor[:255],
        via=_via.get(),
        verb=verb,
        subject=subject[:255],
        domain=domain or subject[:255].rpartition("@")[2],
        details={name: MASK if name in SECRET_NAMES else value for name, value in (details or {}).items()},
        account_id=account.pk if account else None,
    )


def search(
    rows: QuerySet[Audit], query: str = "", *, verb: str = "", via: str = "", since: datetime | None = None
) -> QuerySet[Audit]:
    """The rows that hold the words of `query` in actor, subject, verb or domain; each filter only where it is given."""
    for word in query.split():
        within = Q(actor__icontains=word) | Q(subject__icontains=word)
        rows = rows.filter(within | Q(verb__icontains=word) | Q(domain__icontains=word))
    if verb:
        rows = rows.filter(verb=verb)
    if via:
        rows = rows.filter(via=via)
    return rows.filter(at__gte=since) if since else rows


def audit_facts(row: Audit) -> dict[str, Any]:
    """One row as plain data."""
    return {name: getattr(row, name) for name in COLUMNS}


@dataclass(frozen=True)
class Break:
    """The number of the first row that is not as it was written, or that is missing."""

    row: int
    why: Literal["changed", "missing", "not chained", "added", "cut off"]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: how many rows were looked at, the hash of the last one, the first break, and how many rows
    an erasure in the chain has taken the persons from."""

    rows: int
    head: str
    broken: Break | None
    erased: int = 0


def verify() -> Verdict:
    """Walks the whole chain from its first row. Reads only; rows written meanwhile are left aside."""
    head = AuditHead.objects.filter(pk=1).first() or AuditHead(number=0, hash="")
    expected, previous, erased = 1, "", _Erased()
    for row in Audit.objects.filter(number__lte=head.number).order_by("number").iterator(chunk_size=2000):
        if why := _fault(row, expected, previous, erased):
            return Verdict(expected - 1, previous, Break(expected, why), erased.rows)
        expected, previous = expected + 1, row.hash
    if (expected - 1, previous) != (head.number, head.hash):
        return Verdict(expected - 1, previous, Break(expected, "cut off"), erased.rows)
    if erased.open and AuditHead.objects.get(pk=1).number > head.number:
        # Perhaps erased since the head was read: the row that vouches for it is behind that head.
        return verify()
    if erased.open:
        return Verdict(
            expected - 1, previous, Break(min(t.first for t in erased.open.values()), "changed"), erased.rows
        )
    # The row is read before the head: one that was appended properly meanwhile is below it by then.
    stray = Audit.objects.filter(number__gt=head.number).order_by("-number").first()
    added = stray is not None and stray.number > AuditHead.objects.get(pk=1).number
    return Verdict(expected - 1, previous, Break(stray.number, "added") if stray and added else None, erased.rows)


@dataclass
class _Erased:
    """Rows seen so far that say they were erased: those an erasure has vouched for, and the rest by its number."""

    rows: int = 0
    open: dict[int, Tally] = field(default_factory=dict)

    def take(self, row: Audit, by: int) -> None:
        self.open.setdefault(by, Tally()).add(row)

    def close(self, row: Audit) -> bool:
        """Whether this row vouches for exactly the rows that name it; true for one that nobody names."""
        tally = self.open.pop(row.number, Tally())
        self.rows += tally.rows
        return tally.is_vouched_for(row) if tally.rows or row.verb == VERB else True


Fault = Literal["", "changed", "missing", "not chained"]


def _fault(row: Audit, expected: int, previous: str, erased: _Erased) -> Fault:
    if row.number != expected:
        return "missing"
    if row.previous != previous:
        return "not chained"
    by = erased_by(row)
    # Only a later row can have erased this one.
    if by is not None and by > row.number:
        erased.take(row, by)
        return ""
    return "" if row.hash == row.proper_hash() and erased.close(row) else "changed"


def csv_lines(rows: Iterable[Audit]) -> Iterator[str]:
    """The rows as CSV (RFC 4180), a line each, with a line of titles; no cell is a formula for a spreadsheet."""
    yield _csv_line(COLUMNS)
    for row in rows:
        facts = audit_facts(row)
        facts["at"] = row.at.isoformat()
        facts["details"] = json.dumps(row.details, ensure_ascii=False, sort_keys=True)
        yield _csv_line(safe_cell(str(facts[name])) for name in COLUMNS)


def safe_cell(text: str) -> str:
    """The text, with ' before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
