"""What an API request hears when it is not carried out: `{"error", "detail"}`, for programs and for people.

Kinds: 404 (not there, or not for this key; the two read the same), 422 (what was sent, or what is asked of the present
state, cannot be), 503 (a neighbour is away or somebody was faster: try again). Before them stand 401 and 403 (key),
405, 413 and 429.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from sekisho.incidents.changes import NotAllowed, Overtaken
from sekisho.recovery.flow import PasswordRefused, RecoveryFailed

# A lock lasts as long as a backup or a migration: seconds.
RETRY_AFTER_S = 10
NOT_FOUND = "There is nothing here, or not for this key."


class Refusal(Exception):
    """A request that is not carried out, with its status, `error` and `detail`."""

    def __init__(self, status: int, error: str, detail: str, retry_after: int | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.detail, self.retry_after = status, error, detail, retry_after


def language() -> str:
    """The language of evidence and reasons, by Accept-Language: "ja" or "en"."""
    return "en" if (get_language() or "ja").startswith("en") else "ja"


def reply(value: Any, status: int = 200) -> HttpResponse:
    """A value as the command line prints it: times as ISO 8601 with their zone."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return HttpResponse(text, status=status, content_type="application/json; charset=utf-8")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def refuse(refusal: Refusal) -> HttpResponse:
    """The answer to a refused request."""
    response = reply({"error": refusal.error, "detail": refusal.detail}, refusal.status)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="sekisho"'
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def nothing_here(request: HttpRequest) -> HttpResponse:
    """404 for every address below /api/ that is none."""
    return refuse(_of(Http404()))


def not_allowed(methods: str) -> HttpResponse:
    """405, with the methods there are."""
    response = refuse(Refusal(405, "method", f"Only {methods} here."))
    response.headers["Allow"] = methods
    return response


def _of(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Http404):
        return Refusal(404, "not_found", NOT_FOUND)
    if isinstance(error, AuthenticationError):
        return Refusal(401, "key", "A valid API key is needed: Authorization: Bearer sekisho_...")
    if isinstance(error, ValidationError):
        return Refusal(422, "invalid", _spelt(error))
    if isinstance(error, HttpError):
        return Refusal(422, "invalid", "The body is not the JSON that is expected.")
    if isinstance(error, RequestDataTooBig):
        return Refusal(413, "too_large", "The body is too large.")
    if isinstance(error, PasswordRefused):
        told = [problem.en if language() == "en" else problem.ja for problem in error.problems]
        return Refusal(422, "password", "\n".join(told))
    return _of_rooms(error)


def _of_rooms(error: Exception) -> Refusal:
    if isinstance(error, NotAllowed):
        return Refusal(422, "refused", str(error))
    if isinstance(error, Overtaken):
        return Refusal(503, "overtaken", "Somebody else changed it just now; look again.", 1)
    if isinstance(error, RecoveryFailed):
        return Refusal(503, "temporary", "The site's database did not take it; nothing was changed.", RETRY_AFTER_S)
    if isinstance(error, DatabaseError):
        return Refusal(503, "temporary", "The database does not answer; nothing was changed.", RETRY_AFTER_S)
    return Refusal(422, "invalid", "The request cannot be read.")


def _spelt(error: ValidationError) -> str:
    """Which field, and why; never what was sent: it may be a password."""
    told = []
    for problem in error.errors:
        where = ".".join(str(part) for part in problem.get("loc", ()) if part not in ("body", "query", "path"))
        told.append(f"{where}: {problem.get('msg', 'invalid')}")
    return "; ".join(told)[:1000]


def _answer(request: HttpRequest, error: Any) -> HttpResponse:
    return refuse(_of(error))


def listen(api: NinjaAPI) -> None:
    """Gives every expected error its answer; any other goes on to Django's own (500)."""
    for kind in (
        Refusal,
        Http404,
        HttpError,
        ValidationError,
        SuspiciousOperation,
        PasswordRefused,
        NotAllowed,
        Overtaken,
        RecoveryFailed,
        DatabaseError,
    ):
        api.add_exception_handler(kind, _answer)
