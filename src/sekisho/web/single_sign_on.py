"""Signed single sign-on: a hoster's own customer panel opens メール管理 for its customer (docs/single-sign-on.md).

The hoster signs a short-lived statement (JWT, RFC 7519) with a key of which we hold the public half. What it may say is
bounded by our configuration: for which domains, never for an operator, and each statement once (RFC 8725 names the
mistakes that others have made).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from sekisho.config import SignOnIssuer, settings
from sekisho.directory import access
from sekisho.directory.models import Role, SiteDomain, SiteMailbox
from sekisho.incidents import audit
from sekisho.web.models import SignOnAccount, UsedStatement

# A statement made of six claims is a few hundred characters; one with a hundred domains under four thousand.
LONGEST_STATEMENT = 8192
MOST_DOMAINS = 100
# From the button in the hoster's panel to us is one redirect; a minute forgives a slow phone.
LIVES = timedelta(seconds=60)
# Two hosts under NTP differ by milliseconds; five seconds forgive a bad one.
CLOCKS_DIFFER = timedelta(seconds=5)
CLAIMS = ["iss", "sub", "aud", "iat", "exp", "jti"]
OWNER = "owner"


class Refused(Exception):
    """The statement opens nothing; the text says why, for our log and not for who sent it."""


@dataclass(frozen=True)
class Statement:
    """What a hoster says: this is `name`, who administers `domains`; or the owner of the mailbox `name`."""

    issuer: SignOnIssuer
    name: str
    domains: tuple[str, ...]
    number: str
    expires: datetime
    of_owner: bool = False


def audience() -> str:
    """Whom a statement must be addressed to: this panel's own address, so that one for another panel opens nothing."""
    return f"{settings().web.panel_url}/sso/"


def read(text: str) -> Statement:
    """The statement in a signed text; raises Refused. It is not yet used up."""
    if not 0 < len(text) <= LONGEST_STATEMENT:
        raise Refused("no statement, or one that is too long")
    issuer = _issuer(text)
    try:
        claims = jwt.decode(
            text,
            Path(issuer.public_key_file).read_text(),
            # One algorithm per issuer, from our configuration: what the statement says about itself counts nothing.
            algorithms=[issuer.algorithm],
            audience=audience(),
            issuer=issuer.issuer,
            leeway=CLOCKS_DIFFER,
            options={"require": CLAIMS, "strict_aud": True, "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, OSError, ValueError) as error:
        raise Refused(f"{issuer.issuer}: {type(error).__name__}") from error
    return _statement(issuer, claims)


def _issuer(text: str) -> SignOnIssuer:
    try:
        named = jwt.decode(text, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, AttributeError) as error:
        raise Refused("not a signed statement") from error
    found = next((one for one in settings().web.single_sign_on if one.issuer == named), None)
    if found is None:
        raise Refused("an issuer that is not configured")
    return found


def _statement(issuer: SignOnIssuer, claims: dict[str, Any]) -> Statement:
    """The claims of a verified statement, each of the shape and within the bounds that we allow."""
    number, name, issued, expires = (claims[claim] for claim in ("jti", "sub", "iat", "exp"))
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise Refused("times are not numbers")
    if not 0 < expires - issued <= LIVES.total_seconds():
        raise Refused("lives longer than a minute")
    if not isinstance(number, str) or not 16 <= len(number) <= 128:
        raise Refused("jti has not 16 to 128 characters")
    # The length and letters of Django's account names.
    if not isinstance(name, str) or not 0 < len(name) <= 150 or not name.isprintable() or name != name.strip():
        raise Refused("sub is no name of an account")
    until = datetime.fromtimestamp(expires, UTC)
    role = claims.get("role", Role.DOMAIN_ADMIN)
    if role == OWNER and "domains" not in claims:
        return Statement(issuer, name.lower(), _allowed(issuer, [name.rpartition("@")[2]]), number, until, True)
    if role != Role.DOMAIN_ADMIN:
        raise Refused("a role that nobody is signed in with")
    return Statement(issuer, name, _allowed(issuer, claims.get("domains")), number, until)


def _allowed(issuer: SignOnIssuer, domains: Any) -> tuple[str, ...]:
    """The domains of a statement, sorted, all of them ones for which the issuer may speak."""
    if not isinstance(domains, list) or not 0 < len(domains) <= MOST_DOMAINS:
        raise Refused("domains is no list, empty, or too long")
    wanted = tuple(sorted({one.lower() for one in domains if isinstance(one, str)}))
    if len(wanted) != len(set(map(str, domains))):
        raise Refused("domains holds what is no domain, or one twice")
    if "*" not in issuer.domains and not set(wanted) <= {one.lower() for one in issuer.domains}:
        raise Refused("a domain for which the issuer may not speak")
    return wanted


def use(statement: Statement) -> User:
    """The account that the statement opens, made or changed by the rule of docs/single-sign-on.md; raises Refused.

    The statement is used up in the same transaction: of two that arrive at once one is refused.
    """
    with transaction.atomic():
        _use_up(statement)
        known = set(SiteDomain.objects.filter(domain__in=statement.domains).values_list("domain", flat=True))
        if known != set(statement.domains):
            raise Refused("a domain that is not hosted here")
        account = User.objects.select_for_update().filter(username__iexact=statement.name).first()
        if account is None:
            return _make(statement)
        _check(account, statement)
        return account


def use_for_owner(statement: Statement) -> SiteMailbox:
    """The mailbox whose owner the statement signs in; raises Refused. Used up as by `use`."""
    with transaction.atomic():
        _use_up(statement)
        mailbox = SiteMailbox.objects.filter(username=statement.name, domain__in=statement.domains).first()
        if mailbox is None:
            raise Refused("a mailbox that is not hosted here")
        return mailbox


def _use_up(statement: Statement) -> None:
    UsedStatement.objects.filter(expires__lt=timezone.now() - 2 * CLOCKS_DIFFER).delete()
    key = sha256(f"{statement.issuer.issuer}\0{statement.number}".encode()).hexdigest()
    try:
        with transaction.atomic():
            UsedStatement.objects.create(key=key, expires=statement.expires)
    except IntegrityError as error:
        raise Refused("used already") from error


def _make(statement: Statement) -> User:
    """A new account without a password: only its issuer opens it."""
    account = User.objects.create_user(statement.name)
    SignOnAccount.objects.create(account=account, issuer=statement.issuer.issuer)
    _set_domains(account, statement)
    details = {"issuer": statement.issuer.issuer, "domains": list(statement.domains)}
    audit.record(statement.issuer.issuer, "account_made_by_sso", account.username, account=account, details=details)
    return account


def _set_domains(account: User, statement: Statement) -> None:
    """The hoster knows whose domains they are today; what it no longer names is no longer opened."""
    Role.objects.filter(account=account, role=Role.DOMAIN_ADMIN).exclude(domain__in=statement.domains).delete()
    for domain in statement.domains:
        Role.objects.get_or_create(account=account, role=Role.DOMAIN_ADMIN, domain=domain)


def _check(account: User, statement: Statement) -> None:
    """Whether this account may be opened; brings the domains of one that the same issuer made up to date."""
    if access.is_operator(account) or account.is_superuser or account.is_staff:
        raise Refused("an operator's account")
    if not account.is_active:
        raise Refused("a disabled account")
    made = SignOnAccount.objects.filter(account=account).first()
    if made is not None:
        if made.issuer != statement.issuer.issuer:
            raise Refused("an account of another issuer")
        _set_domains(account, statement)
        return
    held = set(Role.objects.filter(account=account, role=Role.DOMAIN_ADMIN).values_list("domain", flat=True))
    if held != set(statement.domains):
        raise Refused("an account made by an admin, with other domains than the statement names")
