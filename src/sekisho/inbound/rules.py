"""What a domain wants to be done about inbound mail with a warning: reading and changing its row.

The names are made ready for comparing when they are saved, so that the agent, which writes them where rspamd reads
them, need know nothing of brands.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory.models import SiteAliasDomain, SiteDomain
from sekisho.inbound.brands import Brand, catalogue, own_brand, with_own
from sekisho.inbound.fold import plain
from sekisho.inbound.hosts import owner
from sekisho.incidents.changes import NotAllowed, write_audit
from sekisho.incidents.models import InboundRule

Level = Literal["off", "observe", "warn"]
Place = Literal["inbox", "folder", "quarantine"]
# A name of one letter would be found everywhere; 60 is longer than a company's name.
SHORTEST_NAME, LONGEST_NAME = 2, 60
# Each name and exception is compared with every message.
MOST_NAMES, MOST_ALLOWED = 30, 200


class Rule(msgspec.Struct, frozen=True):
    """A domain's choice. `names`: its own, besides the domain; `allowed`: addresses and domains whose mail it wants
    while they are proven."""

    level: Level = "off"
    tag: bool = False
    place: Place = "inbox"
    names: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


class BadRule(Exception):
    """A name or an exception cannot be used; `what` is that text."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def is_set_up() -> bool:
    """Whether this site has inbound warnings at all."""
    return bool(settings().inbound.directory)


def rule_of(domain: str) -> Rule:
    """The domain's choice; without a row nothing is done."""
    row = InboundRule.objects.filter(domain=domain).first()
    if row is None:
        return Rule()
    return Rule(
        cast(Level, row.level),
        row.tag,
        cast(Place, row.place),
        tuple(row.names.splitlines()),
        tuple(row.allowed.splitlines()),
    )


def own_of(domain: str, names: Iterable[str]) -> Brand:
    """The tenant as one of the brands: its names and domains, and the provider's, in whose name its people are asked
    for passwords as well."""
    aliases = SiteAliasDomain.objects.filter(target_domain=domain).values_list("alias_domain", flat=True)
    site = settings().inbound
    domains = (domain, *sorted(alias.lower() for alias in aliases), *site.provider_domains)
    return own_brand((*names, *site.provider_names), domains)


def set_rule(
    domain: str, rule: Rule, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> bool:
    """Saves a domain's choice with an audit row; whether that changed anything.

    Raises NotAllowed where the site has no inbound warnings, for a domain that is not hosted here and for an alias
    domain; BadRule for a name or an exception that cannot be used.
    """
    if not is_set_up():
        raise NotAllowed("inbound.directory is not set: there are no inbound warnings here")
    if SiteAliasDomain.objects.filter(alias_domain=domain).exists():
        raise NotAllowed(f"{domain} is an alias domain")
    if domain == "all" or not SiteDomain.objects.filter(domain=domain).exists():
        raise NotAllowed(f"domain {domain} is not hosted here")
    rule = msgspec.structs.replace(rule, names=_names(rule.names), allowed=_allowed(rule.allowed))
    with transaction.atomic(using="default"):
        before = rule_of(domain)
        values = {
            "level": rule.level,
            "tag": rule.tag,
            "place": rule.place,
            "names": "\n".join(rule.names),
            "allowed": "\n".join(rule.allowed),
            "compared": msgspec.json.encode(own_of(domain, rule.names)).decode(),
        }
        InboundRule.objects.update_or_create(domain=domain, defaults=values)
        if before == rule:
            return False
        details: dict[str, object] = {"before": msgspec.to_builtins(before), "after": msgspec.to_builtins(rule)}
        write_audit(actor, "inbound", domain, details, at=now or timezone.now(), account=account)
    return True


def _names(names: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(" ".join(name.split()) for name in names if name.strip()))
    for name in found:
        if not SHORTEST_NAME <= len(plain(name).replace(" ", "")) or len(name) > LONGEST_NAME:
            raise BadRule(name)
    if len(found) > MOST_NAMES:
        raise BadRule(found[MOST_NAMES])
    return found


def _allowed(entries: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(entry.strip().lower() for entry in entries if entry.strip()))
    for entry in found:
        domain = entry.rpartition("@")[2]
        if "." not in domain or not domain.isascii() or any(c.isspace() for c in entry) or len(entry) > 254:
            raise BadRule(entry)
        # Everybody has an address there.
        if "@" not in entry and _is_free_mail(domain):
            raise BadRule(entry)
    if len(found) > MOST_ALLOWED:
        raise BadRule(found[MOST_ALLOWED])
    return found


def _is_free_mail(domain: str) -> bool:
    brand = owner(domain, with_own(catalogue(), own_brand((), ())))
    return brand is not None and domain in brand.shared
