"""「アカウントとセキュリティ」: one's own password, second factors and sessions."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from sekisho.incidents import audit
from sekisho.web import factors, own_sessions
from sekisho.web.confirmation import needs_confirmation, second_factor_enrolled
from sekisho.web.context import signed_in
from sekisho.web.passkeys import passkeys_possible


def page(request: HttpRequest, code: int = 200, **more: Any) -> HttpResponse:
    """The account page with what there is now; `more` may hold problems of a form that was refused."""
    account = signed_in(request)
    found = Authenticator.objects.filter(user=account).order_by("created_at")
    context = {
        "tab": "account",
        "totp": found.filter(type=Authenticator.Type.TOTP).first(),
        "passkeys": [one.wrap() for one in found.filter(type=Authenticator.Type.WEBAUTHN)],
        "passkeys_possible": passkeys_possible(request),
        "enrolled": second_factor_enrolled(account),
        "required": factors.is_required(account),
        "may_remove": factors.may_remove(account),
        "codes_left": factors.recovery_codes_left(account),
        "sessions": own_sessions.of(request, account),
        "has_password": account.has_usable_password(),
        **more,
    }
    return render(request, "web/account.html", context, status=code)


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    return page(request)


@sensitive_post_parameters()
@require_POST
@needs_confirmation
def set_password(request: HttpRequest) -> HttpResponse:
    """A new password for the account itself; every other session ends with the old one. 422 with the reasons."""
    account = signed_in(request)
    form = SetPasswordForm(account, request.POST)
    if not form.is_valid():
        reasons = [str(reason) for field in form.errors.values() for reason in field]
        return page(request, 422, password_problems=reasons)
    form.save()
    before = request.session.session_key
    # Django's session hash is made of the password: the others are over; this one goes on under a new key.
    update_session_auth_hash(request, account)
    UserSession.objects.filter(session_key=before).delete()
    UserSession.objects.create_from_request(request)
    audit.record(account.get_username(), "account_password_changed", account.get_username(), account=account)
    messages.success(request, _("Your new password is set. Every other browser was signed out."))
    return redirect("account")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Signs out every other browser. It asks nothing: somebody who sees a stranger there should not have to search."""
    account = signed_in(request)
    ended = own_sessions.end_others(request, account)
    audit.record(
        account.get_username(), "sessions_ended", account.get_username(), account=account, details={"count": ended}
    )
    messages.success(
        request,
        ngettext("%(n)d other browser was signed out.", "%(n)d other browsers were signed out.", ended) % {"n": ended},
    )
    return redirect("account")
