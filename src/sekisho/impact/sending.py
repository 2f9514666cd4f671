"""What was sent: messages, recipients by what they were to the mailbox, and what became of each copy.

Counted by the database, so that a hundred thousand messages take seconds. A copy whose message an incident put on hold
is told by what became of the hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Case, CharField, Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from sekisho.impact.model import DomainCount, EvidenceRow, Figure, Outcome, Relation, Sent
from sekisho.impact.whose import Whose
from sekisho.incidents.models import HeldMessage, Incident, QueueIdLogin, SentRecipient

RELATIONS: tuple[Relation, ...] = ("own", "partner", "stranger")
OUTCOMES: tuple[Outcome, ...] = (
    "delivered", "escaped", "refused_as_spam", "refused", "held", "waiting", "deleted", "unknown",
)  # fmt: skip
# Domains named in a report: what a person looks through; the evidence has all recipients.
MOST_DOMAINS = 100
# Postfix gives a message up after five days (maximal_queue_lifetime): a copy without a result by then never had one.
LIFETIME = timedelta(days=5)
ARRIVED = ("delivered", "escaped")


def sent_of(incident: Incident, his: Whose, now: datetime) -> Sent:
    """Counts what he sent."""
    span = his.messages().aggregate(messages=Count("pk"), first=Min("at"), last=Max("at"))
    copies = _copies(incident, his, now)
    relations = _counted(copies, "relation")
    outcomes = _counted(copies, "final")
    missing = sum(_short_of(message) for message in _with_missing(his))
    outcomes["unknown"] = outcomes.get("unknown", 0) + missing

    def figure(name: str, value: int) -> Figure:
        return Figure(name, value, his.at_least)

    return Sent(
        messages=figure("sent.messages", span["messages"]),
        recipients=figure("sent.recipients", sum(outcomes.values())),
        relations={name: figure(f"sent.relation:{name}", relations.get(name, 0)) for name in RELATIONS},
        outcomes={name: figure(f"sent.outcome:{name}", outcomes[name]) for name in OUTCOMES if outcomes.get(name)},
        domains=tuple(
            DomainCount(
                row["domain"],
                figure(f"sent.domain:{row['domain']}", row["recipients"]),
                figure(f"sent.arrived:{row['domain']}", row["arrived"]),
            )
            for row in _by_domain(copies)
        ),
        first_at=span["first"].timestamp() if span["first"] else None,
        last_at=span["last"].timestamp() if span["last"] else None,
    )


def evidence_of(incident: Incident, his: Whose, now: datetime, figure: str) -> Iterator[EvidenceRow]:
    """The rows behind one of the figures above; streams."""
    if figure == "sent.messages":
        for message in his.messages().order_by("at", "pk").iterator():
            yield _message_row(figure, message)
        return
    name, _, value = figure.partition(":")
    copies = _copies(incident, his, now)
    wanted = {
        "sent.recipients": copies,
        "sent.relation": copies.filter(relation=value),
        "sent.outcome": copies.filter(final=value),
        "sent.domain": copies.filter(domain=value),
        "sent.arrived": copies.filter(domain=value, final__in=ARRIVED),
    }.get(name)
    if wanted is None:
        return
    for copy in wanted.order_by("at", "pk").iterator():
        yield _copy_row(figure, copy)
    if figure in ("sent.recipients", "sent.outcome:unknown"):
        for message in _with_missing(his):
            row = _message_row(figure, message)
            # So many of its recipients nobody has named.
            row.facts["count"] = _short_of(message)
            yield row


def _copies(incident: Incident, his: Whose, now: datetime) -> QuerySet[Any]:
    """Each recipient's copy with its outcome as `final`. Those that Postfix may have refused itself are none."""
    copies = SentRecipient.objects.filter(mailbox=his.mailbox, queue_id__in=his.messages().values("queue_id"))
    still_waiting = Q(outcome="waiting")
    return copies.exclude(outcome="asked").annotate(
        final=Case(
            When(still_waiting & _on_hold(incident, "held"), then=Value("held")),
            When(still_waiting & _on_hold(incident, "purged"), then=Value("deleted")),
            When(still_waiting & _on_hold(incident, "vanished"), then=Value("unknown")),
            When(Q(outcome="delivered") & _on_hold(incident, "escaped"), then=Value("escaped")),
            When(still_waiting & Q(at__lt=now - LIFETIME), then=Value("unknown")),
            default=F("outcome"),
            output_field=CharField(),
        )
    )


def _on_hold(incident: Incident, state: str) -> Q:
    """Copies of messages that are on hold (or were), under their first queue id or a later one."""
    ids = HeldMessage.objects.filter(incident=incident, state=state).values("queue_id")
    first_ids = QueueIdLogin.objects.filter(queue_id__in=ids).exclude(origin="").values("origin")
    return Q(queue_id__in=ids) | Q(queue_id__in=first_ids)


def _counted(copies: QuerySet[Any], name: str) -> dict[str, int]:
    return dict(copies.order_by().values_list(name).annotate(number=Count("pk")))


def _by_domain(copies: QuerySet[Any]) -> list[dict[str, Any]]:
    counted = copies.order_by().values("domain").annotate(
        recipients=Count("pk"), arrived=Count("pk", filter=Q(final__in=ARRIVED))
    )  # fmt: skip
    return cast(list[dict[str, Any]], list(counted.order_by("-recipients", "domain")[:MOST_DOMAINS]))


def _with_missing(his: Whose) -> QuerySet[QueueIdLogin]:
    """Messages with more recipients than are known by address: the guard was away, and no result was seen yet."""
    rows = SentRecipient.objects.filter(queue_id=OuterRef("queue_id")).exclude(outcome="asked").order_by()
    known = Subquery(rows.values("queue_id").annotate(number=Count("pk")).values("number"))
    counted = his.messages().annotate(known=Coalesce(known, Value(0)))
    return counted.filter(recipients__gt=F("known")).order_by("at", "pk")


def _short_of(message: QueueIdLogin) -> int:
    return message.recipients - int(message.known)  # type: ignore[attr-defined]


def _message_row(figure: str, message: QueueIdLogin) -> EvidenceRow:
    facts: dict[str, str | int | float | bool | None] = {
        "queue_id": message.queue_id, "sender": message.sender, "recipients": message.recipients,
        "size": message.size, "message_id": message.message_id, "ip": message.ip, "country": message.country,
        "asn": message.asn,
    }  # fmt: skip
    return EvidenceRow(figure, "message", message.queue_id, message.at.timestamp(), facts)


def _copy_row(figure: str, copy: Any) -> EvidenceRow:
    facts: dict[str, str | int | float | bool | None] = {
        "queue_id": copy.queue_id, "recipient": copy.recipient, "domain": copy.domain, "relation": copy.relation,
        "outcome": copy.final, "dsn": copy.dsn, "reply": copy.reply,
        "result_at": copy.result_at.timestamp() if copy.result_at else None,
    }  # fmt: skip
    return EvidenceRow(figure, "recipient", str(copy.pk), copy.at.timestamp(), facts)
