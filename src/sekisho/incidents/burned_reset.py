"""A burned password written back into the site's table: its mailbox trips by the hash, before anybody logs in.

The decision goes the way of the guard's: the same rules (detection.decide: protected mailboxes, the fuse, observing
only), the same record. Its id is made of mailbox and generation, so looking twice decides once.
"""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import datetime
from typing import cast

from sekisho import detection
from sekisho.config import Settings
from sekisho.detection import DEFAULT_LIMITS, Fuse
from sekisho.detection.breaker import Status
from sekisho.directory.models import Contact, DomainMode
from sekisho.incidents import burned
from sekisho.incidents.changes import current_status
from sekisho.incidents.detected import record_detection
from sekisho.incidents.models import Decision, MailboxStatus
from sekisho.journal import DecisionRecord, IndicatorRecord

log = logging.getLogger(__name__)

# Two indexed reads for all burned mailboxes. A password put back is used minutes later; the guard's own look at logins
# does not wait for this one.
EVERY_S = 5.0


class BurnedResets:
    """Call it at each turn of the worker; it looks every EVERY_S seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next = 0.0
        # A site restored from a backup brings many old passwords back at once: that is a case for a person.
        self._fuse = Fuse()

    def __call__(self, now: datetime) -> int:
        """How many mailboxes tripped; raises OperationalError while a database is away."""
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + EVERY_S
        found = burned.put_back()
        if not found:
            return 0
        shut = MailboxStatus.objects.filter(mailbox__in=found, status="suspended").values_list("mailbox", flat=True)
        return sum(self._trip(mailbox, now) for mailbox in sorted(set(found) - set(shut)))

    def _trip(self, mailbox: str, now: datetime) -> bool:
        record = self._decide(mailbox, now.timestamp())
        if record is None:
            return False
        log.warning("%s: a burned password is back in the site's table", mailbox)
        if record.enforced and record.action == "suspend":
            self._fuse.record(mailbox.rpartition("@")[2], record.t)
        record_detection(record)
        return True

    def _decide(self, mailbox: str, t: float) -> DecisionRecord | None:
        status = current_status(mailbox)
        local_part, _, domain = mailbox.rpartition("@")
        identity = hashlib.sha256(f"burned\0{mailbox}\0{status.generation}".encode()).hexdigest()[:32]
        if Decision.objects.filter(pk=identity).exists():
            return None
        mode = DomainMode.objects.filter(domain=domain).values_list("mode", flat=True).first()
        before = cast(Status, status.status)
        protected = local_part in self._settings.protected_local_parts
        decision = detection.decide(
            before,
            detection.burned_reset(mailbox, t, DEFAULT_LIMITS),
            "detection",
            cast(detection.breaker.Mode, mode or self._settings.mode),
            self._fuse,
            protected=protected or Contact.objects.filter(address=mailbox).exists(),
            limit=status.limit,
        )
        if decision is None:
            return None
        return DecisionRecord(
            id=identity,
            t=t,
            host=self._settings.host,
            mailbox=mailbox,
            generation=status.generation,
            action=decision.action,
            before=decision.before,
            after=decision.after,
            limit=decision.limit,
            enforced=decision.enforced,
            score=round(decision.score, 2),
            indicators=tuple(
                IndicatorRecord(one.name, one.value, one.evidence_ja, one.evidence_en) for one in decision.indicators
            ),
            first_risk_at=t,
            fuse_blown=decision.hold and self._fuse.is_blown(domain, t),
        )
