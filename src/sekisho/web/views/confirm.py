"""「ご本人の確認」: who is signed in shows once more who it is, then goes on with what was asked for."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.internal.auth import begin_authentication
from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from sekisho.web import throttle
from sekisho.web.confirmation import note_confirmed, second_factor_enrolled
from sekisho.web.context import signed_in
from sekisho.web.passkeys import has_passkey, passkeys_possible
from sekisho.web.signing_in import TOO_MANY, ConfirmFactorForm, ConfirmPasskeyForm

WRONG_PASSWORD = gettext_lazy("The password is not right. Please look at it once more.")


class PasswordForm(forms.Form):
    """The password of the account that is signed in; counted like a sign-in."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=512,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, request: HttpRequest, *arguments: Any, **options: Any) -> None:
        self.request = request
        super().__init__(*arguments, **options)

    def clean_password(self) -> str:
        """The password when it is right; tries are counted by the same table as the sign-in's."""
        password: str = self.cleaned_data["password"]
        account, now = signed_in(self.request), timezone.now()
        address = throttle.client_address(self.request)
        if not throttle.reserve(account.get_username(), address, now):
            raise forms.ValidationError(TOO_MANY)
        found = authenticate(self.request, username=account.get_username(), password=password)
        if found is None or found.pk != account.pk:
            raise forms.ValidationError(WRONG_PASSWORD)
        throttle.give_back(account.get_username(), address, now)
        return password


def _way_back(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else ""


def _posted_form(request: HttpRequest, account: User) -> forms.Form:
    """The form that was sent: with a second factor enrolled the password alone is not asked and not taken."""
    if not second_factor_enrolled(account):
        return PasswordForm(request, request.POST)
    if "credential" in request.POST:
        return ConfirmPasskeyForm(request.POST, user=account)
    return ConfirmFactorForm(request.POST, user=account)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Confirm(View):
    """GET asks; POST leads on, or answers 422 with the reason."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = _posted_form(request, signed_in(request))
        if not form.is_valid():
            reasons = [reason for field in form.errors.values() for reason in field]
            return self._page(request, 422, problems=reasons)
        if not isinstance(form, PasswordForm):
            form.save()  # type: ignore[attr-defined]
        note_confirmed(request, by_factor=not isinstance(form, PasswordForm))
        if request.POST.get("again"):
            messages.info(request, _("Thank you. Please enter it once more: nothing has been saved yet."))
        return redirect(_way_back(request) or "dashboard")

    def _page(self, request: HttpRequest, code: int = 200, **more: Any) -> HttpResponse:
        account = signed_in(request)
        by_factor = second_factor_enrolled(account)
        passkey = by_factor and has_passkey(account) and passkeys_possible(request)
        context = {
            "by_factor": by_factor,
            "by_password": not by_factor and account.has_usable_password(),
            "passkey": passkey,
            "js_data": {"request_options": begin_authentication(account)} if passkey else None,
            "password_form": PasswordForm(request),
            "next": _way_back(request),
            "again": request.POST.get("again") or request.GET.get("again"),
            **more,
        }
        return render(request, "web/confirm.html", context, status=code)


show = Confirm.as_view()
