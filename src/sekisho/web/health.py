"""Whether the panel lives and is ready, for a web server, a container engine or systemd: no session, no secret."""

from __future__ import annotations

from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from sekisho.web.middleware import Handler

PREFIX = "/health/"
# What a probe is told, and nothing else: which of the two does not answer.
_WORDS = {"default": "database", "site": "site database"}


class HealthMiddleware:
    """Answers /health/live and /health/ready, whatever name the panel was called by."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return JsonResponse({}, status=405, headers={"Allow": "GET, HEAD", "Cache-Control": "no-store"})
        match request.path_info.removeprefix(PREFIX):
            case "live":
                return _told([])
            case "ready":
                return _told(silent_databases())
        return JsonResponse({}, status=404, headers={"Cache-Control": "no-store"})


def silent_databases() -> list[str]:
    """The databases that do not answer, by the words of a probe; each is asked for 2 s at most (web.settings)."""
    silent = []
    for alias, word in _WORDS.items():
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchone()
        except Error:
            connections[alias].close()
            silent.append(word)
    return silent


def _told(hindrances: list[str]) -> HttpResponse:
    body = {"status": "not ready", "waits_for": hindrances} if hindrances else {"status": "ok"}
    return JsonResponse(body, status=503 if hindrances else 200, headers={"Cache-Control": "no-store"})
