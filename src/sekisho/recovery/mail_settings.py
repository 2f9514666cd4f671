"""What owners type into their mail program: the domain's true server name, ports, user name.

The password is the only field that changes after a recovery; the rest is shown so that it can be compared.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.config import settings
from sekisho.directory.models import MailHost, SiteDomain
from sekisho.directory.names import alias_domains

Security = Literal["ssl", "starttls", "none"]
# RFC 8314, section 3: these begin in plain text and change to TLS; 993, 995 and 465 speak TLS from the first byte.
STARTTLS_PORTS = frozenset({25, 110, 143, 587})
# A mail address (RFC 5321, section 4.5.3.1, with its erratum 1690).
LONGEST_ADDRESS = 254


class MailSettings(msgspec.Struct, frozen=True):
    """The fields of an account in a mail program. The user name is always the full address."""

    domain: str
    # mx01…; never the `mail.` form of the customer's own domain, whose certificate would not match.
    server_name: str
    imap_port: int
    pop3_port: int
    smtp_port: int
    # Whether the connection is encrypted; False only in the local stack.
    tls: bool

    def security(self, port: int) -> Security:
        """How a connection to one of these ports is encrypted."""
        if not self.tls:
            return "none"
        return "starttls" if port in STARTTLS_PORTS else "ssl"


def for_domain(domain: str) -> MailSettings:
    """The settings of a domain: its own mail host's, or the installation's."""
    host = MailHost.objects.filter(domain=domain.lower()).first()
    if host is not None:
        return MailSettings(domain, host.server_name, host.imap_port, host.pop3_port, host.smtp_port, host.tls)
    ours = settings().mail_server
    return MailSettings(domain, ours.name or settings().host, ours.imap_port, ours.pop3_port, ours.smtp_port, ours.tls)


def of_hosted(domain: str) -> MailSettings | None:
    """The settings of a domain that is hosted here, in use or not; an alias domain has those of its target.

    None for any other. Whether a mailbox exists, or works, has no part in it: the answer is for strangers, and a
    suspended mailbox' owner needs it more than anybody.
    """
    name = domain.strip().rstrip(".").lower()
    if not name or not SiteDomain.objects.exclude(domain="ALL").filter(domain=name, backupmx=False).exists():
        return None
    found = for_domain(alias_domains().get(name, name))
    return msgspec.structs.replace(found, domain=name)


def domain_of(address: str) -> str:
    """The domain of what is written like a mail address, lower case; "" where it is none. Blanks around it are no
    part of it."""
    address = address.strip()
    local, _, domain = address.rpartition("@")
    odd = len(address) > LONGEST_ADDRESS or not address.isprintable() or set(address) & set(' "<>,;:\\')
    return domain.lower() if local and not odd else ""
