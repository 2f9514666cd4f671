"""The demo's hosting provider: read from `demo/provider.toml`, loaded once into both databases of a fresh stack.

The data lives outside this package on purpose: an installation on a real host contains no demo domain or address.
"""

from __future__ import annotations

import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sekisho.deploy.ground import write_private
from sekisho.deploy.layout import Layout

# Letters and digits that nobody confuses on a printed line; 16 of 56 are 93 bits.
_LETTERS = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lIo")))


class ProviderError(Exception):
    """The demo's data is missing or wrong; the text names the file and the field."""


class MailboxEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    local: str
    name: str
    # Client addresses its owner is known to come from.
    home: tuple[str, ...]
    # Local parts of the same domain that lead to this mailbox alone.
    aliases: tuple[str, ...] = ()


class AliasEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    local: str
    targets: tuple[str, ...]


class DomainEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str
    # The true server name its owners must type.
    mail_server: str
    # Name of the domain admin's panel account.
    admin: str
    # Where that admin hears of incidents: a mailbox elsewhere.
    contact: str
    # People outside with whom its mailboxes correspond.
    correspondents: tuple[str, ...]
    mailbox: tuple[MailboxEntry, ...]
    alias: tuple[AliasEntry, ...] = ()
    catch_all: str = ""
    alias_domains: tuple[str, ...] = ()


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host_name: str
    notice_sender: str
    operator: str
    # Where the operator is called when a fuse blows: a mailbox elsewhere.
    operator_contact: str
    domain: tuple[DomainEntry, ...]
    # Client addresses from which receivers' feedback loops report spam.
    feedback_reporters: tuple[str, ...] = ()
    # What mail programs of a suspended mailbox are told (docs/notices.md); empty: Dovecot's own words.
    reason_text: str = ""

    def mailboxes(self) -> list[str]:
        """Every mailbox's address."""
        return [f"{entry.local}@{domain.name}" for domain in self.domain for entry in domain.mailbox]


def demo_directory() -> Path:
    """$SEKISHO_DEMO, else ./demo, else the directory beside the source tree; raises ProviderError."""
    named = os.environ.get("SEKISHO_DEMO", "")
    candidates = [Path(named)] if named else [Path("demo"), Path(__file__).resolve().parents[3] / "demo"]
    for path in candidates:
        if (path / "provider.toml").exists():
            return path
    raise ProviderError(f"no provider.toml in {' or '.join(map(str, candidates))}")


def read_provider(directory: Path) -> Provider:
    """The provider in `directory`; raises ProviderError."""
    path = directory / "provider.toml"
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Provider)
    except (OSError, msgspec.DecodeError) as error:
        raise ProviderError(f"{path}: {error}") from error


@dataclass
class Credentials:
    """One-time passwords of a fresh stack, as they are kept in `var/credentials.json` (0600)."""

    operator: tuple[str, str]
    domain_admins: dict[str, tuple[str, str]] = field(default_factory=dict)
    mailboxes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        def account(pair: tuple[str, str]) -> dict[str, str]:
            return {"name": pair[0], "password": pair[1]}

        admins = {domain: account(pair) for domain, pair in self.domain_admins.items()}
        content: dict[str, Any] = {
            "panel": {"operator": account(self.operator), "domain_admins": admins},
            "mailboxes": self.mailboxes,
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2)


def load_provider(layout: Layout, provider: Provider) -> Credentials:
    """Fills both databases with the provider's rows and writes the credentials file. Needs Django and empty tables."""
    from django.db import transaction

    credentials = Credentials(operator=(provider.operator, _password()))
    # One transaction per database: 60 rows, each synced by itself, would take a second on a slow disk.
    with transaction.atomic(using="site"), transaction.atomic(using="default"):
        _load_panel(provider, credentials)
        for domain in provider.domain:
            _load_domain(domain, credentials)
    write_private(layout.credentials, credentials.to_json().decode())
    return credentials


def _load_panel(provider: Provider, credentials: Credentials) -> None:
    from sekisho.directory import provision

    name, password = credentials.operator
    provision.add_admin(name, password, operator=True)
    provision.add_contact("ALL", provider.operator_contact)


def _load_domain(domain: DomainEntry, credentials: Credentials) -> None:
    from sekisho.directory import provision

    provision.add_domain(
        domain.name, server_name=domain.mail_server, description=domain.description, contact=domain.contact
    )
    for entry in domain.mailbox:
        address = f"{entry.local}@{domain.name}"
        credentials.mailboxes[address] = _password()
        provision.add_mailbox(address, credentials.mailboxes[address], name=entry.name)
        for local in entry.aliases:
            provision.add_alias(f"{local}@{domain.name}", [address])
    for alias in domain.alias:
        provision.add_alias(f"{alias.local}@{domain.name}", alias.targets)
    if domain.catch_all:
        provision.add_alias(f"@{domain.name}", [domain.catch_all])
    for alias_domain in domain.alias_domains:
        provision.add_alias_domain(alias_domain, domain.name)
    credentials.domain_admins[domain.name] = (domain.admin, _password())
    provision.add_admin(*credentials.domain_admins[domain.name], domains=[domain.name])


def _password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(16))
