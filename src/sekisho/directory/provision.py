"""New domains, alias domains, mailboxes, aliases and admins: rows as PostfixAdmin 3.3.13 writes them, and ours.

Everything takes effect at once: Postfix and Dovecot ask the tables at every look-up. The names here are checked as
strictly as PostfixAdmin does: what lands in these tables is interpolated into paths (`maildir`) and maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections, transaction
from django.utils import timezone

from sekisho.config import settings
from sekisho.directory import mapping
from sekisho.directory.models import (
    Contact,
    MailHost,
    Role,
    SiteAdmin,
    SiteAlias,
    SiteAliasDomain,
    SiteDomain,
    SiteDomainAdmin,
    SiteMailbox,
)
from sekisho.directory.passwords import PasswordTooLong, hash_password

# RFC 5321 4.5.3.1: local part 64 octets, domain 255.
_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*=?^_`{|}~-]+(\.[a-z0-9!#$%&'*=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class ProvisionError(ValueError):
    """The row cannot be made; the text says why, for the person who asked."""


def checked_domain(domain: str) -> str:
    """The domain in lower case; raises ProvisionError when it is none (IDNs come as xn--…)."""
    name = domain.strip().lower()
    if not _DOMAIN.fullmatch(name):
        raise ProvisionError(f"{domain!r} is not a domain name")
    return name


def checked_address(address: str) -> tuple[str, str]:
    """Local part and domain in lower case; raises ProvisionError.

    A mailbox name holds neither a slash (its maildir is a path) nor the recipient delimiter (it would be read as an
    extension of another mailbox).
    """
    local, at, domain = address.strip().lower().rpartition("@")
    delimiter = settings().recipient_delimiter
    if not at or len(local) > 64 or not _LOCAL_PART.fullmatch(local) or (delimiter and delimiter in local):
        raise ProvisionError(f"{address!r} is not an address a mailbox can have")
    return local, checked_domain(domain)


def _refuse_mapped() -> None:
    if mapping.is_mapped():
        raise ProvisionError("the site's own tables are only read here ([site] in sekisho.toml)")


def _known_domain(domain: str) -> None:
    if not SiteDomain.objects.filter(domain=domain).exists():
        raise ProvisionError(f"domain {domain} is not hosted here; add it first")


def _free_address(address: str) -> None:
    if SiteMailbox.objects.filter(username=address).exists() or SiteAlias.objects.filter(address=address).exists():
        raise ProvisionError(f"{address} exists already")


def add_domain(
    domain: str, *, server_name: str = "", description: str = "", contact: str = "", language: str = "ja"
) -> SiteDomain:
    """A new mail domain. `server_name` is what its owners type (mx01…), `contact` hears of its incidents."""
    _refuse_mapped()
    name = checked_domain(domain)
    if SiteDomain.objects.filter(domain=name).exists() or SiteAliasDomain.objects.filter(alias_domain=name).exists():
        raise ProvisionError(f"domain {name} exists already")
    now = timezone.now()
    row = SiteDomain.objects.create(
        domain=name, description=description, transport="virtual", created=now, modified=now
    )
    if server_name:
        set_mail_host(name, server_name)
    if contact:
        add_contact(name, contact, language)
    return row


def set_mail_host(domain: str, server_name: str) -> MailHost:
    """The domain's true server name, with the installation's ports."""
    ports = settings().mail_server
    row, _ = MailHost.objects.update_or_create(
        domain=domain,
        defaults={
            "server_name": checked_domain(server_name),
            "imap_port": ports.imap_port,
            "pop3_port": ports.pop3_port,
            "smtp_port": ports.smtp_port,
            "tls": ports.tls,
        },
    )
    return row


def add_contact(domain: str, address: str, language: str = "ja") -> Contact:
    """Where the domain's admin is told about incidents."""
    row, _ = Contact.objects.update_or_create(
        domain=domain, address=address.strip().lower(), defaults={"language": language}
    )
    return row


def add_alias_domain(alias_domain: str, target: str) -> SiteAliasDomain:
    """Every address of `target` also exists in `alias_domain`. As in PostfixAdmin both are rows of `domain`."""
    _refuse_mapped()
    alias, target = checked_domain(alias_domain), checked_domain(target)
    _known_domain(target)
    if alias == target or SiteAliasDomain.objects.filter(alias_domain__in=[alias, target]).exists():
        raise ProvisionError(f"{alias} cannot be an alias domain of {target}")
    if SiteMailbox.objects.filter(domain=alias).exists():
        raise ProvisionError(f"{alias} has mailboxes of its own")
    now = timezone.now()
    with transaction.atomic(using="site"):
        SiteDomain.objects.get_or_create(
            domain=alias, defaults={"transport": "virtual", "created": now, "modified": now}
        )
        return SiteAliasDomain.objects.create(alias_domain=alias, target_domain=target, created=now, modified=now)


def add_mailbox(address: str, password: str, *, name: str = "", contact: str = "", quota: int = 0) -> SiteMailbox:
    """A new mailbox with its row in `mailbox`, its alias to itself, and its maildir `domain/local/`.

    `contact` is the owner's other address (PostfixAdmin's email_other), `quota` in bytes (0: none).
    """
    _refuse_mapped()
    local, domain = checked_address(address)
    mailbox = f"{local}@{domain}"
    if not password:
        raise ProvisionError("the password is empty")
    _known_domain(domain)
    if SiteAliasDomain.objects.filter(alias_domain=domain).exists():
        raise ProvisionError(f"{domain} is an alias domain; mailboxes live in its target")
    _free_address(mailbox)
    now = timezone.now()
    with transaction.atomic(using="site"):
        SiteAlias.objects.create(address=mailbox, goto=mailbox, domain=domain, created=now, modified=now)
        return SiteMailbox.objects.create(
            username=mailbox,
            password=_site_hash(password),
            name=name,
            maildir=f"{domain}/{local}/",
            quota=quota,
            local_part=local,
            domain=domain,
            created=now,
            modified=now,
            email_other=contact,
        )


def add_alias(address: str, targets: Iterable[str]) -> SiteAlias:
    """A new alias; `@domain` is a catch-all. Targets may be anywhere."""
    _refuse_mapped()
    goto = [target.strip() for target in targets]
    if not goto or any("@" not in target or "," in target or " " in target for target in goto):
        raise ProvisionError("an alias needs at least one address as its target")
    if address.startswith("@"):
        domain = checked_domain(address[1:])
        address = f"@{domain}"
    else:
        local, domain = checked_address(address)
        address = f"{local}@{domain}"
    _known_domain(domain)
    _free_address(address)
    now = timezone.now()
    return SiteAlias.objects.create(address=address, goto=",".join(goto), domain=domain, created=now, modified=now)


def add_admin(
    name: str, password: str, *, domains: Iterable[str] = (), operator: bool = False, role: str = Role.DOMAIN_ADMIN
) -> AbstractBaseUser:
    """An account of our panel with its roles; an existing one gets the new password and further roles.

    A domain admin whose name is an address becomes a PostfixAdmin admin of those domains, too (PostfixAdmin's names
    are addresses); an operator does not: PostfixAdmin's superadmin is the site's own affair. A helpdesk does not
    either, since PostfixAdmin knows no role that only looks; it goes with no other role.
    """
    operator = operator or role == Role.OPERATOR
    if role not in Role.ALL:
        raise ProvisionError(f"{role!r} is no role")
    wanted = [checked_domain(domain) for domain in domains]
    if not password:
        raise ProvisionError("the password is empty")
    if not wanted and not operator:
        raise ProvisionError("an admin needs a domain, or the operator's role")
    for domain in wanted:
        _known_domain(domain)
    with transaction.atomic(using="default"):
        account, _ = get_user_model().objects.get_or_create(username=name)
        _refuse_mixed(account, operator, role)
        account.set_password(password)
        account.save()
        if operator:
            Role.objects.get_or_create(account=account, role=Role.OPERATOR, domain="")
        for domain in wanted:
            Role.objects.get_or_create(account=account, role=role, domain=domain)
    if "@" in name and wanted and role != Role.HELPDESK:
        _add_site_admin(name.lower(), password, wanted)
    return account


def _refuse_mixed(account: AbstractBaseUser, operator: bool, role: str) -> None:
    held = set(Role.objects.filter(account_id=account.pk).values_list("role", flat=True))
    looks = role == Role.HELPDESK
    if (looks and (operator or held - {Role.HELPDESK})) or (not looks and Role.HELPDESK in held):
        raise ProvisionError("a helpdesk account changes nothing and so has no other role")


def _site_hash(password: str) -> str:
    try:
        return hash_password(password, settings().password_scheme)
    except PasswordTooLong as error:
        raise ProvisionError(f"the password is too long: {error}") from error


def _add_site_admin(name: str, password: str, domains: list[str]) -> None:
    if not {"admin", "domain_admins"} <= set(connections["site"].introspection.table_names()):
        return
    now = timezone.now()
    with transaction.atomic(using="site"):
        SiteAdmin.objects.update_or_create(
            username=name,
            defaults={"password": _site_hash(password), "modified": now},
            create_defaults={
                "password": _site_hash(password),
                "created": now,
                "modified": now,
            },
        )
        present = set(SiteDomainAdmin.objects.filter(username=name).values_list("domain", flat=True))
        for domain in set(domains) - present:
            SiteDomainAdmin.objects.create(username=name, domain=domain, created=now)
