"""Whether a notice is genuine: somebody types its case number, the page says yes with the date, or no. No sign-in.

It says nothing else: which mailbox, and what happened, stands in the notice or behind the sign-in.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from sekisho.incidents.access import accessible_incidents
from sekisho.incidents.case_numbers import find_case
from sekisho.web import throttle

# The number's check has 30 bits: with 20 tries in each quarter of an hour, a guesser from one address finds one of a
# thousand cases in half a year by chance, and has learnt a date.
TRIES_PER_ADDRESS = 20


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """A form, and after it the answer. By POST: a number in an address would stand in logs."""
    if request.method != "POST":
        return render(request, "web/case.html")
    now = timezone.now()
    if not throttle.reserve_for("case", throttle.client_address(request), TRIES_PER_ADDRESS, now):
        wait = throttle.seconds_left(now)
        response = render(request, "web/recover_wait.html", {"minutes": -(-wait // 60)}, status=429)
        response.headers["Retry-After"] = str(wait)
        return response
    typed = request.POST.get("number", "")[:64]
    incident = find_case(typed)
    # The date alone: the minute would tell the sender of a fake when his guess was warm.
    day = timezone.localtime(incident.detected_at).date() if incident else None
    # Who is signed in and may see it goes on to its report; to everybody else the page says nothing more.
    seen = incident is not None and accessible_incidents(request.user).filter(pk=incident.pk).exists()
    context = {"asked": True, "typed": typed, "day": day, "report_of": incident.pk if incident and seen else None}
    return render(request, "web/case.html", context)
