"""Erasing persons from the audit log without breaking its chain.

A row keeps its number, moment, verb, way in, domain and *hash*; whatever names somebody gives way to a marker. The row
of the erasure is appended in the same transaction and vouches for the marked ones: its details hold how many and a
digest over them as they stand now, and each of them names that row. So a row cannot pass for an erased one unless an
erasure in the chain says so, and an erased row changed later is found as any other is (audit_chain).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sekisho.incidents.audit_models import Audit, AuditHead
from sekisho.incidents.audit_seal import chain_hash

VERB = "domain_erased"
MARK = "[erased]"
# In an erased row's details: the number of the row that vouches for it.
BY = "erased_by"
# In the details of the row that vouches.
COUNT, DIGEST = "audit_rows", "audit_digest"
# Rows read at a time, as `verify` does.
CHUNK = 2000


def erased_by(row: Audit) -> int | None:
    """The number of the erasure that a row claims to have been changed by; None for a row as it was written."""
    number = row.details.get(BY) if isinstance(row.details, dict) else None
    return number if isinstance(number, int) and row.hash != row.proper_hash() else None


@dataclass
class Tally:
    """What one erasure vouches for: its rows in the order of their numbers."""

    first: int = 0
    rows: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, row: Audit) -> None:
        """Takes in an erased row as it stands now, with the hash it had when it was written."""
        self.first = self.first or row.number
        self.rows += 1
        details = {name: value for name, value in row.details.items() if name != BY}
        words = [row.actor, row.via, row.verb, row.subject, row.domain]
        now = chain_hash(row.number, row.at, words, details, row.account_id, row.previous)
        self._digest.update(f"{row.number} {row.hash} {now}\n".encode())

    def facts(self) -> dict[str, Any]:
        """For the details of the vouching row."""
        return {COUNT: self.rows, DIGEST: self._digest.hexdigest()}

    def is_vouched_for(self, row: Audit, instead: Mapping[str, Any] | None = None) -> bool:
        """Whether this row of the log is an erasure of just these rows; `instead` of its own words what an anchor
        says that is left of them."""
        told = row.details if instead is None else instead
        return row.verb == VERB and {name: told.get(name) for name in (COUNT, DIGEST)} == self.facts()


def concerned(domain: str) -> Iterator[Audit]:
    """The rows that name somebody of this domain, oldest first; erasures and what they have erased are left aside."""
    for row in Audit.objects.order_by("number").iterator(chunk_size=CHUNK):
        about_them = row.domain == domain or any(_names(text, domain) for text in _texts(row))
        if about_them and row.verb != VERB and erased_by(row) is None:
            yield row


def erase(domain: str, actor: str, counts: dict[str, int], at: datetime) -> int:
    """Marks the rows of this domain's people and appends the erasure, which names the domain and `counts` only; how
    many rows were marked. To be called inside `audit_seal.opened`, or the database refuses."""
    head, _ = AuditHead.objects.select_for_update().get_or_create(pk=1)
    number, tally = head.number + 1, Tally()
    for row in list(concerned(domain)):
        _mark(row, domain)
        tally.add(row)
        Audit.objects.filter(pk=row.pk).update(
            actor=row.actor, subject=row.subject, account_id=row.account_id, details={**row.details, BY: number}
        )
    vouching = Audit(
        at=at,
        actor=actor[:255],
        via="cli",
        verb=VERB,
        subject=domain,
        domain=domain,
        details={"rows": counts, **tally.facts()},
    )
    vouching.save()
    if vouching.number != number:
        raise RuntimeError("another row was appended during the erasure")
    return tally.rows


def _mark(row: Audit, domain: str) -> None:
    """A row of this domain loses everything that may name a person; one of another only what names somebody here."""
    if row.domain == domain:
        row.actor, row.subject, row.details, row.account_id = MARK, MARK, {}, None
        return
    if _names(row.actor, domain):
        row.actor, row.account_id = MARK, None
    if _names(row.subject, domain):
        row.subject = MARK
    row.details = _without(row.details, domain)


def _without(value: Any, domain: str) -> Any:
    if isinstance(value, dict):
        return {MARK if _names(name, domain) else name: _without(inner, domain) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, domain) for inner in value]
    return MARK if isinstance(value, str) and _names(value, domain) else value


def _texts(row: Audit) -> Iterable[str]:
    return row.actor, row.subject, json.dumps(row.details, ensure_ascii=False)


def _names(text: str, domain: str) -> bool:
    """Whether an address at this domain stands in the text; x@ours.test.example and x@sub.ours.test are others'."""
    text, at = text.lower(), f"@{domain}"
    position = text.find(at)
    while position >= 0:
        rest = text[position + len(at) :]
        if not rest[:1].isalnum() and rest[:1] not in ("-", "_") and not (rest[:1] == "." and rest[1:2].isalnum()):
            return True
        position = text.find(at, position + 1)
    return False
