"""管理 › システム › ドメイン › なりすまし対策: what a domain wants to be done about inbound mail that names somebody it
is not from. Set by the domain's admin or an operator."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from sekisho.config import settings
from sekisho.directory import access
from sekisho.directory.names import alias_domains
from sekisho.inbound import rules
from sekisho.incidents.changes import NotAllowed
from sekisho.web.context import signed_in

# Both texts together: MOST_NAMES names and MOST_ALLOWED addresses, with room for blanks.
MOST_TEXT = 60_000


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, domain: str) -> HttpResponse:
    """The domain's choice; POST changes it (422 with what was typed where a line cannot be used)."""
    name = access.access_domain(request.user, domain).domain
    if name in alias_domains():
        raise access.NotFound(name)
    if request.method != "POST":
        return _page(request, name, rules.rule_of(name))
    level, place = request.POST.get("level", ""), request.POST.get("place", "")
    if level not in ("off", "observe", "warn") or place not in ("inbox", "folder", "quarantine"):
        # No form of ours sends this.
        return _page(request, name, rules.rule_of(name), f"{level} {place}"[:60].strip() or "–")
    rule = _typed(request)
    try:
        rules.set_rule(name, rule, request.user.get_username(), account=signed_in(request))
    except rules.BadRule as error:
        return _page(request, name, rule, error.what)
    except NotAllowed:
        messages.error(request, _("There are no inbound warnings on this host yet. Nothing was changed."))
    else:
        messages.success(request, _("Saved. It holds within half a minute."))
    return redirect("inbound_warnings", domain=name)


def _typed(request: HttpRequest) -> rules.Rule:
    return rules.Rule(
        cast(rules.Level, request.POST["level"]),
        request.POST.get("tag") == "yes",
        cast(rules.Place, request.POST["place"]),
        tuple(request.POST.get("names", "")[:MOST_TEXT].splitlines()),
        tuple(request.POST.get("allowed", "")[:MOST_TEXT].splitlines()),
    )


def _page(request: HttpRequest, domain: str, rule: rules.Rule, problem: str = "") -> HttpResponse:
    site = settings().inbound
    context: dict[str, Any] = {
        "domain": domain,
        "rule": rule,
        "names": "\n".join(rule.names),
        "allowed": "\n".join(rule.allowed),
        "problem": problem,
        "is_set_up": rules.is_set_up(),
        "has_folders": bool(site.scripts),
        "folder": site.folder,
        "quarantine": site.quarantine_folder,
        "scans": bool(site.clamd),
    }
    return render(request, "web/inbound_warnings.html", context, status=422 if problem else 200)
