"""管理 › システム › 試運転と実行: what observing would have done, domain by domain, and the switch. Operators only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.config import settings
from sekisho.directory import access
from sekisho.directory.names import alias_domains
from sekisho.incidents import enforcement, rescue
from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in

PAGE = 50
SPANS = (7, enforcement.PREVIEW_DAYS, 90)


def _domain(request: HttpRequest, name: str) -> str:
    """The domain, for an operator; nobody else learns that there is one. An alias domain has no mailboxes to judge."""
    domain = access.access_domain(request.user, name).domain
    if not access.is_operator(request.user) or domain in alias_domains():
        raise access.NotFound(name)
    return domain


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every domain with its mode and what observing it would have done within a month."""
    if not access.is_operator(request.user):
        raise access.NotFound("enforcement")
    aliases = alias_domains()
    names = [name for name in access.accessible_domains(request.user) if name not in aliases]
    page = Paginator(names, PAGE).get_page(request.GET.get("page"))
    counts = enforcement.would_be_counts(timezone.now() - timedelta(days=enforcement.PREVIEW_DAYS))
    modes, host_mode = enforcement.modes(), settings().mode
    rows = [(name, modes.get(name, host_mode), counts.get(name, enforcement.Counts())) for name in page]
    return render(request, "web/enforcement.html", {"page": page, "rows": rows, "days": enforcement.PREVIEW_DAYS})


@require_safe
def preview(request: HttpRequest, domain: str) -> HttpResponse:
    """What would have been done in the domain had it been enforced: who, when, why, score. `?days=7|30|90`."""
    return _preview_page(request, _domain(request, domain))


def _preview_page(request: HttpRequest, domain: str, error: str = "") -> HttpResponse:
    wanted = request.GET.get("days", "")
    days = int(wanted) if wanted in map(str, SPANS) else enforcement.PREVIEW_DAYS
    since = timezone.now() - timedelta(days=days)
    found = enforcement.would_be(domain, since, (get_language() or "ja")[:2])
    counts = enforcement.would_be_counts(since).get(domain, enforcement.Counts())
    context: dict[str, Any] = {
        "domain": domain,
        "mode": enforcement.mode_of(domain),
        "counts": [("suspend", counts.suspend), ("restrict", counts.restrict), ("alert", counts.alert)],
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "days": days,
        "spans": SPANS,
        "rescue_is_set_up": rescue.is_set_up(),
        "rescue_hours": rescue.rule_of(domain),
        "most_hours": rescue.MOST_HOURS,
        "error": error,
    }
    return render(request, "web/enforcement_preview.html", context, status=422 if error else 200)


@require_POST
@needs_confirmation
def set_mode(request: HttpRequest, domain: str) -> HttpResponse:
    """Observe or enforce, once the domain's name has been typed and the mode is still the one that was shown."""
    name = _domain(request, domain)
    mode, seen = request.POST.get("mode", ""), request.POST.get("seen", "")
    if mode not in ("observe", "enforce") or seen not in ("observe", "enforce"):
        raise access.NotFound(name)
    if request.POST.get("domain", "").strip().lower() != name:
        return _preview_page(request, name, _("This is not the name of the domain. Nothing was changed."))
    try:
        enforcement.set_mode(
            name,
            cast(enforcement.Mode, mode),
            request.user.get_username(),
            seen=cast(enforcement.Mode, seen),
            account=signed_in(request),
        )
    except (NotAllowed, Overtaken):
        messages.error(request, _("Somebody has changed the mode meanwhile. Nothing was done; please look again."))
    else:
        done = _("%(domain)s is enforced from now on.") if mode == "enforce" else _("%(domain)s is only observed now.")
        messages.success(request, done % {"domain": name})
    return redirect("enforcement_preview", domain=name)
