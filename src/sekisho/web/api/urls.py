"""/api/v1/: the operations, their OpenAPI document, and 404 in JSON for the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from sekisho.web.api import domains, incidents, mailboxes, refusals, reputation

DESCRIPTION = """The verbs of panel and command line for programs.
Keys: `sekisho key add`, or 管理 › システム › APIキー.
Errors are `{"error", "detail"}`. Times are ISO 8601. See docs/api.md."""

# Swagger's page would load scripts from other hosts.
api = NinjaAPI(title="Sekisho", version="1", description=DESCRIPTION, docs_url=None, urls_namespace="api-1")
api.add_router("/mailboxes", mailboxes.router)
api.add_router("/incidents", incidents.router)
api.add_router("/domains", domains.router)
api.add_router("/reputation", reputation.router)
refusals.listen(api)


def _open(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let past the panel's sign-in, to be stopped by its key; a wrong method is told in JSON."""

    @wraps(view)
    def opened(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        response: HttpResponse = view(request, *arguments, **named)
        if response.status_code == 405:
            return refusals.not_allowed(response.headers.get("Allow", ""))
        return response

    return csrf_exempt(login_not_required(opened))


def _patterns() -> list[URLPattern]:
    found = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in found:
        # ninja's root page is for people and names its document; ninja needs its name to know its own address.
        pattern.callback = _open(refusals.nothing_here if pattern.name == "api-root" else pattern.callback)
    return found


urlpatterns = [
    path("v1/", (_patterns(), "api", "api-1")),
    re_path(r"^", _open(refusals.nothing_here), name="api_nothing"),
]
