"""Observe or enforce, domain by domain: the operator's switch, and what he looks at before he turns it.

A domain without a row of its own follows the host's mode (sekisho.toml). The agent writes the modes into the state
file, where the guard reads them at every decision; nothing has to be started again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import DomainMode, SiteAliasDomain, SiteDomain
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.facts import first_reason
from sekisho.incidents.models import Incident, MailboxStatus, Transition

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
    """One incident that was only recorded; `evidence` is its strongest finding, one sentence."""

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
    domain: str, mode: Mode, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> bool:
    """Gives a domain its own mode, with an audit row; whether that changed anything. Suspensions stay as they are.

    Raises NotAllowed for a domain that is not hosted here, and for an alias domain: its mailboxes live elsewhere.
    """
    target = SiteAliasDomain.objects.filter(alias_domain=domain).values_list("target_domain", flat=True).first()
    if target is not None:
        raise NotAllowed(f"{domain} is an alias domain: set the mode of {target}")
    if domain == "all" or not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    with transaction.atomic(using="default"):
        before = mode_of(domain)
        # Also when the host's mode is the same: the domain must not follow when that one is changed.
        _, made = DomainMode.objects.update_or_create(domain=domain, defaults={"mode": mode})
        if before == mode and not made:
            return False
        details: dict[str, object] = {"before": before, "after": mode}
        write_audit(actor, "mode", domain, details, at=now or timezone.now(), account=account)
    return True


def would_be_counts(since: datetime) -> dict[str, Counts]:
    """By domain: what was only recorded since then. Domains without any are not in it."""
    rows = Incident.objects.filter(enforced=False, cause="detection", detected_at__gte=since)
    found: dict[str, dict[str, int]] = {}
    for domain, action, count in rows.values_list("domain", "action").annotate(Count("id")).order_by():
        found.setdefault(domain, {})[action] = count
    return {domain: Counts(**by_action) for domain, by_action in found.items()}


def would_be(domain: str, since: datetime, language: str) -> list[WouldBe]:
    """What was only recorded about a domain's mailboxes since then, the gravest first; evidence in "ja" or "en"."""
    rows = Incident.objects.filter(domain=domain, enforced=False, cause="detection", detected_at__gte=since)
    gravest = {"suspend": 0, "restrict": 1, "alert": 2}
    return [
        WouldBe(row.pk, row.mailbox, row.detected_at, row.action, row.score, first_reason(row, language), row.phase)
        for row in sorted(rows.order_by("-score", "-id"), key=lambda row: gravest.get(row.action, 3))
    ]


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
