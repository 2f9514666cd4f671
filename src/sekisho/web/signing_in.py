"""What django-allauth asks of the panel: no mail, no open door, our own words, secrets encrypted, a sign-in audited."""

from __future__ import annotations

import base64
from typing import Any, ClassVar
from urllib.parse import urlsplit

import segno
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings as django_settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sekisho.config import settings
from sekisho.web import throttle

# GenericIPAddressField takes no empty value; nobody signs in from the unspecified address.
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104

TOO_MANY = gettext_lazy(
    "There were too many tries in a short time. Please wait five minutes; nothing is locked for good."
)
NO_PASSKEY = gettext_lazy("This passkey does not open the panel. Try again, or take another way.")
NO_NEW_PASSKEY = gettext_lazy("The passkey could not be made. Please try once more.")
WRONG_CODE = gettext_lazy("This code is not right, or was used already. Each code works once: wait for the next one.")


class PanelAccountAdapter(DefaultAccountAdapter):
    """Accounts are made by `sekisho admin add` only; allauth writes no mail and no messages of its own."""

    error_messages: ClassVar = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        raise NotImplementedError("the panel's accounts are told nothing by mail")

    def send_notification_mail(self, *arguments: Any, **options: Any) -> None:
        """Nothing: an account has no mail address. The audit trail has it (views.account)."""

    def add_message(
        self, request: HttpRequest, level: int, *arguments: Any, message: str | None = None, **_o: Any
    ) -> None:
        """Says what a form of ours says; allauth's templates of messages stay unsaid."""
        if message:
            messages.add_message(request, level, message)

    def get_client_ip(self, request: HttpRequest) -> str:
        return str(throttle.peer_address(request) or UNKNOWN_ADDRESS)

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        """The answer of a wrong passkey: a disabled account is told nothing else."""
        messages.error(request, WRONG_CODE)
        return redirect("sign_in")

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """All steps are done: the address becomes a known one. Django's own signal has audited it (sign_in_audit)."""
        throttle.remember(user, throttle.client_address(request), timezone.now())
        response: HttpResponse = super().post_login(request, user, **options)
        return response


def _cipher() -> MultiFernet:
    keys = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key))) for key in keys])


def _derived(key: str | bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"sekisho.web.second-factor").derive(force_bytes(key))


class PanelFactorAdapter(DefaultMFAAdapter):
    """Second factors: stored encrypted, so that a copy of the database opens no account (P7)."""

    error_messages: ClassVar = DefaultMFAAdapter.error_messages | {"incorrect_code": WRONG_CODE}

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        """What authenticator apps and browsers show beside the account."""
        return f"Sekisho {urlsplit(settings().web.panel_url).hostname}"

    def build_totp_svg(self, url: str) -> str:
        # Level M reads from a stained screen; 4 pixels a module at arm's length.
        return segno.make(url, error="m").svg_inline(scale=4)

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number}


class _OnceOnly:
    """A code of the app is good for 90 seconds (settings.MFA_TOTP_TOLERANCE), allauth remembers it for 30."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        authenticator: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if authenticator.type != Authenticator.Type.TOTP:
            return code
        digits = "".join(code.split())
        key = salted_hmac("sekisho.web.used-code", f"{authenticator.pk} {digits}", algorithm="sha256").hexdigest()
        if not cache.add(f"used-code-{key}", True, timeout=90):
            raise PanelFactorAdapter().validation_error("incorrect_code")
        return code


class _NonsenseIsWrong:
    """What is no credential, or signed by another key, is a wrong answer; allauth 65 lets the errors through."""

    def clean_credential(self) -> Authenticator:
        try:
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
        except (KeyError, AttributeError, TypeError, ValueError, InvalidSignature):
            raise ValidationError(NO_PASSKEY) from None
        except ValidationError as refusal:
            # allauth speaks of a code here; its "too many tries" stays.
            raise (ValidationError(NO_PASSKEY) if refusal.code == "incorrect_code" else refusal) from None
        return found


class PasskeyFactorForm(_NonsenseIsWrong, AuthenticateWebAuthnForm):
    """The passkey after the password."""


class PasskeySignInForm(_NonsenseIsWrong, LoginWebAuthnForm):
    """A passkey alone."""


class ConfirmPasskeyForm(_NonsenseIsWrong, ReauthenticateWebAuthnForm):
    """The passkey before something sensitive."""


class AddPasskeyForm(AddWebAuthnForm):
    """A passkey that a browser has just made."""

    def clean(self) -> dict[str, Any]:
        try:
            values: dict[str, Any] = super().clean()
        except (KeyError, AttributeError, TypeError, ValueError, InvalidSignature, ValidationError):
            raise ValidationError(NO_NEW_PASSKEY) from None
        return values


class SecondFactorForm(_OnceOnly, AuthenticateForm):
    """The code after the password."""


class ConfirmFactorForm(_OnceOnly, ReauthenticateForm):
    """The code before something sensitive."""
