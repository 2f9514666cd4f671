"""The page behind the link in a notice: what was noticed, and two buttons. No sign-in; the token is the proof.

GET and HEAD change nothing (mail scanners open links); POST answers, once. The page tells its bearer what the notice
told him, and no more.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sekisho.incidents import decisions, question_answers, question_texts, questions
from sekisho.incidents.allowances import USUAL_HOURS, USUAL_RECIPIENTS
from sekisho.incidents.models import QuestionLink
from sekisho.incidents.question_links import find_link
from sekisho.incidents.usual import country_names
from sekisho.web import story


# A forged request would need the token, and mail programs' own browsers often keep no cookies.
@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, token: str) -> HttpResponse:
    """The question with its two buttons, or what became of it. A token that we never made is not found."""
    link = find_link(token)
    if link is None:
        raise Http404
    if request.method == "POST":
        response = _take(request, link, token)
    else:
        response = render(request, "web/question.html", _context(link))
    # The address is the secret: no other page learns it, no search engine keeps it.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _take(request: HttpRequest, link: QuestionLink, token: str) -> HttpResponse:
    state = request.POST.get("answer", "")
    if state not in ("yes", "no"):
        raise Http404
    reason, travels = _("The owner did not do this."), request.POST.get("travel") == "on"
    try:
        question_answers.answer_by_link(link, state, reason, timezone.now(), travels=travels)
    except (decisions.NotAllowed, decisions.Overtaken):
        # The page says what is the case now: answered by somebody else, or over.
        return render(request, "web/question.html", {**_context(link), "too_late": True}, status=409)
    return redirect("question", token=token)


def _context(link: QuestionLink) -> dict[str, Any]:
    link.question.refresh_from_db()
    incident = link.question.incident
    messages, recipients = question_texts.figures(incident)
    country = question_answers.offered_country(incident)
    return {
        "incident": incident,
        "question": link.question,
        "open": questions.is_open(link.question),
        "may_say_yes": question_answers.may_say_yes(link),
        "indicators": story.strongest(incident),
        "messages_sent": messages,
        "recipients": recipients,
        "country": country_names((get_language() or "ja")[:2]).get(country, country),
        "travel_days": question_answers.OFFERED_DAYS,
        "hours": USUAL_HOURS,
        "most_recipients": USUAL_RECIPIENTS,
    }
