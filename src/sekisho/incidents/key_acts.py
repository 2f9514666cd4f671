"""API keys made and revoked, each with its row of the audit log in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.directory import api_keys
from sekisho.directory.models import ApiKey
from sekisho.incidents import audit


def make(
    owner: AbstractBaseUser,
    name: str,
    scopes: Iterable[str],
    actor: str,
    now: datetime,
    *,
    domains: Iterable[str] = (),
    days: int = api_keys.USUAL_DAYS,
    account: AbstractBaseUser | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the account `owner`, made by `actor`: its row and the key, to be shown once. Raises KeyRefused."""
    with transaction.atomic(using="default"):
        row, key = api_keys.make(owner, name, scopes, actor, now, domains=domains, days=days)
        details = {"name": row.name, "account": owner.get_username(), "scopes": row.scopes, "domains": row.domains}
        until = {"expires_at": row.expires_at.isoformat()}
        audit.record(actor, "api_key_made", row.prefix, details={**details, **until}, at=now, account=account)
    return row, key


def revoke(row: ApiKey, actor: str, now: datetime, *, account: AbstractBaseUser | None = None) -> bool:
    """Ends a key; whether it was valid before. A second time changes nothing and writes nothing."""
    with transaction.atomic(using="default"):
        if not api_keys.revoke(row, now):
            return False
        details = {"name": row.name, "account": row.account.get_username()}
        audit.record(actor, "api_key_revoked", row.prefix, details=details, at=now, account=account)
    return True
