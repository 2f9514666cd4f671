"""What holds for every page: the viewer's clock, no copies in caches, and the entrance that the audit log names."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from sekisho.directory import access
from sekisho.incidents import audit
from sekisho.web import factors

# Set by static/sekisho/panel.js from the browser's own zone.
ZONE_COOKIE = "sekisho_zone"

Handler = Callable[[HttpRequest], HttpResponse]


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


class ViewerZoneMiddleware:
    """Shows times in the zone the browser named, or in the installation's (Asia/Tokyo)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(ZONE_COOKIE, "")
        # The name comes from outside and becomes a file name in zoneinfo: only known ones are looked up.
        if name not in _zone_names():
            return self.get_response(request)
        with timezone.override(zoneinfo.ZoneInfo(name)):
            return self.get_response(request)


# What an operator who must set up a second factor can reach until it is done; everything else leads there.
OPEN_WITHOUT_FACTOR = frozenset(
    {"account", "account_totp", "account_passkey", "account_end_others", "confirm", "sign_out", "set_language"}
)


# What a login that only looks may do: about itself.
OPEN_TO_LOOKERS = OPEN_WITHOUT_FACTOR | {
    # A mail is looked at and forgotten: nothing changes by it.
    "diagnosis",
    "account_password", "account_factor_rename", "account_factor_remove", "account_codes", "sign_in", "account_login",
    "mfa_authenticate", "mfa_login_webauthn",
}  # fmt: skip


class ReadOnlyMiddleware:
    """Closes every view that changes something to logins that only look (directory.access.is_read_only).

    Here and not in each view, so that a new view is closed before anybody thinks of it. Views without a sign-in act by
    another proof (an owner's link, an API key) and not by this login.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, arguments: Any, options: Any) -> HttpResponse | None:
        """403 for a change by a login that only looks, or nothing."""
        if request.method in ("GET", "HEAD", "OPTIONS") or not getattr(view, "login_required", True):
            return None
        match = request.resolver_match
        if match is not None and match.url_name in OPEN_TO_LOOKERS:
            return None
        if not access.is_read_only(request.user):
            return None
        return render(request, "web/errors/read_only.html", status=403)


class SecondFactorDutyMiddleware:
    """Leads an operator without a second factor to setting one up, where the configuration demands it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, arguments: Any, options: Any) -> HttpResponse | None:
        """A redirect to the account page, or nothing. Pages without a sign-in are nobody's duty."""
        if not getattr(view, "login_required", True) or not isinstance(request.user, User):
            return None
        match = request.resolver_match
        if (match and match.url_name in OPEN_WITHOUT_FACTOR) or not factors.is_missing(request.user):
            return None
        return redirect("account")


class PrivatePageMiddleware:
    """Keeps pages out of every cache: they name mailboxes, and one of them a fresh password."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class AuditEntranceMiddleware:
    """Tells the audit log that what a request does came in by the panel or the API."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit.entered_by("api" if request.path_info.startswith("/api/") else "panel"):
            return self.get_response(request)
