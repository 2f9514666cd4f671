"""What is known of domains, counted for a page of them at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q

from sekisho.config import settings
from sekisho.directory.models import Role, SiteMailbox
from sekisho.incidents import enforcement
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.models import DeferredPair, Incident, MailboxStatus
from sekisho.web import words

# The states that a list of domains counts one by one, in the order of how much they ask for somebody.
COUNTED = ("suspended", "restricted", "probation")


def rows(names: Collection[str], now: datetime) -> list[dict[str, Any]]:
    """One row for each of these domains, in their order; as many queries for one as for fifty."""
    mailboxes = dict(_counted(SiteMailbox.objects.filter(domain__in=names), "domain"))
    states = {
        (domain, status): count
        for domain, status, count in _counted(MailboxStatus.objects.filter(domain__in=names), "domain", "status")
    }
    opened = Incident.objects.filter(domain__in=names, phase__in=OPEN_PHASES)
    incidents = dict(_counted(opened.exclude(action="alert"), "domain"))
    alerts = dict(_counted(opened.filter(action="alert"), "domain"))
    admins = dict(_counted(Role.objects.filter(domain__in=names, account__is_active=True), "domain"))
    waiting = _waiting(names)
    modes, host_mode = enforcement.modes(), settings().mode
    found = []
    for name in names:
        counts = {state: states.get((name, state), 0) for state in COUNTED}
        senders, returns = waiting.get(name, (0, None))
        total = mailboxes.get(name, 0)
        found.append(
            {
                "name": name,
                "mailboxes": total,
                "well": max(total - sum(counts.values()), 0),
                "states": [(state, count) for state, count in counts.items() if count],
                "incidents": incidents.get(name, 0),
                "alerts": alerts.get(name, 0),
                "admins": admins.get(name, 0),
                "waiting": senders,
                "returns": returns,
                "over": returns is not None and returns < now,
                "mode": modes.get(name, host_mode),
            }
        )
    return found


def _counted(found: Any, *fields: str) -> list[tuple[Any, ...]]:
    return list(found.values_list(*fields).annotate(n=Count("pk")).order_by())


def _waiting(names: Collection[str]) -> dict[str, tuple[int, datetime | None]]:
    """Domain -> distinct senders who wait for an open incident's mailbox, and when the first may give up."""
    pairs = DeferredPair.objects.filter(
        incident__domain__in=names, incident__phase__in=OPEN_PHASES, arrived_at__isnull=True
    )
    sums = pairs.values_list("incident__domain").annotate(n=Count("sender", distinct=True), at=Min("give_up_at"))
    return {domain: (senders, returns) for domain, senders, returns in sums.order_by()}


def needing_attention(names: Collection[str]) -> list[str]:
    """Those of the domains with a mailbox that is stopped or limited, or with an open incident."""
    held = MailboxStatus.objects.filter(status__in=("suspended", "restricted"), domain__in=names)
    opened = Incident.objects.filter(phase__in=OPEN_PHASES, domain__in=names)
    asking = set(held.values_list("domain", flat=True)) | set(opened.values_list("domain", flat=True))
    return [name for name in names if name in asking]


def admins(domain: str) -> list[tuple[str, Any, bool]]:
    """Who may sign in for the domain: login, role in words, and whether the login is switched on."""
    found = Role.objects.filter(domain=domain).select_related("account").order_by("account__username")
    return [(row.account.get_username(), words.word(words.ROLES, row.role), row.account.is_active) for row in found]


def latest_incidents(domain: str, most: int) -> list[tuple[Incident, MailboxStatus | None]]:
    """The domain's incidents, open ones first, then the newest; each with its mailbox' status."""
    is_open = Count("pk", filter=Q(phase__in=OPEN_PHASES))
    found = list(Incident.objects.filter(domain=domain).annotate(open=is_open).order_by("-open", "-detected_at")[:most])
    statuses = {row.mailbox: row for row in MailboxStatus.objects.filter(mailbox__in=[one.mailbox for one in found])}
    return [(one, statuses.get(one.mailbox)) for one in found]
