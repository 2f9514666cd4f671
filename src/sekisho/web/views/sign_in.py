"""Signing in and out: the password, then the second factor of an account that has one; or a passkey alone."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.utils import perform_login
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from sekisho.web import throttle
from sekisho.web.passkeys import has_passkey, passkeys_possible

log = logging.getLogger("sekisho.web")


class SignInForm(AuthenticationForm):
    """Name and password; one answer for a wrong name, a wrong password and a disabled account."""

    error_messages = {
        "invalid_login": _("Name or password is not right. Please look at both once more."),
        "inactive": _("Name or password is not right. Please look at both once more."),
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["username"].label = _("Login name")
        self.fields["password"].label = _("Password")


@method_decorator(sensitive_post_parameters(), name="dispatch")
class SignIn(auth_views.LoginView):
    """The sign-in page. GET shows the form; POST signs in, or answers 200 with the reason, or 429 when throttled."""

    template_name = "web/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        now, address = timezone.now(), throttle.client_address(request)
        name = request.POST.get("username", "")
        if throttle.reserve(name, address, now):
            return super().post(request, *arguments, **options)
        log.warning("sign-in throttled for %s", address or "an unknown address")
        wait = throttle.seconds_left(now)
        context = self.get_context_data(
            form=SignInForm(request, initial={"username": name[:150]}), throttled_minutes=-(-wait // 60)
        )
        response = self.render_to_response(context, status=429)
        response.headers["Retry-After"] = str(wait)
        return response

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The password was right: signs in, or goes on to the second factor where the account has one."""
        account = form.get_user()
        throttle.give_back(self.request.POST.get("username", ""), throttle.client_address(self.request), timezone.now())
        response: HttpResponse = perform_login(self.request, account, redirect_url=self.get_success_url())
        return response

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(passkeys=passkeys_possible(self.request), **context)


class SecondFactor(AuthenticateView):
    """The step after the password: a code of the authenticator app, a recovery code, or a passkey."""

    template_name = "web/second_factor.html"

    def get_context_data(self, **options: Any) -> dict[str, Any]:
        context = super().get_context_data(**options)
        account = self.stage.login.user
        return {**context, "passkey": has_passkey(account) and passkeys_possible(self.request)}


second_factor = login_not_required(SecondFactor.as_view())
# GET (as JSON) gives the browser its challenge; POST signs in by passkey alone, whose device asked for PIN or finger.
passkey = login_not_required(LoginWebAuthnView.as_view())
sign_out = auth_views.LogoutView.as_view(next_page="sign_in")
