"""管理 › システム › APIキー: make a key, see which there are, end one. Each is shown once, when it was made."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.directory import access, api_keys
from sekisho.incidents import key_acts
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in

PAGE = 50
SCOPE_WORDS = {
    "read": gettext_lazy("Look: mailboxes, incidents, who waits"),
    "contain": gettext_lazy("Suspend and restrict"),
    "recover": gettext_lazy("Reinstate, answer, close"),
    "admin": gettext_lazy("Observe or enforce a domain"),
}
PROBLEMS = {
    "name": gettext_lazy("Say what the key is for."),
    "scopes": gettext_lazy("Choose at least one thing the key may do."),
    "days": gettext_lazy("A key is valid for 1 to 730 days."),
    "domains": gettext_lazy("You may not make a key for these domains."),
    "operator": gettext_lazy("Only an operator's key may suspend, restrict or switch a domain."),
    "many": gettext_lazy("There are too many keys already. Revoke one first."),
}
# A list to tick is for people; whoever has more domains names them at the command line.
MOST_LISTED_DOMAINS = 200


@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
@sensitive_variables("key")
def listing(request: HttpRequest) -> HttpResponse:
    """The keys one may see; POST makes one of the signed-in account and shows it, this once."""
    if request.method != "POST":
        return _page(request)
    account, days = signed_in(request), request.POST.get("days", "")
    try:
        row, key = key_acts.make(
            account,
            request.POST.get("name", "").replace("\x00", ""),
            request.POST.getlist("scope"),
            account.get_username(),
            timezone.now(),
            domains=request.POST.getlist("domain"),
            days=int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else 0,
            account=account,
        )
    except api_keys.KeyRefused as refusal:
        return _page(request, 422, error=PROBLEMS[refusal.code])
    return render(request, "web/api_key_made.html", {"row": row, "key": key})


def _page(request: HttpRequest, status: int = 200, **more: Any) -> HttpResponse:
    account, now = signed_in(request), timezone.now()
    may = access.may_contain(account)
    page = Paginator(api_keys.accessible_keys(account), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [(row, [SCOPE_WORDS[scope] for scope in row.scopes], _state(row, now)) for row in page],
        "scopes": [pair for pair in SCOPE_WORDS.items() if may or pair[0] not in api_keys.OPERATOR_SCOPES],
        "domains": access.accessible_domains(account)[:MOST_LISTED_DOMAINS],
        "usual_days": api_keys.USUAL_DAYS,
        "most_days": api_keys.MOST_DAYS,
        "typed": request.POST.get("name", ""),
        **more,
    }
    return render(request, "web/api_keys.html", context, status=status)


def _state(row: Any, now: Any) -> str:
    return "revoked" if row.revoked_at else "expired" if row.expires_at <= now else "valid"


@require_POST
@needs_confirmation
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    """Ends a key one may see, at once."""
    account = signed_in(request)
    row = api_keys.accessible_keys(account).filter(prefix=prefix).first()
    if row is None:
        raise access.NotFound(prefix)
    key_acts.revoke(row, account.get_username(), timezone.now(), account=account)
    messages.success(request, _("The key %(prefix)s opens nothing any more.") % {"prefix": row.prefix})
    return redirect("api_keys")
