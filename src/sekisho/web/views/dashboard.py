"""管理: what needs somebody's attention now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.incidents import volume
from sekisho.incidents.access import accessible_incidents
from sekisho.incidents.deferred import earliest_returns, waiting_for
from sekisho.incidents.models import HostHeartbeat, Incident, MailboxStatus
from sekisho.web import sparkline, words
from sekisho.web.confirmation import second_factor_enrolled
from sekisho.web.words import Words

# Each process gives a sign of life every few seconds; after half a minute somebody should look.
SILENT_AFTER = timedelta(seconds=30)
SHOWN_INCIDENTS = 10


def health() -> list[dict[str, Any]]:
    """One row per process and host: whether it gives signs of life, and its alarms in its own words."""
    now = timezone.now()
    return [
        {
            "host": row.host,
            "process": row.process,
            "at": row.at,
            "alive": now - row.at < SILENT_AFTER,
            "alarms": _alarms(row.facts),
            # Mailboxes an agent's barrier holds shut; None: this process has none.
            "barrier": row.facts.get("suspended") if row.process == "agent" else None,
            "address_sources": [
                (str(source["kind"]), datetime.fromtimestamp(float(source["made_at"]), UTC))
                for source in row.facts.get("address_sources", ())
            ],
        }
        for row in HostHeartbeat.objects.order_by("host", "process")
    ]


# Figures of a heartbeat that should be nought.
COUNTED_ALARMS: dict[str, Words] = {
    "notices_failed": _("%(n)s notices could not be sent"),
    "rejected": _("%(n)s records could not be read"),
}


def _alarms(facts: dict[str, Any]) -> list[str]:
    alarms = facts.get("alarms") or []
    told = [str(alarm) for alarm in (alarms if isinstance(alarms, list) else [alarms])]
    if (database := str(facts.get("database", "ok"))) != "ok":
        told.append(f"database: {database}")
    return told + [str(words_) % {"n": facts[name]} for name, words_ in COUNTED_ALARMS.items() if facts.get(name)]


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """What stands now; asked again by htmx every half minute, only the figures and the health."""
    domains = access.accessible_domains(request.user)
    operator = access.is_operator(request.user)
    found = accessible_incidents(request.user).filter(phase__in=words.OPEN_PHASES)
    statuses = MailboxStatus.objects.filter(domain__in=domains)
    live = {**_figures(request, domains, operator, found), "is_operator": operator}
    if getattr(request, "htmx", False):
        return render(request, "web/parts/dashboard_moving.html", live)
    shown = list(found[:SHOWN_INCIDENTS])
    by_mailbox = {row.mailbox: row for row in statuses.filter(mailbox__in=[incident.mailbox for incident in shown])}
    context = {
        **live,
        "without_factor": operator and not second_factor_enrolled(request.user),
        "suspended": _with_clocks(list(statuses.filter(status="suspended").order_by("-since")[:SHOWN_INCIDENTS])),
        "incidents": [(incident, by_mailbox.get(incident.mailbox)) for incident in shown],
        "domains": domains,
    }
    return render(request, "web/dashboard.html", context)


def _figures(request: HttpRequest, domains: list[str], operator: bool, found: QuerySet[Incident]) -> dict[str, Any]:
    """Counts of the account's tenants, who waits for them, what they send; an operator's health besides."""
    counted = MailboxStatus.objects.filter(domain__in=domains).values_list("status").annotate(Count("pk")).order_by()
    by_status = dict(counted)
    now = timezone.now()
    waiting = waiting_for(None if operator else domains)
    outbound = volume.last_day(None if operator else domains, now)
    return {
        "counts": [(status, by_status.get(status, 0)) for status in ("suspended", "restricted", "probation")],
        "incident_count": found.exclude(action="alert").count(),
        "alert_count": found.filter(action="alert").count(),
        "waiting": waiting,
        "waiting_over": waiting.earliest_return is not None and waiting.earliest_return < now,
        "spark": sparkline.draw(outbound) if outbound.total or outbound.usual else None,
        "health": health() if operator else [],
        "on_record": by_status.get("suspended", 0),
    }


def _with_clocks(rows: list[MailboxStatus]) -> list[tuple[MailboxStatus, datetime | None, bool]]:
    """Each mailbox with the time at which the first sender may give up on it (None where nobody is known to wait), and
    whether that time is over."""
    clocks, now = earliest_returns([row.mailbox for row in rows]), timezone.now()
    return [(row, at := clocks.get(row.mailbox), at is not None and at < now) for row in rows]


@require_safe
def system(request: HttpRequest) -> HttpResponse:
    operator = access.is_operator(request.user)
    return render(request, "web/system.html", {"health": health() if operator else []})
