"""「乗っ取りとは・もしもの時」: what a takeover does, how it happens, what helps. For everybody."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sekisho.web import owner_session


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """For accounts of the panel."""
    return render(request, "web/advice.html")


@login_not_required
@require_safe
def for_owners(request: HttpRequest) -> HttpResponse:
    """For owners, also for those who cannot sign in."""
    return render(request, "web/owner/advice.html", {"owner": owner_session.of(request)})
