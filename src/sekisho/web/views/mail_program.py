"""「メーラーの設定」: what belongs in which field of which mail program. For anybody, by domain."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import segno
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from sekisho.config import settings
from sekisho.recovery import mail_programs, mail_settings
from sekisho.recovery.mail_settings import MailSettings
from sekisho.web import throttle
from sekisho.web.dialog_drawing import draw

# Pages for people; drawing one costs as much as ten of the formats.
TRIES_PER_ADDRESS = 120


def too_many(request: HttpRequest) -> HttpResponse | None:
    """429 for a client that asks and asks, else None."""
    now = timezone.now()
    if throttle.reserve_for("mail program help", throttle.client_address(request), TRIES_PER_ADDRESS, now):
        return None
    wait = throttle.seconds_left(now)
    response = render(request, "web/recover_wait.html", {"minutes": -(-wait // 60)}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


@login_not_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The page of `?address=` or `?domain=`; a form without them, and for a domain that is not hosted here (404)."""
    address = request.GET.get("address", "").strip()
    domain = mail_settings.domain_of(address) or request.GET.get("domain", "").strip()[:255]
    if not address and not domain:
        return render(request, "web/mail_program.html")
    if wait := too_many(request):
        return wait
    found = mail_settings.of_hosted(domain)
    if found is None:
        typed = (address or domain)[: mail_settings.LONGEST_ADDRESS]
        problem = _("This mail address is not one of ours. Please look whether it is written correctly.")
        return render(request, "web/mail_program.html", {"problem": problem, "typed": typed}, status=404)
    return render(request, "web/mail_program.html", _page(found, address, request.GET.get("program", "")))


def _page(found: MailSettings, address: str, program: str) -> dict[str, Any]:
    japanese = (get_language() or "ja").startswith("ja")
    example = f"{'お名前' if japanese else 'name'}@{found.domain}"
    filled = mail_programs.dialogs(found, address or example, japanese)
    query = urlencode({"address": address} if address else {"domain": found.domain})
    context: dict[str, Any] = {
        "settings": found,
        "domain": found.domain,
        "address": address,
        "example": example,
        "open": program,
        "programs": [{"dialog": one, "drawing": draw(one)} for one in filled],
        "page_qr": _qr(f"{settings().web.panel_url}{reverse('mail_program')}?{query}"),
    }
    if address:
        profile = f"{reverse('apple_profile')}?{query}"
        context |= {"profile_url": profile, "profile_qr": _qr(settings().web.panel_url + profile)}
    return context


def _qr(address: str) -> str:
    # Level M and 4 pixels a module: read from a screen at arm's length, as the recovery page's.
    found: str = segno.make(address, error="m").svg_data_uri(scale=4, dark="#000", light="#fff")
    return found
