"""An account's second factors: what there is, what may be removed, and what the audit log says about them."""

from __future__ import annotations

from typing import Any

from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from sekisho.config import settings
from sekisho.directory import access
from sekisho.incidents import audit
from sekisho.web import throttle
from sekisho.web.confirmation import second_factor_enrolled

PRIMARY = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def is_required(account: User) -> bool:
    """Whether this account must have a second factor (an operator's, unless the configuration says otherwise)."""
    return settings().web.operators_need_second_factor and access.is_operator(account)


def is_missing(account: User) -> bool:
    """Whether it must have one and has none."""
    return is_required(account) and not second_factor_enrolled(account)


def may_remove(account: User) -> bool:
    """Whether one factor may go: not the last one of an account that must have one."""
    return not is_required(account) or Authenticator.objects.filter(user=account, type__in=PRIMARY).count() > 1


def recovery_codes_left(account: User) -> int | None:
    """How many recovery codes are unused; None when there is no sheet."""
    sheet = Authenticator.objects.filter(user=account, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(sheet.wrap().get_unused_codes()) if sheet else None


def take_away(account: User, actor: str) -> int:
    """Removes every second factor of an account and ends its sessions: for a person who has lost them all, and has
    shown otherwise who it is. Returns how many factors there were."""
    with transaction.atomic():
        count: int = Authenticator.objects.filter(user=account, type__in=PRIMARY).count()
        Authenticator.objects.filter(user=account).delete()
        audit.record(actor, "factors_taken_away", account.get_username(), account=account, details={"count": count})
    for session in UserSession.objects.filter(user=account):
        session.end()
    return count


def connect() -> None:
    """Listens to allauth's signals, which every change and use of a factor sends; called once at the start."""
    signals.authenticator_added.connect(_added, dispatch_uid="sekisho.audit.factor_added")
    signals.authenticator_removed.connect(_removed, dispatch_uid="sekisho.audit.factor_removed")
    signals.authenticator_reset.connect(_reset, dispatch_uid="sekisho.audit.factor_reset")
    signals.authentication_failed.connect(_failed, dispatch_uid="sekisho.audit.factor_failed")


def _record(verb: str, request: HttpRequest, user: User, kind: str) -> None:
    details = {"factor": str(kind), "address": throttle.client_address(request)}
    audit.record(user.get_username(), verb, user.get_username(), account=user, details=details)


def _added(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record("factor_added", request, user, authenticator.type)


def _removed(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record("factor_removed", request, user, authenticator.type)


def _reset(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record("factor_renewed", request, user, authenticator.type)


def _failed(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _record("factor_refused", request, user, authenticator.type)
