"""What owners type into their mail program: the domain's true server name, ports, user name.

The password is the only field that changes after a recovery; the rest is shown so that it can be compared.
"""

from __future__ import annotations

import msgspec

from sekisho.config import settings
from sekisho.directory.models import MailHost


class MailSettings(msgspec.Struct, frozen=True):
    """The fields of an account in a mail program. The user name is always the full address."""

    domain: str
    # mx01…; never the `mail.` form of the customer's own domain, whose certificate would not match.
    server_name: str
    imap_port: int
    pop3_port: int
    smtp_port: int
    # Whether the ports speak TLS from the first byte; False only in the local stack.
    tls: bool


def for_domain(domain: str) -> MailSettings:
    """The settings of a domain: its own mail host's, or the installation's."""
    host = MailHost.objects.filter(domain=domain.lower()).first()
    if host is not None:
        return MailSettings(domain, host.server_name, host.imap_port, host.pop3_port, host.smtp_port, host.tls)
    ours = settings().mail_server
    return MailSettings(domain, ours.name or settings().host, ours.imap_port, ours.pop3_port, ours.smtp_port, ours.tls)
