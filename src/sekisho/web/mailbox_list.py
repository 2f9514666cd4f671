"""The filters of the list of mailboxes, for the page and for its CSV."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import MailboxStatus
from sekisho.web import words


class Filter(NamedTuple):
    """What was asked for; "" filters nothing."""

    q: str
    # no, yes: what the column アクティブ shows.
    active: str
    domain: str
    # One of the four states.
    state: str


def read(asked: QueryDict) -> Filter:
    """The filters of a query string; a state that does not exist filters nothing."""
    q, active, domain, state = (asked.get(name, "").strip()[:255] for name in Filter._fields)
    return Filter(q, active if active in ("no", "yes") else "", domain, state if state in words.STATUSES else "")


def found(request: HttpRequest, wanted: Filter) -> QuerySet[SiteMailbox]:
    """The mailboxes that match and that the account may see; raises NotFound for a domain it may not see."""
    domains = access.accessible_domains(request.user)
    if wanted.domain:
        domains = [access.access_domain(request.user, wanted.domain).domain]
    rows = SiteMailbox.objects.filter(domain__in=domains).order_by("username")
    if wanted.q:
        rows = rows.filter(Q(username__icontains=wanted.q) | Q(name__icontains=wanted.q))
    if wanted.active:
        off = Q(active=False) | Q(username__in=_in_state(domains, "suspended"))
        rows = rows.filter(off) if wanted.active == "no" else rows.exclude(off)
    if wanted.state == "active":
        others = [name for name in words.STATUSES if name != "active"]
        rows = rows.exclude(username__in=_in_state(domains, *others))
    elif wanted.state:
        rows = rows.filter(username__in=_in_state(domains, wanted.state))
    return rows


def _in_state(domains: list[str], *states: str) -> list[str]:
    """Addresses, not a subquery: the statuses are in the other database."""
    rows = MailboxStatus.objects.filter(domain__in=domains, status__in=states)
    return list(rows.values_list("mailbox", flat=True))
