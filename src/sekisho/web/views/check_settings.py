"""「設定の確認」: what a mail program shows, compared with what is right, field by field.

No sign-in, and no connection anywhere: names are compared, not tried. Whether the password is the mailbox's own is told
to those alone who may set it or have shown it: an account with access to the mailbox, the browser that has just
recovered it, its owner where he is signed in. For anybody else the answer would be a way to try passwords. Nothing is
kept or logged.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from sekisho.directory import access
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.recovery import mail_settings, pasted_settings, settings_check
from sekisho.recovery.mail_programs import SECURITY_WORDS
from sekisho.recovery.settings_check import LONGEST_FIELD, Finding, Typed
from sekisho.web import owner_session
from sekisho.web.forms import LONGEST_PASSWORD
from sekisho.web.recovered import DONE, is_open
from sekisho.web.views.mail_program import too_many

# As the account's dialog in most programs has them.
_FIELDS = (
    ("server", gettext_noop("Server name")),
    ("port", gettext_noop("Port")),
    ("security", gettext_noop("Security")),
    ("user", gettext_noop("User name")),
)
_SIDES = (("incoming", gettext_noop("Receiving (IMAP or POP)")), ("outgoing", gettext_noop("Sending (SMTP)")))


@login_not_required
@sensitive_post_parameters()
@sensitive_variables("typed", "fields")
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """A form, and after it one line for each field. By POST: what was typed must stand in no log and no history."""
    if request.method != "POST":
        address = request.GET.get("address", "").strip()[: mail_settings.LONGEST_ADDRESS]
        return _page(request, Typed(address=address))
    if wait := too_many(request):
        return wait
    fields = {
        name: request.POST.get(name, "")[: LONGEST_PASSWORD if name == "password" else LONGEST_FIELD]
        for name in Typed.__struct_fields__
    }
    for name, text in pasted_settings.read_pasted(request.POST.get("pasted", "")).items():
        fields[name] = fields[name] or text
    typed = Typed(**fields)
    found = mail_settings.of_hosted(mail_settings.domain_of(settings_check.clean(typed.address)))
    if found is None:
        problem = _("This mail address is not one of ours. Please look whether it is written correctly.")
        return _page(request, typed, problem=problem, code=422)
    findings = settings_check.check(typed, found)
    if typed.password and (mailbox := _allowed(request, settings_check.clean(typed.address))):
        findings = [one for one in findings if one.field != "password"]
        findings.append(settings_check.compare_password(typed.password, _is_password_of(mailbox)))
    return _page(request, typed, findings, settings=found, asked=True)


def _allowed(request: HttpRequest, address: str) -> SiteMailbox | None:
    """The mailbox, where this visitor may know whether a password is its own."""
    if request.user.is_authenticated:
        return access.accessible_mailboxes(request.user).filter(username=address.lower()).first()
    owner = owner_session.of(request)
    if owner is not None and owner.address == address.lower():
        return owner.mailbox
    if is_open(request) and request.session[DONE]["mailbox"] == address.lower():
        return SiteMailbox.objects.filter(username=address.lower()).first()
    return None


def _is_password_of(mailbox: SiteMailbox) -> Any:
    stored = mailbox.password

    def is_right(password: str) -> bool:
        return bool(password) and verify_password(password, stored)

    return is_right


@sensitive_variables("typed")
def _page(
    request: HttpRequest, typed: Typed, findings: list[Finding] | None = None, code: int = 200, **more: Any
) -> HttpResponse:
    found = findings or []
    japanese = (get_language() or "ja").startswith("ja")
    context = {
        "sides": [(title, [_field(typed, f"{side}_{kind}", label, found) for kind, label in _FIELDS])
                  for side, title in _SIDES],
        "security_choices": [(name, words[0 if japanese else 1]) for name, words in SECURITY_WORDS.items()],
        "may_compare": request.user.is_authenticated or is_open(request) or owner_session.of(request) is not None,
        "address": typed.address,
        "of_password": [one for one in found if one.field == "password"],
        "problems": sum(one.tone == "bad" for one in found),
        "compared": len(found),
        **more,
    }  # fmt: skip
    return render(request, "web/check_settings.html", context, status=code)


def _field(typed: Typed, name: str, label: str, findings: list[Finding]) -> dict[str, Any]:
    own = [one for one in findings if one.field == name]
    return {
        "name": name,
        "label": label,
        "value": getattr(typed, name),
        "findings": own,
        "wrong": any(one.tone == "bad" for one in own),
    }
