"""The owner's own travel pass: a country opened for some days, behind the second factor.

Whoever has only the mailbox's password cannot make one: it would excuse the very place a hijacker sits in. So none is
made either while an incident of the mailbox is open; then its admin decides.
"""

from __future__ import annotations

from datetime import datetime, time

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from sekisho.incidents import decisions, sending, travel
from sekisho.incidents.changes import NotAllowed
from sekisho.web import owner_session
from sekisho.web.owner_session import Owner, for_proved_owner
from sekisho.web.views.places import USUAL_DAYS, choices, named
from sekisho.web.views.sending_countries import lines

# A journey, not a move: whoever stays longer asks the admin, or is at home there by then.
MOST_DAYS = 30
# A tour through some countries; each opens one more place to whoever has the password.
MOST_OPEN = 5
SHOWN = 10


@for_proved_owner
@require_safe
def show(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Passes, the form, and what was refused of late because of where it came from."""
    now = timezone.now()
    return owner_session.page(
        request,
        owner,
        "web/owner/travel.html",
        passes=[(row, named(row.country)) for row in travel.passes_of(owner.address, now)],
        choices=choices(),
        usual_days=USUAL_DAYS,
        most_days=MOST_DAYS,
        today=timezone.localdate().isoformat(),
        rule=sending.mailbox_rule(owner.address),
        homes=[named(code) for code in sending.mailbox_rule(owner.address).countries],
        lines=lines(list(sending.seen_of(owner.address, now)[:SHOWN])),
        asking=decisions.open_incident(owner.address),
    )


@for_proved_owner
@require_POST
def add(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Opens a country for some days, from today or a later day."""
    now, day = timezone.now(), parse_date(request.POST.get("since", "") or timezone.localdate().isoformat())
    days = request.POST.get("days", "")
    if day is None or day < timezone.localdate() or not days.isdecimal() or len(days) > 3 or int(days) > MOST_DAYS:
        return _refused(request)
    if decisions.open_incident(owner.address) is not None or len(travel.passes_of(owner.address, now)) >= MOST_OPEN:
        messages.error(request, _("Not possible just now. Please ask your mail administrator."))
        return redirect("owner_travel")
    since = max(now, timezone.make_aware(datetime.combine(day, time())))
    try:
        row = travel.open_country(
            owner.address, request.POST.get("country", ""), int(days), owner.actor, now, since=since
        )
    except NotAllowed:
        return _refused(request)
    messages.success(request, _("Noted: %(country)s counts as usual for that time.") % {"country": named(row.country)})
    return redirect("owner_travel")


@for_proved_owner
@require_POST
def remove(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Takes a pass back."""
    try:
        travel.close_country(owner.address, request.POST.get("country", ""), owner.actor, timezone.now())
    except NotAllowed:
        return _refused(request)
    messages.success(request, _("The travel pass was taken back."))
    return redirect("owner_travel")


def _refused(request: HttpRequest) -> HttpResponse:
    messages.error(request, _("Please look at the country, the day and the number of days. Nothing was changed."))
    return redirect("owner_travel")
