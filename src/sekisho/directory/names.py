"""All names of one mailbox: its address, the same in every alias domain, and the way back to the address.

A mailbox is suspended under every name it can be reached or logged in by. One name forgotten is an open door: the
site's password query may accept alice@alias.test, and the file `deny` compares the name as it was typed
(measured with Dovecot 2.3.19).
"""

from __future__ import annotations

from sekisho.config import settings
from sekisho.detection.names import canonical_mailbox
from sekisho.directory.models import SiteAliasDomain


def alias_domains() -> dict[str, str]:
    """Alias domain -> target domain, lower case.

    Robustness: alias domains that are switched off are in it, too. If one is switched on while a mailbox is
    suspended, its form of the address must be shut already.
    """
    rows = SiteAliasDomain.objects.values_list("alias_domain", "target_domain")
    return {alias.lower(): target.lower() for alias, target in rows}


def canonical(address: str) -> str | None:
    """The mailbox an address or login name means: lower case, no extension, alias domain resolved; None if it is no
    address. It says nothing about whether such a mailbox exists."""
    return canonical_mailbox(address, alias_domains(), settings().recipient_delimiter)


def login_names(mailbox: str) -> list[str]:
    """Every name a login to this mailbox may use and every address that reaches it by name: first its own address,
    then its form in each alias domain, sorted. Aliases are not among them: mail through them meets the transport."""
    local, _, domain = mailbox.rpartition("@")
    others = sorted(alias for alias, target in alias_domains().items() if target == domain)
    return [mailbox, *(f"{local}@{alias}" for alias in others)]
