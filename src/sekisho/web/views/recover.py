"""The owner's way back without signing in: address, proof, new password, progress.

Whoever comes here may be anybody. An address is answered alike whether it exists or not, and nothing about it is looked
up here (recovery.requests). GET changes nothing: mail programs and scanners open links. The token of a link goes from
the address at once: the session keeps its hash only, and the browser is sent on, so that no Referer and no history
entry of a later page has it.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.directory.models import SiteMailbox
from sekisho.incidents import app_passwords, decisions
from sekisho.recovery import contacts, flow, mail_settings, paper, requests
from sekisho.recovery.models import RecoveryRequest
from sekisho.web import generator, owner_session, settings_test, throttle
from sekisho.web.forms import LONGEST_PASSWORD, MailboxForm
from sekisho.web.recovered import DONE, is_open
from sekisho.web.reinstatement import progress_of

log = logging.getLogger("sekisho.web")

# One office behind one address holds several people with a forgotten password each; a guesser gets 2,880 a day.
TRIES_PER_ADDRESS = 30
LONGEST_ADDRESS = 254
# Session keys: the request of this browser, the address as it was typed, the hash of a link's token, the request whose
# code was right. The mailbox that was recovered: web.recovered.
ASKED, TYPED, LINK, CODE = "recover_asked", "recover_typed", "recover_link", "recover_code"


def _throttled(request: HttpRequest) -> HttpResponse | None:
    now, address = timezone.now(), throttle.client_address(request)
    if throttle.reserve_for("recovery", address, TRIES_PER_ADDRESS, now):
        return None
    log.warning("recovery throttled for %s", address or "an unknown address")
    wait = throttle.seconds_left(now)
    response = render(request, "web/recover_wait.html", {"minutes": -(-wait // 60)}, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """The address. Every address leads on to the same page."""
    if request.method != "POST":
        return render(request, "web/recover_start.html")
    if wait := _throttled(request):
        return wait
    typed = " ".join(request.POST.get("address", "").split())
    if "@" not in typed.strip("@") or len(typed) > LONGEST_ADDRESS:
        problem = _("Please enter the whole mail address, as in name@example.com.")
        return render(
            request, "web/recover_start.html", {"problem": problem, "typed": typed[:LONGEST_ADDRESS]}, status=422
        )
    asked = requests.ask(typed, request.session.get(ASKED), timezone.now())
    request.session[ASKED], request.session[TYPED] = asked.pk, typed
    return redirect("recover_code")


@login_not_required
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """What happens next, and the field for a code: from the mail, or from paper."""
    number = request.session.get(ASKED)
    if not isinstance(number, int):
        return redirect("recover")
    context = {"typed": request.session.get(TYPED, "")}
    if request.method != "POST":
        return render(request, "web/recover_code.html", context)
    if wait := _throttled(request):
        return wait
    if not requests.try_code(number, request.POST.get("code", ""), timezone.now()):
        return render(request, "web/recover_code.html", {**context, "wrong": True}, status=422)
    request.session.cycle_key()
    request.session.pop(LINK, None)
    request.session[CODE] = number
    return redirect("recover_password")


@login_not_required
@require_safe
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A link from a mail or from an admin: its hash goes into the session, whatever it is, and the browser goes on."""
    request.session.cycle_key()
    request.session.pop(CODE, None)
    request.session[LINK] = requests.hash_of(token[:64])
    return redirect("recover_password")


def _proved(request: HttpRequest) -> RecoveryRequest | None:
    now = timezone.now()
    token_hash, number = request.session.get(LINK), request.session.get(CODE)
    if isinstance(token_hash, str):
        return requests.proved_by_link(token_hash, now)
    return requests.proved_by_code(number, now) if isinstance(number, int) else None


def _over(request: HttpRequest) -> HttpResponse:
    """410: the proof has run out, was used, or never was one; nobody can tell which."""
    return render(request, "web/recover_over.html", status=410)


@login_not_required
@sensitive_post_parameters()
@sensitive_variables("form", "entered")
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """The new password, for whoever has the proof; saving uses the proof up and opens the mailbox."""
    proved = _proved(request)
    if proved is None or not SiteMailbox.objects.filter(username=proved.mailbox).exists():
        return _over(request)
    if request.method != "POST":
        return _password_page(request, proved)
    form = MailboxForm(request.POST, suspended=False)
    if not form.is_valid():
        entered = form.data.get("password", "")[:LONGEST_PASSWORD]
        problems = flow.password_problems(proved.mailbox, entered) if entered else []
        return _password_page(request, proved, form, problems)
    try:
        placed = requests.finish(proved, form.cleaned_data["password"], timezone.now())
    except flow.PasswordRefused as refusal:
        return _password_page(request, proved, form, refusal.problems)
    except (requests.Spent, flow.RecoveryFailed, decisions.NotAllowed, decisions.Overtaken):
        return _over(request)
    settings_test.begin(request, proved.mailbox, form.cleaned_data["password"])
    for key in (ASKED, TYPED, LINK, CODE):
        request.session.pop(key, None)
    owner_session.keep_after_recovery(request, proved.mailbox)
    request.session[DONE] = {
        "mailbox": proved.mailbox,
        "opens": bool(placed),
        # web.recovered stays open for a while, until anything happens to the mailbox.
        "at": timezone.now().timestamp(),
        "generation": decisions.current_status(proved.mailbox).generation,
    }
    return redirect("recover_done")


def _password_page(
    request: HttpRequest, proved: RecoveryRequest, form: MailboxForm | None = None, problems: list[Any] | None = None
) -> HttpResponse:
    context = {
        "address": proved.mailbox,
        "expires_at": proved.expires_at,
        "form": form,
        "problems": problems or [],
        "generate_url": reverse("recover_new_password"),
    }
    return render(request, "web/recover_password.html", context, status=422 if problems or form else 200)


@login_not_required
@require_POST
def new_password(request: HttpRequest) -> HttpResponse:
    """The generator, for whoever has the proof."""
    proved = _proved(request)
    if proved is None:
        return _over(request)
    return generator.draw(request, proved.mailbox, reverse("recover_new_password"))


@login_not_required
@require_safe
def done(request: HttpRequest) -> HttpResponse:
    """The way back of the mailbox that this browser recovered, until its doors are open; then what to do next."""
    recovered = request.session.get(DONE)
    mailbox = SiteMailbox.objects.filter(username=recovered["mailbox"]).first() if recovered else None
    if recovered is None or mailbox is None:
        return redirect("recover")
    context = {
        "mailbox": mailbox,
        "progress": progress_of(mailbox.username) if recovered["opens"] else None,
        "settings": mail_settings.for_domain(mailbox.domain),
        "live_url": reverse("recover_done"),
        "app_passwords": app_passwords.counts(mailbox.username),
        "live_test": settings_test.of_mailbox(request, mailbox.username) if is_open(request) else None,
        "test_url": reverse("recover_settings_test"),
    }
    partial = getattr(request, "htmx", False) and context["progress"]
    return render(request, "web/parts/reinstatement_live.html" if partial else "web/recover_done.html", context)


@login_not_required
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """A new contact with a code on paper; without such a code only the domain admin enrols one."""
    if request.method != "POST":
        return render(request, "web/recover_contact.html")
    if wait := _throttled(request):
        return wait
    typed, other = (request.POST.get(name, "").strip()[:LONGEST_ADDRESS] for name in ("address", "contact"))
    language = "en" if request.POST.get("language") == "en" else "ja"
    try:
        added = paper.enrol_contact(typed, request.POST.get("code", ""), other, language, timezone.now())
    except contacts.ContactRefused as refusal:
        context = {"problem": refusal.problem, "typed": typed, "contact": other}
        return render(request, "web/recover_contact.html", context, status=422)
    return render(request, "web/recover_contact.html", {"added": added})
