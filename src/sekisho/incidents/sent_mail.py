"""What logins have handed in, message by message and recipient by recipient, written a batch of events at a time.

A message is known by its first queue id. A content filter or `postsuper -r` gives it another one: that row
(QueueIdLogin) names the first as its `origin`, and the copies' results are kept with the first. Rows about every
mailbox, also of innocent people: who wrote to whom is under the secrecy of communications, so they go after ten days
unless they are an incident's evidence (incidents.retention).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import connections
from django.db.models import F

from sekisho.incidents.models import ForwardedMail, QueueIdLogin, SentRecipient
from sekisho.journal import DeliveryResult, MailForwarded, MessageSubmitted, QueueIdPaired

HOUR = 3600
SentEvent = MessageSubmitted | QueueIdPaired | DeliveryResult
# Rows of one INSERT: with ten columns each below the thousand values SQLite was once compiled for.
ROWS = 90
# Short queue ids come again after days (the microsecond and the inode); a message is written down within a minute.
REUSED_SECONDS = 60
# RFC 3463, section 3.8: X.7.Z is security or policy; 5.7.1 is what filters answer. Others only say it in words.
_SPAM_WORDS = re.compile(r"\b(?:spam|junk|unsolicited|blacklisted|blocklist|blocked using|bulk mail)\b", re.I).search
_SOURCE_FIELDS = ["ip", "country", "asn", "strange"]
_MESSAGE_FIELDS = ["mailbox", "at", "sender", "recipients", "size", "message_id", *_SOURCE_FIELDS, "origin", "listed"]
_RESULT_FIELDS = ["outcome", "dsn", "reply", "result_at"]


def outcome_of(status: str, dsn: str, reply: str) -> str:
    """What a delivery's result means: delivered, waiting, refused_as_spam or refused (also: given up)."""
    if status == "sent":
        return "delivered"
    if status == "deferred":
        return "waiting"
    if dsn.startswith("5.7.") or (dsn.startswith(("5.0", "5.5", "5.6")) and _SPAM_WORDS(reply)):
        return "refused_as_spam"
    return "refused"


class SentMail:
    """Collects the events of one transaction; `write` writes them in a handful of statements."""

    def __init__(self) -> None:
        self._events: list[SentEvent] = []
        # First, last, how many.
        self._forwards: dict[tuple[str, str, str, int], tuple[float, float, int]] = {}

    def add(self, event: SentEvent) -> None:
        self._events.append(event)

    def forwarded(self, event: MailForwarded) -> None:
        key = (event.mailbox[:255], event.target[:320], event.via, int(event.t // HOUR))
        first, last, count = self._forwards.get(key, (event.t, event.t, 0))
        self._forwards[key] = (min(first, event.t), max(last, event.t), count + 1)

    def write(self) -> None:
        """All of them, in their order; raises what the database raises."""
        if self._events:
            _Batch(self._events).write()
        for key, sums in self._forwards.items():
            _add_forwards(key, *sums)

    def singly(self) -> Iterator[tuple[SentEvent | MailForwarded, Callable[[], None]]]:
        """Each by itself, when they cannot be written together: an event, and the call that writes it."""
        for event in self._events:
            yield event, _Batch([event]).write
        for (mailbox, target, via, hour), sums in self._forwards.items():
            told = MailForwarded(sums[0], mailbox, target, "alias" if via == "alias" else "sieve")
            yield told, partial(_add_forwards, (mailbox, target, via, hour), *sums)


class _Batch:
    """The rows that some events touch, changed in memory and written at the end."""

    def __init__(self, events: Iterable[SentEvent]) -> None:
        self._events = list(events)
        self._messages: dict[str, QueueIdLogin] = {}
        self._touched: set[str] = set()
        self._reused: set[str] = set()
        self._new: dict[tuple[str, str], SentRecipient] = {}
        self._results: dict[tuple[str, str], tuple[DeliveryResult, QueueIdLogin]] = {}

    def write(self) -> None:
        ids = {event.queue_id[:40] for event in self._events}
        ids |= {event.former_queue_id[:40] for event in self._events if isinstance(event, QueueIdPaired)}
        self._messages = QueueIdLogin.objects.in_bulk(ids)
        for event in self._events:
            if isinstance(event, MessageSubmitted):
                self._submitted(event)
            elif isinstance(event, QueueIdPaired):
                self._paired(event)
            else:
                self._result(event)
        if self._reused:
            SentRecipient.objects.filter(queue_id__in=self._reused).delete()
        _upsert(QueueIdLogin, [self._messages[one] for one in self._touched], ["queue_id"], _MESSAGE_FIELDS)
        SentRecipient.objects.bulk_create(self._new.values(), batch_size=ROWS, ignore_conflicts=True)
        self._write_results()

    def _submitted(self, event: MessageSubmitted) -> None:
        key, at = event.queue_id[:40], _time(event.t)
        known = self._messages.get(key)
        if known is not None and (at - known.at).total_seconds() > REUSED_SECONDS:
            self._reused.add(key)
            known = None
        asked = len(event.own) + len(event.partners) + len(event.strangers)
        self._put(
            QueueIdLogin(
                queue_id=key, mailbox=event.mailbox[:255], at=at, sender=event.sender[:320],
                recipients=event.recipients, size=event.size, message_id=known.message_id if known else "",
                ip=event.ip[:45], country=event.country[:2], asn=event.asn, strange=event.strange,
                listed=asked >= event.recipients > 0,
            )
        )  # fmt: skip
        outcome = "asked" if asked > event.recipients else "waiting"
        for relation, recipients in (("own", event.own), ("partner", event.partners), ("stranger", event.strangers)):
            for recipient in recipients:
                row = _recipient(self._messages[key], recipient, relation, outcome)
                self._new[row.queue_id, row.recipient] = row

    def _paired(self, event: QueueIdPaired) -> None:
        """The log's word on a queue id: of a message we know already, or a filter's new id for a known one."""
        key = event.queue_id[:40]
        row = self._messages.get(key)
        if row is None:
            row = self._first_seen(event)
            self._put(row)
        if event.message_id and row.mailbox == event.mailbox[:255]:
            row.message_id = event.message_id[:255]
            self._touched.add(key)

    def _first_seen(self, event: QueueIdPaired) -> QueueIdLogin:
        row = QueueIdLogin(
            queue_id=event.queue_id[:40], mailbox=event.mailbox[:255], at=_time(event.t), ip=event.ip[:45],
            country=event.country[:2], asn=event.asn, strange=event.strange,
        )  # fmt: skip
        former = self._messages.get(event.former_queue_id[:40]) if event.former_queue_id else None
        if former is not None:
            for name in ("sender", "recipients", "size", *_SOURCE_FIELDS, "listed"):
                setattr(row, name, getattr(former, name))
            row.origin = former.origin or former.queue_id
        return row

    def _put(self, row: QueueIdLogin) -> None:
        self._messages[row.queue_id] = row
        self._touched.add(row.queue_id)

    def _result(self, event: DeliveryResult) -> None:
        message = self._messages.get(event.queue_id[:40])
        # Without a row nobody knows who handed it in: older than what is kept.
        if message is None:
            return
        key = (message.origin or message.queue_id, (event.original or event.recipient)[:320])
        known = self._results.get(key)
        # One address may stand for several mailboxes (an alias): where one copy arrived, it was delivered.
        if known is None or known[0].status != "sent":
            self._results[key] = (event, message)

    def _write_results(self) -> None:
        if not self._results:
            return
        queue_ids, recipients = ({key[place] for key in self._results} for place in (0, 1))
        rows = SentRecipient.objects.filter(queue_id__in=queue_ids, recipient__in=recipients)
        known = {(row.queue_id, row.recipient): row for row in rows}
        changed = []
        for key, (event, message) in self._results.items():
            row = known.get(key)
            if row is None:
                # A copy that nobody asked us about (always_bcc, an archive) was not his.
                if message.listed:
                    continue
                row = _recipient(message, key[1], event.relation or "stranger", "waiting")
                row.queue_id = key[0]
            if row.outcome == "delivered":
                continue
            row.outcome = outcome_of(event.status, event.dsn, event.reply)
            row.dsn, row.reply, row.result_at = event.dsn[:12], event.reply[:250], _time(event.t)
            # Without its number: it is found by queue id and recipient.
            row.pk = None
            changed.append(row)
        _upsert(SentRecipient, changed, ["queue_id", "recipient"], _RESULT_FIELDS)


def _recipient(message: QueueIdLogin, recipient: str, relation: str, outcome: str) -> SentRecipient:
    address = recipient[:320]
    return SentRecipient(
        queue_id=message.queue_id, mailbox=message.mailbox, at=message.at, recipient=address,
        domain=address.rpartition("@")[2][:255], relation=relation, outcome=outcome,
    )  # fmt: skip


def _upsert(model: Any, rows: list[Any], unique: list[str], fields: list[str]) -> None:
    # MariaDB finds the conflicting key itself and refuses to be told.
    target = {"unique_fields": unique} if connections["default"].features.supports_update_conflicts_with_target else {}
    model.objects.bulk_create(rows, batch_size=ROWS // 2, update_conflicts=True, update_fields=fields, **target)


def _add_forwards(key: tuple[str, str, str, int], first: float, last: float, count: int) -> None:
    mailbox, target, via, hour = key
    row, made = ForwardedMail.objects.get_or_create(
        mailbox=mailbox, target=target, via=via, hour=_time(hour * HOUR),
        defaults={"first_at": _time(first), "last_at": _time(last), "count": count},
    )  # fmt: skip
    if not made:
        ForwardedMail.objects.filter(pk=row.pk).update(
            count=F("count") + count, first_at=min(row.first_at, _time(first)), last_at=max(row.last_at, _time(last))
        )


def _time(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
