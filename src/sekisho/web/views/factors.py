"""Setting up and removing the second factors of one's own account.

A secret to type and a sheet of recovery codes are in one answer and nowhere else.
"""

from __future__ import annotations

from typing import Any

import segno
from allauth.mfa.base.internal.flows import delete_and_cleanup
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as code_flows
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import flows as totp_flows
from allauth.mfa.webauthn.internal import auth as passkey_auth
from allauth.mfa.webauthn.internal import flows as passkey_flows
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from sekisho.web import factors
from sekisho.web.confirmation import needs_confirmation, note_confirmed, second_factor_enrolled
from sekisho.web.context import signed_in
from sekisho.web.passkeys import passkeys_possible
from sekisho.web.signing_in import AddPasskeyForm, PanelFactorAdapter
from sekisho.web.views.account import page

# Enough for "仕事用のiPhone（予備）", and one line on a phone.
LONGEST_NAME = 60


def _reasons(form: Any) -> list[str]:
    return [str(reason) for field in form.errors.values() for reason in field]


@sensitive_variables("sheet")
def _sheet(request: HttpRequest, sheet: Authenticator | None) -> HttpResponse:
    """The recovery codes that were just made, once; without any, the account page."""
    # The factor itself was shown a moment ago: whoever has just enrolled is not asked for it at the next step.
    note_confirmed(request, by_factor=True)
    if sheet is None:
        return redirect("account")
    codes = sheet.wrap()
    codes.mark_as_viewed()
    return render(request, "web/recovery_codes.html", {"tab": "account", "codes": codes.get_unused_codes()})


@require_http_methods(["GET", "POST"])
@needs_confirmation
@sensitive_variables("form", "address")
def totp(request: HttpRequest) -> HttpResponse:
    """Setting up an authenticator app: GET shows the key, POST takes the first code (422 when it is not right)."""
    account = signed_in(request)
    if Authenticator.objects.filter(user=account, type=Authenticator.Type.TOTP).exists():
        return redirect("account")
    form = ActivateTOTPForm(request.POST if request.method == "POST" else None, user=account)
    if request.method == "POST" and form.is_valid():
        sheet = totp_flows.activate_totp(request, form)[1]
        messages.success(request, _("The authenticator app is set up. From now on signing in asks for its code."))
        return _sheet(request, sheet)
    address = PanelFactorAdapter().build_totp_url(account, form.secret)
    context = {
        "tab": "account",
        "qr": segno.make(address, error="m").svg_data_uri(scale=4, dark="#000", light="#fff"),
        # In fours, as people read it aloud.
        "key": " ".join(form.secret[place : place + 4] for place in range(0, len(form.secret), 4)),
        "problems": _reasons(form),
    }
    return render(request, "web/factor_totp.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@needs_confirmation
def passkey(request: HttpRequest) -> HttpResponse:
    """Making a passkey on the device at hand, which must ask for its PIN or finger: it can then sign in alone."""
    account = signed_in(request)
    if not passkeys_possible(request):
        raise Http404
    problems: list[str] = []
    if request.method == "POST":
        form = AddPasskeyForm(_with_passwordless(request), user=account)
        if form.is_valid():
            name = form.cleaned_data["name"].strip()[:LONGEST_NAME]
            sheet = passkey_flows.add_authenticator(request, name, form.cleaned_data["credential"])[1]
            messages.success(request, _("The passkey is set up. From now on it can sign you in."))
            return _sheet(request, sheet)
        problems = _reasons(form)
    context = {
        "tab": "account",
        "name": PanelFactorAdapter().generate_authenticator_name(account, Authenticator.Type.WEBAUTHN),
        "longest": LONGEST_NAME,
        "js_data": {"creation_options": passkey_auth.begin_registration(account, True)},
        "problems": problems,
    }
    return render(request, "web/factor_passkey.html", context, status=422 if problems else 200)


def _with_passwordless(request: HttpRequest) -> Any:
    """What was sent, as a passkey that must have asked for PIN or finger; the browser does not decide that."""
    sent = request.POST.copy()
    sent["passwordless"] = "on"
    return sent


def _own(request: HttpRequest, number: int, *kinds: str) -> Authenticator:
    found = Authenticator.objects.filter(user=signed_in(request), pk=number, type__in=kinds).first()
    if found is None:
        raise Http404
    return found


@require_POST
@needs_confirmation
def rename(request: HttpRequest, number: int) -> HttpResponse:
    """Gives one's passkey another name."""
    found = _own(request, number, Authenticator.Type.WEBAUTHN)
    name = request.POST.get("name", "").strip()[:LONGEST_NAME]
    if not name:
        return page(request, 422, factor_problem=_("A passkey needs a name, so that you know which device it is."))
    passkey_flows.rename_authenticator(request, found, name)
    messages.success(request, _("The passkey has its new name."))
    return redirect("account")


@require_POST
@needs_confirmation
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Removes an app or a passkey; with the last of them the recovery codes go as well."""
    account = signed_in(request)
    found = _own(request, number, *factors.PRIMARY)
    if not factors.may_remove(account):
        return page(
            request,
            422,
            factor_problem=_("Operators need a second factor here. Set up another one first, then remove this one."),
        )
    delete_and_cleanup(request, found)
    messages.success(request, _("Removed. It opens nothing any more."))
    return redirect("account")


@require_POST
@needs_confirmation
def codes(request: HttpRequest) -> HttpResponse:
    """A new sheet of recovery codes; the old one is void."""
    if not second_factor_enrolled(signed_in(request)):
        raise Http404
    return _sheet(request, code_flows.generate_recovery_codes(request))
