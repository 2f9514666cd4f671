"""管理 › … › 編集 › 国と渡航: countries opened for a journey, and countries a mailbox is kept to.

Set by the domain's admin or an operator, never by whoever sits in the mailbox.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import sending, travel
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.usual import country_names, usual_words
from sekisho.web.context import signed_in

USUAL_DAYS = 7


def choices() -> list[tuple[str, str]]:
    """Every country's code and name in the viewer's language, by name (in Japanese the order of the kana)."""
    names = country_names((get_language() or "ja")[:2])
    return sorted(((code, name) for code, name in names.items() if travel.is_country(code)), key=lambda pair: pair[1])


def named(code: str) -> str:
    """A country's name in the viewer's language."""
    return country_names((get_language() or "ja")[:2]).get(code, code)


@require_safe
def show(request: HttpRequest, address: str) -> HttpResponse:
    """What is set, and the two forms."""
    mailbox = access.access_mailbox(request.user, address)
    now = timezone.now()
    pin = travel.pin_of(mailbox.username)
    context: dict[str, Any] = {
        "mailbox": mailbox,
        "passes": [(row, named(row.country)) for row in travel.passes_of(mailbox.username, now)],
        "now": now,
        "pin": pin,
        "pinned": [(code, named(code)) for code in pin.countries] if pin else [],
        "countries": choices(),
        "usual": usual_words(mailbox.username, (get_language() or "ja")[:2]),
        "usual_days": USUAL_DAYS,
        "most_days": travel.MOST_DAYS,
        "today": timezone.localdate().isoformat(),
        "sending_rule": sending.mailbox_rule(mailbox.username),
        "sending_choice": sending.choice_of(mailbox.username),
        "sending_modes": sending.MODES,
    }
    return render(request, "web/places.html", context)


@require_POST
def add_pass(request: HttpRequest, address: str) -> HttpResponse:
    """Opens a country for some days, from today or a later day (midnight in the installation's zone)."""
    mailbox = access.access_mailbox(request.user, address)
    now, day = timezone.now(), parse_date(request.POST.get("since", "") or timezone.localdate().isoformat())
    days = request.POST.get("days", "")
    if day is None or day < timezone.localdate() or not days.isdecimal() or len(days) > 4:
        return _refused(request, mailbox)
    since = max(now, timezone.make_aware(datetime.combine(day, time())))
    try:
        row = travel.open_country(
            mailbox.username,
            request.POST.get("country", ""),
            int(days),
            request.user.get_username(),
            now,
            since=since,
            account=signed_in(request),
        )
    except NotAllowed:
        return _refused(request, mailbox)
    messages.success(request, _("Noted: %(country)s counts as usual for that time.") % {"country": named(row.country)})
    return redirect("places", address=mailbox.username)


@require_POST
def remove_pass(request: HttpRequest, address: str) -> HttpResponse:
    """Takes a travel pass back; one that is gone already is no error for the person who wanted it gone."""
    mailbox = access.access_mailbox(request.user, address)
    country = request.POST.get("country", "")
    try:
        travel.close_country(
            mailbox.username, country, request.user.get_username(), timezone.now(), account=signed_in(request)
        )
    except NotAllowed:
        return _refused(request, mailbox)
    messages.success(request, _("The travel pass was taken back."))
    return redirect("places", address=mailbox.username)


@require_POST
def pin(request: HttpRequest, address: str) -> HttpResponse:
    """Adds a country to those the mailbox is kept to (`add`), or takes one away (`remove`)."""
    mailbox = access.access_mailbox(request.user, address)
    before = travel.pin_of(mailbox.username)
    countries = set(before.countries if before else ())
    on_probation = before.only_on_probation if before else False
    if removed := request.POST.get("remove", ""):
        countries.discard(removed)
    else:
        countries.add(request.POST.get("add", ""))
        on_probation = request.POST.get("when") == "probation"
    try:
        travel.set_countries(
            mailbox.username,
            countries,
            request.user.get_username(),
            timezone.now(),
            only_on_probation=on_probation,
            account=signed_in(request),
        )
    except NotAllowed:
        return _refused(request, mailbox)
    if countries:
        done = _("Noted: the mailbox can be used from these countries only. Sessions that were open have been ended.")
    else:
        done = _("Noted: the mailbox can be used from every country.")
    messages.success(request, done)
    return redirect("places", address=mailbox.username)


def _refused(request: HttpRequest, mailbox: SiteMailbox) -> HttpResponse:
    messages.error(request, _("Please look at the country, the day and the number of days. Nothing was changed."))
    return redirect("places", address=mailbox.username)
