"""The audit log: who did what, when, and where the act came in. Append-only, each row holding the hash of the one
before.

`record` is called in the transaction of the change, so that there is no change without its row and no row without its
change. What the chain proves: a row changed, inserted or deleted later is found by `verify` (audit_chain), the last
rows too. What it cannot: who can write to the whole database can make all of it anew; the head, noted elsewhere, tells.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet
from django.utils import timezone

from sekisho.incidents.audit_chain import Break as Break
from sekisho.incidents.audit_chain import Verdict as Verdict
from sekisho.incidents.audit_chain import verify as verify
from sekisho.incidents.audit_models import Audit

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


def entrance() -> Via:
    """Where acts of this thread come in."""
    return _via.get()


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
