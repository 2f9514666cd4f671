"""Pages for what went wrong. They ask no database and say what to do next, in both languages where the reader's is
unknown."""

from __future__ import annotations

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 for what is not there and for what belongs to somebody else; nobody can tell which."""
    return render(request, "web/errors/not_found.html", status=404)


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 when the form's CSRF token is missing or old (a page open overnight, cookies off)."""
    return render(request, "web/errors/form_expired.html", status=403)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429 when django-allauth's limits are reached."""
    return render(request, "web/errors/too_many.html", status=429)


def failed(request: HttpRequest) -> HttpResponse:
    """503 when the database is locked or away, else 500. Django calls this while the exception is being handled."""
    busy = isinstance(sys.exc_info()[1], OperationalError)
    # Without the request: its context would ask the database for account and messages again.
    response = render(None, "web/errors/failed.html", {"busy": busy}, status=503 if busy else 500)
    if busy:
        # A lock lasts as long as a backup or a migration: seconds.
        response.headers["Retry-After"] = "10"
    response.headers["Cache-Control"] = "no-store"
    return response
