"""The only way from an account of our panel to somebody's row.

An operator sees everything, a reseller, domain admin or helpdesk the mailboxes of their domains, everybody else
nothing; a helpdesk changes none (`may_change`; web.middleware closes every changing view to it). What an account may
not see does not exist for it: the error for a stranger and for an address that is not there is the same (NotFound,
which a Django view turns into 404).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import Http404

from sekisho.directory.models import Role, SiteDomain, SiteMailbox

# Roles that hold for the domain in their row.
DOMAIN_ROLES = (Role.RESELLER, Role.DOMAIN_ADMIN, Role.HELPDESK)

Account = AbstractBaseUser | AnonymousUser


class NotFound(Http404):
    """There is no such row, or not for this account; the two cannot be told apart."""


def _may_act(account: Account) -> bool:
    return bool(account.is_authenticated and account.is_active)


def narrow(account: AbstractBaseUser, domains: Iterable[str]) -> AbstractBaseUser:
    """The account, seeing only those of its domains that are named here (an API key's); none named: all it sees."""
    account._only_domains = frozenset(domains) or None  # type: ignore[attr-defined]
    return account


def _only_domains(account: Account) -> frozenset[str] | None:
    return getattr(account, "_only_domains", None)


def may_contain(account: Account) -> bool:
    """Whether the account may suspend and restrict what it sees: an operator's, narrowed to some domains or not."""
    return _may_act(account) and Role.objects.filter(account_id=account.pk, role=Role.OPERATOR).exists()


def is_operator(account: Account) -> bool:
    """Whether the account runs the host and sees all of it. Django's superuser flag counts for nothing here."""
    return _only_domains(account) is None and may_contain(account)


def accessible_domains(account: Account) -> list[str]:
    """The domains whose mailboxes the account may see, sorted; an empty list for a stranger."""
    if not _may_act(account):
        return []
    # 'ALL' is PostfixAdmin's row for its super admins, no mail domain.
    domains = SiteDomain.objects.exclude(domain="ALL").order_by("domain")
    only = _only_domains(account)
    if only is not None:
        domains = domains.filter(domain__in=only)
    if not may_contain(account):
        roles = Role.objects.filter(account_id=account.pk, role__in=DOMAIN_ROLES)
        domains = domains.filter(domain__in=list(roles.values_list("domain", flat=True)))
    return list(domains.values_list("domain", flat=True))


def may_change(account: Account, domain: str) -> bool:
    """Whether the account may change something about this domain's mailboxes, not only look at them."""
    return domain.lower() in changeable_domains(account)


def changeable_domains(account: Account) -> list[str]:
    """The domains whose mailboxes the account may change, sorted."""
    return [] if is_read_only(account) else accessible_domains(account)


def is_read_only(account: Account) -> bool:
    """Whether the account only looks. A helpdesk's row outweighs any other, should somebody have mixed them."""
    return _may_act(account) and Role.objects.filter(account_id=account.pk, role=Role.HELPDESK).exists()


def access_domain(account: Account, domain: str) -> SiteDomain:
    """The domain's row; raises NotFound."""
    name = domain.lower()
    if name not in accessible_domains(account):
        raise NotFound(name)
    try:
        return SiteDomain.objects.get(domain=name)
    except SiteDomain.DoesNotExist:
        raise NotFound(name) from None


def accessible_mailboxes(account: Account) -> QuerySet[SiteMailbox]:
    """The mailboxes the account may see, by address."""
    return SiteMailbox.objects.filter(domain__in=accessible_domains(account)).order_by("username")


def access_mailbox(account: Account, address: str) -> SiteMailbox:
    """The mailbox with exactly this address (any case); raises NotFound."""
    try:
        return accessible_mailboxes(account).get(username=address.lower())
    except SiteMailbox.DoesNotExist:
        raise NotFound(address) from None
