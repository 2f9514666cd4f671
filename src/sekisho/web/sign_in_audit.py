"""Sign-ins, sign-outs and failed sign-ins of accounts in the audit log, whichever page or second factor led to them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from sekisho.incidents import audit
from sekisho.web import throttle


def connect() -> None:
    """Listens to Django's own signals, which every way of signing in sends; called once at the start."""
    signals.user_logged_in.connect(_signed_in, dispatch_uid="sekisho.audit.signed_in")
    signals.user_logged_out.connect(_signed_out, dispatch_uid="sekisho.audit.signed_out")
    signals.user_login_failed.connect(_failed, dispatch_uid="sekisho.audit.sign_in_failed")


def _place(request: HttpRequest | None) -> dict[str, Any]:
    return {"address": throttle.client_address(request) if request is not None else ""}


def _signed_in(sender: Any, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    audit.record(user.get_username(), "sign_in", details=_place(request), account=user)


def _signed_out(sender: Any, request: HttpRequest, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        audit.record(user.get_username(), "sign_out", details=_place(request), account=user)


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    # Only names that exist are written down: people type passwords into the name field.
    name = str(credentials.get("username") or credentials.get("login") or "")
    account = get_user_model().objects.filter(username__iexact=name).first()
    actor = account.get_username() if account else "unknown"
    audit.record(actor, "sign_in_failed", details=_place(request), account=account)
