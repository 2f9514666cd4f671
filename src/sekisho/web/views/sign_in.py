"""Signing in and out."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from sekisho.web import throttle

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
        now, address = timezone.now(), throttle.client_address(self.request)
        throttle.give_back(self.request.POST.get("username", ""), address, now)
        throttle.remember(form.get_user(), address, now)
        return super().form_valid(form)


sign_out = auth_views.LogoutView.as_view(next_page="sign_in")
