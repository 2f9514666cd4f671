"""How long what we know about people's mail is kept, and its removal (docs/retention.md).

All of it is under the secrecy of communications (通信の秘密): who wrote to whom, who signed in from where, and when.
Contents are never kept. Each kind has its days in `[retention]`, a domain may have its own (RetentionRule). Rows go in
small batches, each a transaction of its own, so that nobody waits for the lock. Incidents themselves stay: without them
nobody could say later what was done and why. The audit log has a way of its own (audit_pruning).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.utils import timezone

from sekisho.config.model import FOR_EVER_DAYS, RetentionSettings
from sekisho.directory.models import SiteDomain
from sekisho.incidents import audit
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import (
    DeferredPair,
    ForwardedMail,
    HeldMessage,
    Incident,
    Notice,
    QueueIdLogin,
    ReportedMessage,
    RetentionRule,
    ScorePoint,
    SentElsewhere,
    SentRecipient,
    SessionReading,
    SignIn,
)
from sekisho.incidents.timeline import add_entry

# A batch of 500 deletions holds SQLite's lock for some 20 ms.
BATCH = 500
# Below this a running incident would lose its evidence: senders and our own queue wait five days (RFC 5321, 4.5.4.1).
LEAST_DAYS = 7
MOST_DAYS = FOR_EVER_DAYS
# The final report is due 60 days after one knows (個人情報保護法施行規則 8条2項), and questions follow it.
EVIDENCE_DAYS = 90


class Kind(NamedTuple):
    """One kind of row: which, how old each is, whose."""

    rows: Callable[[], QuerySet[Any]]
    # When its time begins.
    age: str
    mailbox: str


def _nobodys_evidence(model: Any, at: str = "at") -> QuerySet[Any]:
    """Rows that no incident's report needs. An incident keeps what its mailbox sent, leaked and gave to read from its
    first sign until its recovery (or its end, where it had none) for EVIDENCE_DAYS after its end; a dismissed one keeps
    nothing.
    """
    # A person who suspends looks back an hour (decisions.OPERATOR_HOLD).
    an_hour_on = ExpressionWrapper(OuterRef(at) + timedelta(hours=1), output_field=DateTimeField())
    needing = Incident.objects.filter(mailbox=OuterRef("mailbox"), first_risk_at__lte=an_hour_on)
    needing = needing.exclude(phase="dismissed").filter(
        Q(recovered_at=None) | Q(recovered_at__gte=OuterRef(at)), Q(closed_at=None) | Q(closed_at__gte=OuterRef(at))
    )
    ended = timezone.now() - timedelta(days=EVIDENCE_DAYS)
    kept: QuerySet[Any] = model.objects.exclude(Exists(needing.filter(Q(closed_at=None) | Q(closed_at__gt=ended))))
    return kept


KINDS: dict[str, Kind] = {
    "sign_ins": Kind(lambda: SignIn.objects.filter(success=True), "at", "mailbox"),
    "failed_sign_ins": Kind(lambda: SignIn.objects.filter(success=False), "at", "mailbox"),
    "submissions": Kind(lambda: _nobodys_evidence(QueueIdLogin), "at", "mailbox"),
    "recipients": Kind(lambda: _nobodys_evidence(SentRecipient), "at", "mailbox"),
    "forwards": Kind(lambda: _nobodys_evidence(ForwardedMail, "last_at"), "last_at", "mailbox"),
    # Who waited: from the end of the incident on.
    "correspondents": Kind(
        lambda: DeferredPair.objects.filter(incident__phase__in=["closed", "dismissed"]),
        "incident__closed_at",
        "mailbox",
    ),
    # What is still on hold, or let go and still queued, is nobody's past.
    "held_messages": Kind(
        lambda: HeldMessage.objects.exclude(state__in=["held", "released"]), "at", "incident__mailbox"
    ),
    "notices": Kind(
        lambda: Notice.objects.filter(state__in=["sent", "failed", "dropped"], incident__isnull=False),
        "created_at",
        "incident__mailbox",
    ),
    "letters": Kind(
        lambda: Notice.objects.filter(state__in=["sent", "failed", "dropped"], incident__isnull=True),
        "created_at",
        "mailbox",
    ),
    # Places where mail was sent from: the logins' setting.
    "sent_elsewhere": Kind(SentElsewhere.objects.all, "last_at", "mailbox"),
    "scores": Kind(ScorePoint.objects.all, "t", "mailbox"),
    "complaints": Kind(ReportedMessage.objects.all, "last_at", "mailbox"),
    "reads": Kind(lambda: _nobodys_evidence(SessionReading, "until"), "until", "mailbox"),
}
# Kinds without a setting of their own: letters are notices without an incident; forwards are counted beside the
# messages; places where mail was sent from are logins.
SETTING_OF = {"letters": "notices", "forwards": "recipients", "sent_elsewhere": "sign_ins"}


class Due(NamedTuple):
    """Rows of one kind whose time is over; `domain` is "" for all domains without a rule of their own."""

    kind: str
    domain: str
    days: int
    rows: QuerySet[Any]


def days_of(retention: RetentionSettings, kind: str) -> int:
    """The host's days for a kind."""
    return int(getattr(retention, f"{SETTING_OF.get(kind, kind)}_days"))


def due(retention: RetentionSettings, now: datetime) -> Iterator[Due]:
    """What is to go now, kind by kind: each domain's own rules, then everybody else."""
    rules = [(row.kind, row.domain, row.days) for row in RetentionRule.objects.order_by("domain", "kind")]
    for name, kind in KINDS.items():
        theirs = {domain: days for which, domain, days in rules if which == SETTING_OF.get(name, name)}
        for domain, days in theirs.items():
            yield Due(name, domain, days, _older(kind, days, now).filter(_of(kind, domain)))
        days = days_of(retention, name)
        rest = _older(kind, days, now)
        for domain in theirs:
            rest = rest.exclude(_of(kind, domain))
        yield Due(name, "", days, rest)


def _older(kind: Kind, days: int, now: datetime) -> QuerySet[Any]:
    return kind.rows().filter(**{f"{kind.age}__lt": now - timedelta(days=days)})


def _of(kind: Kind, domain: str) -> Q:
    return Q(**{f"{kind.mailbox}__endswith": f"@{domain}"})


def count(retention: RetentionSettings, now: datetime) -> list[dict[str, Any]]:
    """What `prune` would remove, without removing it."""
    return [
        {"kind": one.kind, "domain": one.domain, "days": one.days, "rows": one.rows.count()}
        for one in due(retention, now)
    ]


def batches(retention: RetentionSettings, now: datetime, size: int = BATCH) -> Iterator[tuple[str, str, int]]:
    """Removes what is due, a batch at each step: (kind, domain, rows removed). Killed between two, it begins anew."""
    for one in due(retention, now):
        while True:
            with transaction.atomic(using="default"):
                keys = list(one.rows.order_by("pk").values_list("pk", flat=True)[:size])
                if not keys:
                    break
                doomed = one.rows.model._default_manager.filter(pk__in=keys)
                if one.kind == "correspondents":
                    _keep_totals(doomed, now)
                doomed.delete()
            yield one.kind, one.domain, len(keys)


def _keep_totals(pairs: QuerySet[Any], now: datetime) -> None:
    """The incident keeps how many waited and arrived when it forgets who."""
    by_incident: dict[int, list[bool]] = {}
    for incident, arrived in pairs.values_list("incident", "arrived_at"):
        by_incident.setdefault(incident, []).append(arrived is not None)
    first = pairs.order_by("pk").values_list("pk", flat=True)[0]
    for incident in Incident.objects.filter(pk__in=by_incident):
        arrived = by_incident[incident.pk]
        details: dict[str, object] = {"count": len(arrived), "arrived": sum(arrived)}
        add_entry(incident, now, "senders_forgotten", f"senders_forgotten-{incident.pk}-{first}", details)


def rules_of(domain: str) -> Mapping[str, int]:
    """The domain's own days by kind."""
    return dict(RetentionRule.objects.filter(domain=domain).values_list("kind", "days"))


def set_rule(domain: str, kind: str, days: int | None, actor: str) -> bool:
    """Keeps a kind for so many days in this domain (None: as the host does); whether that is news. Raises
    NotAllowed for a domain that is not hosted here, an unknown kind or a number out of bounds."""
    if not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    if kind not in KINDS or kind in SETTING_OF:
        raise NotAllowed(f"{kind} is none of {', '.join(name for name in KINDS if name not in SETTING_OF)}")
    if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
        raise NotAllowed(f"{days} days: from {LEAST_DAYS} to {MOST_DAYS} (for ever)")
    with transaction.atomic(using="default"):
        before = RetentionRule.objects.filter(domain=domain, kind=kind).values_list("days", flat=True).first()
        if before == days:
            return False
        if days is None:
            RetentionRule.objects.filter(domain=domain, kind=kind).delete()
        else:
            RetentionRule.objects.update_or_create(domain=domain, kind=kind, defaults={"days": days})
        details = {"kind": kind, "before": before, "days": days}
        audit.record(actor, "retention", domain, domain=domain, details=details)
    return True
