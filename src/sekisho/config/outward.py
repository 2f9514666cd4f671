"""Settings of what people meet outside: their mail program, notices by mail, webhooks and chats.

As in `sekisho.config.model`, the comment above a field is its text in the reference.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sekisho.config.values import Port, SecretFile


class MailServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What owners type into their mail program, where no domain says otherwise (directory.MailHost does)."""

    # The server's name as its certificate has it. Empty: `host`.
    name: str = ""
    # IMAP with TLS from the first byte (RFC 8314).
    imap_port: Port = 993
    # POP3 with TLS from the first byte (RFC 8314).
    pop3_port: Port = 995
    # Submission with TLS from the first byte (RFC 8314); 587 is STARTTLS.
    smtp_port: Port = 465
    # False for the local stack only, which speaks plain text on loopback.
    tls: bool = True
    # What mail programs call these accounts: the provider's name. Empty: the server's name.
    provider: str = ""
    # PEM files that sign Apple's configuration profiles: certificate with its issuers, and its key, readable for the
    # panel. Empty: profiles are unsigned, and the device says so (docs/mail-programs.md).
    profile_certificate: str = ""
    # The key of `profile_certificate`; either both or none.
    profile_key: str = ""


class HarmWatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether our addresses and domains are on blocklists (docs/harm-watch.md). Addresses and resolver: `[doctor]`."""

    # Ask the lists. Off until somebody wants it: it tells third parties our addresses and domains, and each list has
    # terms of its own.
    blocklists: bool = False
    # Lists of addresses. The three that receivers here use most; ZEN is free up to a small volume, SpamCop free,
    # Barracuda's after the resolver's address was registered with it.
    address_lists: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = (
        "zen.spamhaus.org",
        "bl.spamcop.net",
        "b.barracudacentral.org",
    )
    # Lists of domains; the terms are ZEN's.
    domain_lists: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ("dbl.spamhaus.org",)
    # Between two looks while all is calm. A list's entry holds for hours, so an hour loses little.
    every_s: Annotated[float, msgspec.Meta(ge=1, le=86400, extra={"unit": "seconds"})] = 3600.0
    # While an incident is open, and for a week after one: most listings come within a day.
    incident_every_s: Annotated[float, msgspec.Meta(ge=1, le=86400, extra={"unit": "seconds"})] = 600.0
    # Questions a minute, all lists together: some 9,000 a day, far below what any free list allows.
    questions_a_minute: Annotated[int, msgspec.Meta(ge=1, le=600, extra={"unit": "questions a minute"})] = 6


class NoticeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which way notices leave as mail (docs/notices.md)."""

    # Sender of notices, a mailbox of the provider's that is read. Empty: no notice goes by mail.
    sender: str = ""
    # Where notices are handed in: our own Postfix.
    smtp_host: str = "127.0.0.1"
    # The port there.
    smtp_port: Port = 25


# Short and plain: it stands in commands, in logs and on the incident's page.
ChannelName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]


class WebhookChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"):
    """A program of the site's that takes notices as signed JSON (docs/notices.md)."""

    # Its name in commands, logs and on the incident's page.
    name: ChannelName
    # File with one line, readable for the worker alone: the https address.
    url_file: SecretFile
    # File with one line, readable for the worker alone: the secret of the signature (openssl rand -base64 32).
    secret_file: SecretFile
    # Language of title and text.
    language: Literal["ja", "en"] = "ja"
    # Mail domains whose incidents go there, and nothing else. Empty: all domains, and calls to the operator.
    domains: tuple[str, ...] = ()
    # The address may be one of our own networks; then plain http is allowed as well.
    allow_private: bool = False
    # The certificate authority of a receiver of our own; empty: those of the system.
    ca_file: str = ""


class AppriseChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="apprise"):
    """A chat or push service in Apprise's words (docs/notices.md)."""

    # Its name in commands, logs and on the incident's page.
    name: ChannelName
    # One address in Apprise's form a line; it holds the service's token, so only the worker may read it.
    url_file: SecretFile
    # Language of title and text.
    language: Literal["ja", "en"] = "ja"
    # Mail domains whose incidents go there, and nothing else. Empty: all domains, and calls to the operator.
    domains: tuple[str, ...] = ()


Channel = WebhookChannel | AppriseChannel
# One sending thread each; more is a mistake.
Channels = Annotated[tuple[Channel, ...], msgspec.Meta(max_length=16)]
