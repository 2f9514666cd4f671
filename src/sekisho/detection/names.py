"""One name per mailbox: what Postfix and Dovecot take for the same mailbox is the same text here."""

from __future__ import annotations

from collections.abc import Mapping


def canonical_mailbox(
    name: str, alias_domains: Mapping[str, str], delimiter: str = "+", default_domain: str = ""
) -> str | None:
    """The canonical address of a login or address, or None when it cannot name a mailbox."""
    raise NotImplementedError
