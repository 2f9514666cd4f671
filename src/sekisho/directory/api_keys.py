"""API keys: made, shown once, found again by their hash, revoked.

A key is `sekisho_PREFIX_SECRET`: the word lets scanners for leaked secrets know it, the prefix names it in lists, the
secret has 256 bits, so that nobody guesses one and a fast keyed hash is enough. The key of that hash is Django's secret
key: a copy of the database alone opens nothing. Whoever replaces the secret key makes new API keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from sekisho.directory.access import Account, accessible_domains, is_operator, may_contain
from sekisho.directory.models import ApiKey

# read: look; contain: suspend and restrict; recover: reinstate, dismiss, answer, close; admin: a domain's mode.
SCOPES = ("read", "contain", "recover", "admin")
# Suspending, restricting and modes are an operator's in the panel, too.
OPERATOR_SCOPES = frozenset({"contain", "admin"})
# A key that nobody remembers ends by itself: a year is the round of a provider's yearly renewals. Two are the most,
# for machines that are touched once a year and then forgotten once.
USUAL_DAYS, MOST_DAYS = 365, 730
# An account needs a handful; a loop that makes keys should be noticed.
MOST_KEYS = 50
# One write a minute, not one a request.
USE_NOTED_EVERY = timedelta(minutes=1)
_WORD = "sekisho"
# What `secrets.token_urlsafe(32)` gives is 43 characters.
_LONGEST = 80


class KeyRefused(ValueError):
    """The key cannot be made as it was asked for; the text says why, in English, `code` for other languages."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _hash(key: str) -> str:
    return salted_hmac("sekisho.directory.api_key", key, algorithm="sha256").hexdigest()


def make(
    account: AbstractBaseUser,
    name: str,
    scopes: Iterable[str],
    created_by: str,
    now: datetime,
    *,
    domains: Iterable[str] = (),
    days: int = USUAL_DAYS,
) -> tuple[ApiKey, str]:
    """A new key of the account: its row, and the key itself, which is kept nowhere. Raises KeyRefused."""
    name, wanted = name.strip()[:100], sorted(set(scopes), key=SCOPES.index) if set(scopes) <= set(SCOPES) else []
    narrowed = sorted({domain.strip().lower() for domain in domains})
    _refuse_unfit(account, name, wanted, narrowed, days, now)
    prefix = secrets.token_hex(4)
    key = f"{_WORD}_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        prefix=prefix,
        hash=_hash(key),
        name=name,
        account_id=account.pk,
        scopes=wanted,
        domains=narrowed,
        created_at=now,
        created_by=created_by[:255],
        expires_at=now + timedelta(days=days),
    )
    return row, key


def _refuse_unfit(
    account: AbstractBaseUser, name: str, scopes: list[str], domains: list[str], days: int, now: datetime
) -> None:
    seen = accessible_domains(account)
    if not name:
        raise KeyRefused("name", "say what the key is for")
    if not scopes:
        raise KeyRefused("scopes", f"a key needs at least one scope of {', '.join(SCOPES)}")
    if not 1 <= days <= MOST_DAYS:
        raise KeyRefused("days", f"a key is valid for 1 to {MOST_DAYS} days")
    if not seen or not set(domains) <= set(seen):
        raise KeyRefused("domains", "the account may not act for these domains")
    if OPERATOR_SCOPES & set(scopes) and not may_contain(account):
        raise KeyRefused("operator", "the scopes contain and admin are for operators' keys")
    if valid(ApiKey.objects.filter(account_id=account.pk), now).count() >= MOST_KEYS:
        raise KeyRefused("many", f"the account has {MOST_KEYS} keys; revoke one first")


def valid(keys: QuerySet[ApiKey], now: datetime) -> QuerySet[ApiKey]:
    """Those that still open something."""
    return keys.filter(revoked_at=None, expires_at__gt=now)


def find(key: str, now: datetime) -> ApiKey | None:
    """The row of a key that is valid now and whose account may act; None for anything else. Notes its use."""
    parts = key.split("_", 2)
    if len(key) > _LONGEST or len(parts) != 3 or parts[0] != _WORD or not key.isascii() or "\x00" in key:
        return None
    row = valid(ApiKey.objects.select_related("account"), now).filter(prefix=parts[1]).first()
    if row is None or not constant_time_compare(row.hash, _hash(key)) or not row.account.is_active:
        return None
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def revoke(row: ApiKey, now: datetime) -> bool:
    """Ends a key at once; whether that changed anything."""
    return ApiKey.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now) == 1


def accessible_keys(account: Account) -> QuerySet[ApiKey]:
    """An operator sees every key, everybody else his own, newest first."""
    keys = ApiKey.objects.select_related("account")
    return keys if is_operator(account) else keys.filter(account_id=account.pk)


def key_facts(row: ApiKey) -> dict[str, Any]:
    """One key as plain data; never its hash."""
    return {
        "prefix": row.prefix,
        "name": row.name,
        "account": row.account.get_username(),
        "scopes": row.scopes,
        "domains": row.domains,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "last_used_at": row.last_used_at,
    }
