"""Removing the oldest entries of the audit log (`[retention] audit_days`) so that the rest still verifies.

An anchor is appended in the same transaction: an entry that says up to which number entries went, how many, how old
the last of them was, its hash, who did it and by which rule. From there the chain is walked (audit_chain), and the
database refuses to delete a row that no anchor covers (audit_seal). What goes is looked at first: entries that are not
as they were written stay, for they are the evidence of it.

An erasure (audit_erasure) vouches for rows before it. Where some of these go and the erasure stays, the anchor holds
its count and digest over those that are left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from sekisho.config.model import FOR_EVER_DAYS
from sekisho.incidents import audit
from sekisho.incidents.audit_chain import CHUNK, ERASURES, LAST_HASH, Anchor, Erased, anchor, fault, verify
from sekisho.incidents.audit_erasure import Tally, erased_by
from sekisho.incidents.audit_models import Audit, AuditHead
from sekisho.incidents.audit_seal import PRUNED
from sekisho.incidents.changes import NotAllowed

log = logging.getLogger(__name__)

# Entries a transaction, each read and hashed first: some 0.1 s, in which nobody else appends one.
BATCH = 2000


def count(days: int, now: datetime) -> int:
    """How many entries are older than that and would go."""
    start = anchor(_head_number())
    return max(0, _last_due(days, now, start) - start.number)


def batches(days: int, now: datetime, actor: str, size: int = BATCH) -> Iterator[int]:
    """Removes what is due, oldest first, an anchor a batch; how many each time. Raises NotAllowed for entries that are
    not as they were written. Killed between two, it begins anew."""
    while removed := remove(days, now, actor, size):
        yield removed


def daily(days: int, now: datetime) -> Iterator[int]:
    """The worker's: what may not go is a line in its log, every day."""
    try:
        yield from batches(days, now, "worker")
    except NotAllowed as refusal:
        log.error("%s", refusal)


def remove(days: int, now: datetime, actor: str, size: int = BATCH) -> int:
    """Removes the oldest entries that are due, `size` at most, and appends their anchor; how many went. Raises
    NotAllowed, then nothing went."""
    with transaction.atomic(using="default"):
        # Locked as for appending: nobody else does meanwhile.
        head = AuditHead.objects.select_for_update().filter(pk=1).first()
        start = anchor(head.number if head else 0)
        last = min(_last_due(days, now, start), start.number + size)
        if head is None or last <= start.number:
            return 0
        end = _looked_at(start, last)
        left = _left_of_erasures(start, last)
        details = {
            "rows": last - start.number,
            "days": days,
            "until": end.at.isoformat(),
            LAST_HASH: end.hash,
            **({ERASURES: left} if left else {}),
        }
        Audit(at=now, actor=actor[:255], via=audit.entrance(), verb=PRUNED, subject=str(last), details=details).save()
        # By its own statement: Django would read every row first, and `delete` of one is refused.
        Audit.objects.filter(number__lte=last)._raw_delete("default")
        return last - start.number


def _head_number() -> int:
    return AuditHead.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _last_due(days: int, now: datetime, start: Anchor) -> int:
    """The number of the last entry to go, or of the last that went. Only what has nothing younger before it; and not
    for anchors alone, or each day would remove one and write one."""
    if days >= FOR_EVER_DAYS:
        return start.number
    kept = Audit.objects.filter(at__gte=now - timedelta(days=days)).order_by("number")
    first_kept = kept.values_list("number", flat=True).first()
    last = first_kept - 1 if first_kept else _head_number()
    return last if _rows(start.number, last).exclude(verb=PRUNED).exists() else start.number


def _rows(after: int, last: int) -> QuerySet[Audit]:
    return Audit.objects.filter(number__gt=after, number__lte=last).order_by("number")


def _looked_at(start: Anchor, last: int) -> Audit:
    """The last of the entries that go; raises NotAllowed unless all of them are as they were written."""
    expected, previous, erased = start.number + 1, start.hash, Erased(start.vouched)
    end = None
    for row in _rows(0, last).iterator(chunk_size=CHUNK):
        if fault(row, expected, previous, erased):
            break
        expected, previous, end = expected + 1, row.hash, row
    if end is None or end.number != last or any(by <= last for by in erased.open):
        raise NotAllowed(
            f"the audit log is not as it was written near entry {expected}; nothing of it is removed "
            "(sekisho audit verify)"
        )
    return end


def _left_of_erasures(start: Anchor, last: int) -> dict[str, dict[str, Any]]:
    """For erasures that stay, and of whose rows some went or go now: how many are left, and their digest."""
    named = (erased_by(row) for row in _rows(start.number, last).iterator(chunk_size=CHUNK))
    partly = {by for by in (*named, *map(int, start.vouched)) if by is not None and by > last}
    if not partly:
        return {}
    # The digest is made anew over rows that only the present one vouches for.
    if verify().broken:
        raise NotAllowed("the audit log is broken; nothing of it is removed (sekisho audit verify)")
    tallies = {by: Tally() for by in sorted(partly)}
    for row in _rows(last, max(partly)).iterator(chunk_size=CHUNK):
        if (by := erased_by(row)) in tallies:
            tallies[by].add(row)
    return {str(by): tally.facts() for by, tally in tallies.items()}
