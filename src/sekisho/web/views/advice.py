"""「乗っ取りとは・もしもの時」: what a takeover does, how it happens, what helps. For everybody."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from sekisho.directory import access
from sekisho.incidents.own_texts import ADVICE, ALL, text_for
from sekisho.web import owner_session
from sekisho.web.plain_blocks import Block, blocks_of


def _own_advice(domain: str) -> list[Block]:
    return blocks_of(text_for(domain, ADVICE, (get_language() or "ja")[:2]))


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """For accounts of the panel: what their owners read; with several domains, the operator's text for all."""
    domains = access.accessible_domains(request.user)
    own = _own_advice(domains[0] if len(domains) == 1 else ALL)
    return render(request, "web/advice.html", {"own_advice": own})


@login_not_required
@require_safe
def for_owners(request: HttpRequest) -> HttpResponse:
    """For owners, also for those who cannot sign in."""
    owner = owner_session.of(request)
    own = _own_advice(owner.mailbox.domain if owner else ALL)
    return render(request, "web/owner/advice.html", {"owner": owner, "own_advice": own})
