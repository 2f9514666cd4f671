"""Settings of inbound warnings (docs/inbound.md)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from sekisho.config.values import Port


class InboundSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Warnings about inbound mail that names somebody it is not from, through rspamd (docs/inbound.md)."""

    # Where rspamd's plugin reads what each domain wants and the agent writes it, usually /var/lib/sekisho/inbound.
    # Empty: there are no inbound warnings.
    directory: str = ""
    # Directory of Dovecot's `sieve_before2` = DIRECTORY/%d.sieve, written by the agent; empty: suspicious mail stays in
    # the inbox, whatever a domain wants.
    scripts: str = ""
    # Folder for mail with a warning. One level: "/" separates folders on some servers only.
    folder: str = "なりすまし注意"
    # Folder of those domains that want it out of sight. Dovecot's `autoexpunge` for it says when it goes.
    quarantine_folder: str = "隔離"
    # Port on 127.0.0.1 where our rspamd answers Postfix' `smtpd_milters`; the one rspamd's own milter has by default.
    port: Port = 11332
    # clamd's socket (or "127.0.0.1:3310"), for attachments. Empty: they are not looked at.
    clamd: str = ""
    # Address of the DNS resolver that rspamd asks; empty: the system's. It should be one of yours: SPF, DKIM and DMARC
    # ask about every sender.
    resolver: str = ""
    # The port of `resolver`.
    resolver_port: Port = 53
    # Your own names and the domains you write from, as a provider: who pretends to be you asks for your customers'
    # passwords.
    provider_names: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    # The provider's own mail domains.
    provider_domains: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
