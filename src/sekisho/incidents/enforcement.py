"""Observe or enforce, domain by domain: the operator's switch, and what he looks at before he turns it.

A domain without a row of its own follows the host's mode (sekisho.toml). The agent writes the modes into the state
file, where the guard reads them at every decision; nothing has to be started again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import DomainMode, SiteAliasDomain, SiteDomain
from sekisho.incidents.changes import NotAllowed, Overtaken, write_audit
from sekisho.incidents.containing import STRENGTH
from sekisho.incidents.models import Decision, Incident, MailboxStatus, Transition

Mode = Literal["observe", "enforce"]
# A month holds a newsletter, a journey and a closing of accounts: what an honest mailbox does rarely.
PREVIEW_DAYS = 30


@dataclass(frozen=True)
class Counts:
    """Incidents by the strongest answer they would have had."""

    suspend: int = 0
    restrict: int = 0
    alert: int = 0


@dataclass(frozen=True)
class WouldBe:
    """The gravest answer of one incident that was only recorded; `evidence` is its strongest finding."""

    incident: int
    mailbox: str
    at: datetime
    action: str
    score: float
    evidence: str
    # "dismissed": somebody has said since that it was not a takeover.
    phase: str


def modes() -> dict[str, Mode]:
    """The domains that have a mode of their own."""
    return {row.domain: cast(Mode, row.mode) for row in DomainMode.objects.all()}


def mode_of(domain: str) -> Mode:
    """The domain's mode, or the host's where it has none of its own."""
    row = DomainMode.objects.filter(domain=domain).first()
    return cast(Mode, row.mode) if row else settings().mode


def set_mode(
    domain: str,
    mode: Mode,
    actor: str,
    *,
    seen: Mode | None = None,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> bool:
    """Gives a domain its own mode, with an audit row; whether that changed anything. Suspensions stay as they are.

    `seen`: the mode the person was shown. Raises Overtaken when it is another one by now, NotAllowed for a domain that
    is not hosted here, and for an alias domain: its mailboxes live elsewhere.
    """
    target = SiteAliasDomain.objects.filter(alias_domain=domain).values_list("target_domain", flat=True).first()
    if target is not None:
        raise NotAllowed(f"{domain} is an alias domain: set the mode of {target}")
    if domain == "all" or not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    with transaction.atomic(using="default"):
        before = mode_of(domain)
        if seen is not None and before != seen:
            raise Overtaken(domain)
        # Also when the host's mode is the same: the domain must not follow when that one is changed.
        _, made = DomainMode.objects.update_or_create(domain=domain, defaults={"mode": mode})
        if before == mode and not made:
            return False
        details: dict[str, object] = {"before": before, "after": mode}
        write_audit(actor, "mode", domain, details, at=now or timezone.now(), account=account)
    return True


def would_be_counts(since: datetime) -> dict[str, Counts]:
    """By domain: what was only recorded since then. Domains without any are not in it."""
    gravest: dict[int, tuple[str, str]] = {}
    rows = _observed(since).values_list("incident_id", "incident__domain", "action")
    for incident, domain, action in rows.iterator():
        known = gravest.get(incident)
        if known is None or STRENGTH[action] > STRENGTH[known[1]]:
            gravest[incident] = (domain, action)
    counted = Counter(gravest.values())
    found: dict[str, dict[str, int]] = {}
    for (domain, action), count in counted.items():
        found.setdefault(domain, {})[action] = count
    return {domain: Counts(**by_action) for domain, by_action in found.items()}


def would_be(domain: str, since: datetime, language: str) -> list[WouldBe]:
    """What was only recorded about a domain's mailboxes since then, the gravest first; evidence in "ja" or "en"."""
    gravest: dict[int, Decision] = {}
    rows = _observed(since).filter(incident__domain=domain).select_related("incident")
    for row in rows.prefetch_related("indicators"):
        known = gravest.get(row.incident_id)
        if known is None or _weight(row) > _weight(known):
            gravest[row.incident_id] = row
    return [
        WouldBe(
            row.incident_id,
            row.incident.mailbox,
            row.t,
            row.action,
            row.score,
            _evidence(row, language),
            row.incident.phase,
        )
        for row in sorted(gravest.values(), key=_weight, reverse=True)
    ]


def _observed(since: datetime) -> QuerySet[Decision]:
    """Decisions that were only recorded. The incident may have been enforced since, by an operator or in a later mode:
    what was observed before stays what enforcing would have done."""
    return Decision.objects.filter(record__enforced=False, t__gte=since).order_by("t", "id")


def _weight(row: Decision) -> tuple[int, float, int]:
    return STRENGTH[row.action], row.score, row.incident_id


def _evidence(row: Decision, language: str) -> str:
    found = max(row.indicators.all(), key=lambda line: line.value, default=None)
    if found is None:
        return row.incident.reason
    return found.evidence_ja if language == "ja" else found.evidence_en


def automatic_stops(since: datetime, domain: str = "", *, stopped_sending: bool = False) -> list[Incident]:
    """Incidents whose mailbox the guard suspended since then and that are still suspended by it, oldest first.

    `stopped_sending`: also the restrictions to limit 0 that stand in for a suspension when the fuse is blown. What an
    operator suspended himself is not among them.
    """
    causes = Transition.objects.filter(at__gte=since, cause="detection", incident__isnull=False)
    words = ["suspended", "restricted"] if stopped_sending else ["suspended"]
    held = MailboxStatus.objects.filter(status__in=words)
    if domain:
        held = held.filter(domain=domain)
    incidents = []
    for status in held.order_by("since", "mailbox"):
        if status.status == "restricted" and status.limit != 0:
            continue
        change = causes.filter(mailbox=status.mailbox, generation=status.generation, after=status.status)
        last = change.select_related("incident").order_by("-id").first()
        if last is not None and last.incident is not None and _is_the_last_word(last):
            incidents.append(last.incident)
    return incidents


def _is_the_last_word(change: Transition) -> bool:
    """Whether nobody has changed the status since: an operator who confirmed or tightened it has the last word."""
    return not Transition.objects.filter(mailbox=change.mailbox, id__gt=change.pk).exists()
