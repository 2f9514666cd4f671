"""管理 › システム › メール設定 › メール管理 › 編集: the list of mailboxes, one mailbox's form, and its way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import app_passwords, decisions
from sekisho.incidents.models import Incident, MailboxStatus
from sekisho.incidents.usual import usual_words
from sekisho.recovery import flow, mail_settings
from sekisho.web import generator, mailbox_list, mailbox_page, settings_test, story, waiting, words
from sekisho.web.confirmation import needs_confirmation
from sekisho.web.context import signed_in
from sekisho.web.forms import LONGEST_PASSWORD, MailboxForm
from sekisho.web.reinstatement import progress_of

PAGE = 50
# New recipients an hour that a restricted mailbox may still write to, when an operator restricts it by hand.
RESTRICTED_LIMIT = 10


def _row(mailbox: SiteMailbox, status: MailboxStatus | None) -> dict[str, Any]:
    """A mailbox as the list shows it."""
    return {"mailbox": mailbox, **mailbox_page.state_of(status, mailbox.active)}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """メール管理 with the filters of `web.mailbox_list`."""
    wanted = mailbox_list.read(request.GET)
    page = Paginator(mailbox_list.found(request, wanted), PAGE).get_page(request.GET.get("page"))
    statuses = {row.mailbox: row for row in MailboxStatus.objects.filter(mailbox__in=[m.username for m in page])}
    context = {
        **wanted._asdict(),
        "page": page,
        "rows": [_row(mailbox, statuses.get(mailbox.username)) for mailbox in page],
        "domains": access.accessible_domains(request.user),
        "may_add": bool(access.changeable_domains(request.user)),
        "states": [(name, badge.text) for name, badge in words.STATUSES.items()],
    }
    return render(request, "web/mailboxes.html", context)


@sensitive_post_parameters()
@sensitive_variables("form", "entered")
@require_http_methods(["GET", "HEAD", "POST"])
@needs_confirmation
def edit(request: HttpRequest, address: str) -> HttpResponse:
    """編集. Saving sets the new password; for a suspended mailbox it also starts the reinstatement."""
    mailbox = access.access_mailbox(request.user, address)
    status = MailboxStatus.objects.filter(mailbox=mailbox.username).first()
    word = status.status if status else "active"
    suspended = word == "suspended"
    if request.method != "POST":
        form = MailboxForm(suspended=suspended, initial={"active": not suspended})
        return _edit_page(request, mailbox, status, form)
    form = MailboxForm(request.POST, suspended=suspended)
    if not form.is_valid():
        # Everything that is wrong at once, the rules' reasons beside the form's.
        entered = form.data.get("password", "")[:LONGEST_PASSWORD]
        problems = flow.password_problems(mailbox.username, entered) if entered else []
        return _edit_page(request, mailbox, status, form, problems)
    try:
        return _save(request, mailbox.username, form.cleaned_data["password"], word)
    except flow.PasswordRefused as refusal:
        return _edit_page(request, mailbox, status, form, refusal.problems)
    except (flow.RecoveryFailed, decisions.NotAllowed, decisions.Overtaken):
        messages.error(request, _("The mailbox's status has changed meanwhile. Nothing was done; please look again."))
        return redirect("mailbox_edit", address=mailbox.username)


@sensitive_variables("password")
def _save(request: HttpRequest, mailbox: str, password: str, status: str) -> HttpResponse:
    actor = request.user.get_username()
    # A restricted mailbox comes back by a new password just as a suspended one does.
    if status in ("suspended", "restricted"):
        flow.reinstate(mailbox, password, actor, account=signed_in(request))
        settings_test.begin(request, mailbox, password)
        return redirect("reinstatement", address=mailbox)
    flow.set_password(mailbox, password, actor, account=signed_in(request))
    settings_test.begin(request, mailbox, password)
    if "revoke_app_passwords" in request.POST:
        app_passwords.revoke_all(mailbox, actor, account=signed_in(request))
    messages.success(request, _("The new password of %(mailbox)s is saved.") % {"mailbox": mailbox})
    return redirect("mailbox_edit", address=mailbox)


def _edit_page(
    request: HttpRequest,
    mailbox: SiteMailbox,
    status: MailboxStatus | None,
    form: MailboxForm,
    problems: list[Any] | None = None,
) -> HttpResponse:
    incident = _incident_of(status)
    context = {
        **_row(mailbox, status),
        "form": form,
        "problems": problems or [],
        "incident": incident,
        "indicators": story.strongest(incident) if incident else [],
        "waiting": waiting.of_incident(incident) if incident else None,
        "suspended": form.suspended,
        "limit": status.limit if status else None,
        "rescue_since": status.rescue_since if status else None,
        "app_passwords": app_passwords.counts(mailbox.username),
        "usual": usual_words(mailbox.username, (get_language() or "ja")[:2]),
        "generate_url": reverse("new_password", args=[mailbox.username]),
    }
    refused = problems or form.errors
    return render(request, "web/mailbox_edit.html", context, status=422 if refused else 200)


def _incident_of(status: MailboxStatus | None) -> Incident | None:
    """The incident that holds the mailbox now, if one does."""
    if status is None or status.status not in ("suspended", "restricted"):
        return None
    return Incident.objects.filter(mailbox=status.mailbox, generation=status.generation).first()


@require_POST
def new_password(request: HttpRequest, address: str) -> HttpResponse:
    """The generator: a fresh password in both fields and on a card. It is kept nowhere on our side."""
    mailbox = access.access_mailbox(request.user, address).username
    return generator.draw(request, mailbox, reverse("new_password", args=[mailbox]))


@require_safe
def reinstatement(request: HttpRequest, address: str) -> HttpResponse:
    """The steps of the way back, asked again every second by htmx until the probe is green; then what to do next."""
    mailbox = access.access_mailbox(request.user, address)
    progress = progress_of(mailbox.username)
    if progress is None:
        return redirect("mailbox_edit", address=mailbox.username)
    context = {
        "mailbox": mailbox,
        "progress": progress,
        "settings": mail_settings.for_domain(mailbox.domain),
        "live_url": reverse("reinstatement", args=[mailbox.username]),
        "app_passwords": app_passwords.counts(mailbox.username),
        "live_test": settings_test.of_mailbox(request, mailbox.username),
        "test_url": reverse("settings_test", args=[mailbox.username]),
    }
    partial = getattr(request, "htmx", False)
    return render(request, "web/parts/reinstatement_live.html" if partial else "web/reinstatement.html", context)


@require_POST
def suspend(request: HttpRequest, address: str) -> HttpResponse:
    """停止する, for operators: the domain admin reads the reason."""
    return _stop(request, address, decisions.suspend, _("%(mailbox)s is being suspended."))


@require_POST
def restrict(request: HttpRequest, address: str) -> HttpResponse:
    """送信制限, for operators."""
    by_limit = partial(decisions.restrict, limit=RESTRICTED_LIMIT)
    return _stop(request, address, by_limit, _("Sending from %(mailbox)s is being restricted."))


def _stop(request: HttpRequest, address: str, act: Callable[..., Incident], done: str) -> HttpResponse:
    mailbox = access.access_mailbox(request.user, address).username
    if not access.is_operator(request.user):
        raise access.NotFound(address)
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    if not reason:
        messages.error(request, _("Please say why: the domain admin will read it. Nothing was changed."))
        return redirect("mailbox_edit", address=mailbox)
    try:
        incident = act(mailbox, reason, request.user.get_username(), account=signed_in(request))
    except (decisions.NotAllowed, decisions.Overtaken):
        messages.error(request, _("The mailbox's status has changed meanwhile. Nothing was done; please look again."))
        return redirect("mailbox_edit", address=mailbox)
    messages.success(request, done % {"mailbox": mailbox})
    return redirect("incident", number=incident.pk)
