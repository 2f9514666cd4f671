"""Asking once more who it is, before contacts, passwords, keys and modes are touched.

A stolen session cookie, or a browser left open at the counter, must not be enough for what outlives the session
(OWASP ASVS 5.0, 7.5.1 and 7.5.3). The second factor is asked where the account has one, else the password.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

# As long as reading the page and typing a password takes an unhurried person, so that nobody who goes the seed's way
# (sign in, 編集, new password, 保存) is asked twice; short enough that a browser left open over lunch is asked.
LASTS = timedelta(minutes=10)
_KEY = "sekisho_confirmed"

View = Callable[..., HttpResponseBase]


def second_factor_enrolled(account: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the account has a second factor (recovery codes alone are none)."""
    return bool(
        account.is_authenticated
        and isinstance(account, AbstractBaseUser)
        and is_mfa_enabled(account, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN])
    )


def note_confirmed(request: HttpRequest, *, by_factor: bool) -> None:
    """Remembers that the person of this session has just shown who it is, and whether by a second factor."""
    request.session[_KEY] = {"account": request.user.pk, "at": timezone.now().timestamp(), "by_factor": by_factor}


def note_sign_in(sender: Any, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    """A complete sign-in is a confirmation; receiver of Django's user_logged_in.

    Django's login() comes after allauth's steps, so an account with a second factor has shown it, unless the way in
    says otherwise (`forget`).
    """
    if request is None or not hasattr(request, "session"):
        return
    request.session[_KEY] = {
        "account": user.pk,
        "at": timezone.now().timestamp(),
        "by_factor": second_factor_enrolled(user),
    }


def forget(request: HttpRequest) -> None:
    """This session has shown nothing yet: the next sensitive act asks."""
    request.session.pop(_KEY, None)


def recently_confirmed(request: HttpRequest) -> bool:
    """Whether this session's person was confirmed within `LASTS`, by the second factor if there is one now."""
    noted = request.session.get(_KEY)
    if not request.user.is_authenticated or not isinstance(noted, dict) or noted.get("account") != request.user.pk:
        return False
    age = timezone.now() - datetime.fromtimestamp(noted["at"], tz=timezone.get_default_timezone())
    if not timedelta(0) <= age <= LASTS:
        return False
    return bool(noted.get("by_factor")) or not second_factor_enrolled(request.user)


def needs_confirmation(view: View) -> View:
    """Lets a view run only while the person is confirmed; else leads to the confirmation page and back.

    A POST is not repeated by us, since what it held (a password, perhaps) would have to lie in the session: the
    confirmation page leads back to the form and says that nothing was saved. Put it on the form's GET as well, and
    people are asked before they type.
    """

    @wraps(view)
    def asked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        if recently_confirmed(request):
            return view(request, *arguments, **options)
        return to_confirmation(request)

    return asked


def to_confirmation(request: HttpRequest) -> HttpResponse:
    """A redirect to the confirmation page that knows the way back; for htmx as its own header."""
    reading = request.method in ("GET", "HEAD")
    back = {"next": request.get_full_path() if reading else _page_before(request)}
    target = f"{reverse('confirm')}?{urlencode(back if reading else back | {'again': '1'})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def _page_before(request: HttpRequest) -> str:
    """The page whose form was sent, from Referer (our policy sends it to ourselves); only a path of this panel."""
    before = urlsplit(request.headers.get("referer", ""))
    path = before.path + (f"?{before.query}" if before.query else "")
    if before.netloc == request.get_host() and url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return path
    return reverse("dashboard")
