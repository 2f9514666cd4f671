"""「乗っ取りとは・もしもの時」: what a takeover does, how it happens, what helps. For everybody who signs in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "web/advice.html")
