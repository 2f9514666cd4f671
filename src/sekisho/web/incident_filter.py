"""The filters of the list of incidents. A value nobody can mean filters nothing; the form shows what is in force."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from sekisho.directory import access
from sekisho.incidents.access import accessible_incidents
from sekisho.incidents.case_numbers import find_case
from sekisho.incidents.models import Incident
from sekisho.web import words

CAUSES = ("detection", "operator")


class Filter(NamedTuple):
    """What was asked for, cleaned; "" and None filter nothing."""

    # open, all, or a phase.
    show: str
    q: str
    action: str
    domain: str
    cause: str
    since: str
    until: str

    @property
    def narrow(self) -> bool:
        """Whether more is asked than "open" or "all"."""
        return any([self.q, self.action, self.domain, self.cause, self.since, self.until])


def read(asked: QueryDict) -> Filter:
    """The filters of a query string."""
    show, action, cause = asked.get("show", ""), asked.get("action", ""), asked.get("cause", "")
    return Filter(
        show=show if show == "all" or show in words.PHASES else "open",
        q=asked.get("q", "").strip()[:255],
        action=action if action in words.ACTIONS else "",
        domain=asked.get("domain", "").strip().lower()[:255],
        cause=cause if cause in CAUSES else "",
        since=_day(asked.get("since", "")),
        until=_day(asked.get("until", "")),
    )


def _day(text: str) -> str:
    try:
        return day.isoformat() if (day := parse_date(text[:10])) else ""
    except ValueError:
        return ""


def found(request: HttpRequest, wanted: Filter) -> QuerySet[Incident]:
    """The incidents that match and that the account may see; raises NotFound for a domain it may not see."""
    rows = accessible_incidents(request.user)
    if wanted.show == "open":
        rows = rows.filter(phase__in=words.OPEN_PHASES)
    elif wanted.show != "all":
        rows = rows.filter(phase=wanted.show)
    if wanted.domain:
        rows = rows.filter(domain=access.access_domain(request.user, wanted.domain).domain)
    exact: dict[str, Any] = {"action": wanted.action, "cause": wanted.cause}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.since:
        rows = rows.filter(detected_at__gte=_midnight(wanted.since))
    if wanted.until:
        # The last day is meant whole.
        rows = rows.filter(detected_at__lt=_midnight(wanted.until) + timedelta(days=1))
    if wanted.q:
        case = find_case(wanted.q)
        rows = rows.filter(pk=case.pk) if case else rows.filter(Q(mailbox__icontains=wanted.q) | Q(ip=wanted.q))
    return rows


def _midnight(day: str) -> datetime:
    return timezone.make_aware(datetime.combine(date.fromisoformat(day), time()))
