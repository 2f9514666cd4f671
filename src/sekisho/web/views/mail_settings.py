"""管理 › システム › メール設定: a domain's true server name, and what to type into a mail program."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.directory.models import SiteAliasDomain, SiteMailbox
from sekisho.recovery import client_formats, mail_settings
from sekisho.web.views.client_settings import panel_host, provider_of

# A list longer than this is searched, not read.
SHOWN_DOMAINS = 200


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The domain named by `?domain=`, or the only or first one the account may see; 404 for somebody else's."""
    domains = access.accessible_domains(request.user)
    aliases = set(SiteAliasDomain.objects.filter(alias_domain__in=domains).values_list("alias_domain", flat=True))
    domains = [domain for domain in domains if domain not in aliases]
    wanted = request.GET.get("domain", "")
    chosen = access.access_domain(request.user, wanted).domain if wanted else next(iter(domains), "")
    found = mail_settings.for_domain(chosen) if chosen else None
    context = {
        "domains": domains[:SHOWN_DOMAINS],
        "domain": chosen,
        "settings": found,
        "records": client_formats.dns_records(found, panel_host(), provider_of(found)) if found else "",
        "example": _example(chosen),
    }
    return render(request, "web/mail_settings.html", context)


def _example(domain: str) -> str:
    """An address of this domain, so that "the full address" is something to see."""
    first = SiteMailbox.objects.filter(domain=domain).order_by("username").first()
    return first.username if first else f"…@{domain}"
