"""管理 › システム › ドメイン: the domains somebody looks after, and one domain with the ways to what is about it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.directory.models import Contact, MailHost
from sekisho.directory.names import alias_domains
from sekisho.impact import duty
from sekisho.incidents import close_watch, rescue
from sekisho.web import domain_list

PAGE = 50
SHOWN_INCIDENTS = 10


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every domain the account may see; `?q=` searches, `?show=attention` keeps those that ask for somebody."""
    q = request.GET.get("q", "").strip().lower()[:255]
    attention = request.GET.get("show") == "attention"
    aliases = alias_domains()
    names = [name for name in access.accessible_domains(request.user) if name not in aliases]
    wanted = [name for name in names if q in name]
    if attention:
        wanted = domain_list.needing_attention(wanted)
    page = Paginator(wanted, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": domain_list.rows(list(page), timezone.now()),
        "q": q,
        "attention": attention,
        "any": bool(names),
    }
    return render(request, "web/domains.html", context)


@require_safe
def show(request: HttpRequest, domain: str) -> HttpResponse:
    """One domain: its mailboxes by state, who waits, mode, admins, contacts, incidents."""
    name = access.access_domain(request.user, domain).domain
    aliases = alias_domains()
    [row] = domain_list.rows([name], timezone.now())
    context: dict[str, Any] = {
        "row": row,
        "target": aliases.get(name, ""),
        "aliases": sorted(alias for alias, target in aliases.items() if target == name),
        # A login that only looks needs no list of people and of their addresses.
        "admins": [] if access.is_read_only(request.user) else domain_list.admins(name),
        "contacts": [] if access.is_read_only(request.user) else _contacts(name),
        "incidents": domain_list.latest_incidents(name, SHOWN_INCIDENTS),
        "host": MailHost.objects.filter(domain=name).first(),
        "rescue_hours": rescue.rule_of(name),
        "close_watch": close_watch.facts_of_domain(name, timezone.now()),
        "duty_on": duty.is_on(name),
        "may_switch_duty": access.is_operator(request.user) or access.may_change(request.user, name),
    }
    return render(request, "web/domain.html", context)


def _contacts(domain: str) -> list[str]:
    return list(Contact.objects.filter(domain=domain).order_by("address").values_list("address", flat=True))
