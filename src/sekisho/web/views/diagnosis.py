"""「不審メール診断」: a mail is uploaded or its source pasted, and the page says what is suspicious about it.

For owners at their own pages and for accounts of the panel. The mail is read in memory, answered and forgotten: it is
in no row, no session, no file (settings: uploads never touch the disk) and no log. The page shows text only, and no
link of the mail can be pressed.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from sekisho.config import settings
from sekisho.inbound import diagnosis_texts as texts
from sekisho.inbound.answering import ours_of
from sekisho.inbound.diagnosis import Diagnosis, diagnose
from sekisho.inbound.mail_reading import MOST_OCTETS, Unreadable
from sekisho.web import owner_session, throttle
from sekisho.web.owner_session import Owner, for_owner

# In a quarter of an hour (throttle.WINDOW). A worried person tries a handful; each costs the server up to two seconds.
PER_PERSON = 30


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """For accounts of the panel."""
    who = f"account {request.user.get_username()}"
    context, code = _answer(request, who, "")
    return render(request, "web/diagnosis.html", context, status=code)


@for_owner
@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def of_owner(request: HttpRequest, owner: Owner) -> HttpResponse:
    """For the owner, whose own domain is known: a colleague who writes from outside is named."""
    context, code = _answer(request, owner.address, owner.mailbox.domain)
    return owner_session.page(request, owner, "web/owner/diagnosis.html", code, **context)


@sensitive_variables()
def _answer(request: HttpRequest, who: str, domain: str) -> tuple[dict[str, Any], int]:
    context: dict[str, Any] = {"forward_to": settings().diagnosis.address}
    if request.method != "POST":
        return context, 200
    if not throttle.reserve_for("diagnosis", who, PER_PERSON, timezone.now()):
        return context | {"problem": _("That was very often. Please try again in a quarter of an hour.")}, 429
    language = "ja" if (get_language() or "ja").startswith("ja") else "en"
    try:
        found = diagnose(_mail_in(request), ours_of(settings(), domain))
    except Unreadable as refusal:
        return context | {"problem": texts.in_language(texts.UNREADABLE[str(refusal)], language)}, 422
    return context | {"found": found, **_words(found, language)}, 200


def _mail_in(request: HttpRequest) -> bytes:
    """The file, or what was pasted; raises Unreadable for a file that is too large to be kept in memory."""
    file = request.FILES.get("mail")
    if file is not None:
        if (file.size or 0) > MOST_OCTETS:
            raise Unreadable("big")
        return bytes(file.read())
    pasted = request.POST.get("source", "").encode("utf-8", "replace")
    # An upload beyond what memory may hold reaches no handler (settings.FILE_UPLOAD_HANDLERS) and is not there.
    if not pasted.strip() and int(request.META.get("CONTENT_LENGTH") or 0) > MOST_OCTETS:
        raise Unreadable("big")
    return pasted


_TONES = {"danger": "bad", "careful": "warn", "nothing": "calm"}


def _words(found: Diagnosis, language: str) -> dict[str, Any]:
    return {
        "tone": _TONES[found.verdict],
        "verdict": texts.in_language(texts.VERDICTS[found.verdict], language),
        "parts": texts.parts(found, language),
        "copies": texts.copies(found, language),
        "steps": texts.steps(found, language),
    }
