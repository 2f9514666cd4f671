"""管理 › システム › ドメイン › 海外からの送信: from which countries mail is sent by SMTP AUTH.

Set by the domain's admin or an operator, never by whoever sits in the mailbox.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.directory import access
from sekisho.directory.models import SendingChoice, SiteMailbox
from sekisho.directory.names import alias_domains
from sekisho.incidents import sending, travel
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.models import NetworkOwner, SentElsewhere
from sekisho.incidents.usual import country_names
from sekisho.web.context import signed_in

PAGE = 50
# Textarea of exceptions: MOST_EXCEPTIONS networks of at most 43 characters each, and as much again for blanks.
MOST_TEXT = 5_000


def _names() -> dict[str, str]:
    return dict(country_names((get_language() or "ja")[:2]))


def _domain(request: HttpRequest, domain: str) -> str:
    name = access.access_domain(request.user, domain).domain
    if name in alias_domains():
        raise access.NotFound(name)
    return name


@require_safe
def show(request: HttpRequest, domain: str) -> HttpResponse:
    """The rule of a domain, whom it refuses or would refuse, and the form."""
    name = _domain(request, domain)
    now, names = timezone.now(), _names()
    seen = sending.seen_in(name, now)
    rule, row = sending.domain_rule(name), sending.domain_row(name)
    context: dict[str, Any] = {
        "domain": name,
        "rule": rule,
        "row": row,
        "countries": [(code, names.get(code, code)) for code in rule.countries],
        "choices": sorted(((c, n) for c, n in names.items() if travel.is_country(c)), key=lambda pair: pair[1]),
        "exceptions": "\n".join(rule.exceptions),
        "page": Paginator(seen, PAGE).get_page(request.GET.get("page")),
        "mailboxes": seen.aggregate(
            noted=Count("mailbox", distinct=True, filter=Q(refused=False)),
            refused=Count("mailbox", distinct=True, filter=Q(refused=True)),
        ),
        "own": SendingChoice.objects.filter(mailbox__endswith=f"@{name}").order_by("mailbox"),
        "days": sending.SHOWN_DAYS,
    }
    context["lines"] = lines(list(context["page"]))
    return render(request, "web/sending_countries.html", context)


def lines(rows: list[SentElsewhere]) -> list[tuple[SentElsewhere, str, str]]:
    """Rows with the names of their country and network owner."""
    names = _names()
    owners = dict(NetworkOwner.objects.filter(asn__in={row.asn for row in rows}).values_list("asn", "name"))
    return [(row, names.get(row.country, row.country), owners.get(row.asn, "")) for row in rows]


@require_POST
def set_domain(request: HttpRequest, domain: str) -> HttpResponse:
    """Saves the domain's rule; `follow`: lets it follow the host's again. Enforcing asks for `looked`."""
    name = _domain(request, domain)
    actor, now, account = request.user.get_username(), timezone.now(), signed_in(request)
    if request.POST.get("follow"):
        sending.clear_domain(name, actor, now, account=account)
        messages.success(request, _("The domain follows the host's setting again."))
        return redirect("sending_countries", domain=name)
    mode = request.POST.get("mode", "")
    if mode == "enforce" and sending.domain_rule(name).mode != "enforce" and not request.POST.get("looked"):
        messages.error(request, _("Please look at the list below first, and say that you have. Nothing was changed."))
        return redirect("sending_countries", domain=name)
    codes = [code for code in request.POST.getlist("country") if code]
    networks = request.POST.get("exceptions", "")[:MOST_TEXT].split()
    try:
        sending.set_domain(name, mode, codes, networks, actor, now, account=account)
    except NotAllowed:
        messages.error(request, _("Please look at the countries and the addresses. Nothing was changed."))
    else:
        messages.success(request, _("The rule of %(domain)s is saved.") % {"domain": name})
    return redirect("sending_countries", domain=name)


@require_POST
def set_mailbox(request: HttpRequest, address: str) -> HttpResponse:
    """`mode`: the mailbox' own, empty for its domain's."""
    mailbox: SiteMailbox = access.access_mailbox(request.user, address)
    try:
        sending.set_mailbox(
            mailbox.username,
            request.POST.get("mode", ""),
            request.user.get_username(),
            timezone.now(),
            account=signed_in(request),
        )
    except NotAllowed:
        messages.error(request, _("Please choose one of the modes. Nothing was changed."))
    else:
        messages.success(request, _("Saved: sending from abroad for this mailbox."))
    return redirect("places", address=mailbox.username)
