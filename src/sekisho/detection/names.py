"""One name per mailbox: what Postfix and Dovecot take for the same mailbox is the same text here.

Capitals, a quoted local part that needs no quotes, `+extension`, alias domains, a final dot of the domain and blanks
around the name all lead to one canonical address (RFC 5321 §4.1.2: quoting is not part of the name). Everything else
stays apart: "=", a "+" in front, and above all look-alikes. No Unicode normalisation happens, and capitals are folded
in ASCII only: `str.lower` would turn U+212A (KELVIN SIGN) into "k", and somebody else's mailbox would be judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_lowercase, ascii_uppercase

# RFC 5321 §4.5.3.1: local part 64 octets, domain 255. A longer name belongs to no mailbox.
MAX_LOCAL_OCTETS = 64
MAX_DOMAIN_OCTETS = 255

_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
# RFC 5322 atext, dots in any place (Japanese carriers gave out `a..b@` and `a.@`), RFC 6531 letters beyond ASCII.
_UNQUOTED = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\ud7ff\ue000-\U0010ffff]+")
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f\ud800-\udfff]|\\[^\x00-\x1f\x7f\ud800-\udfff])+)"')
_DOMAIN = re.compile(r"[a-z0-9_\u00a1-\ud7ff\ue000-\U0010ffff](?:[a-z0-9._\-\u00a1-\ud7ff\ue000-\U0010ffff]*)")
# The commonest form by far, which needs no second look: the answer path asks once per recipient.
_PLAIN = re.compile(r"[a-z0-9._=\-]{1,64}@[a-z0-9\-]+(?:\.[a-z0-9\-]+)+")
# Blanks that a mail program or a web form may leave around a name.
_BLANKS = " \t\r\n"


def canonical_mailbox(
    name: str, alias_domains: Mapping[str, str], delimiter: str = "+", default_domain: str = ""
) -> str | None:
    """The canonical address of a login name or address, or None when it cannot name a mailbox.

    `alias_domains` maps an alias domain to its target (PostfixAdmin knows one step). `delimiter` is Postfix'
    recipient_delimiter: each character in it ends the name, "" turns extensions off. `default_domain` completes a
    bare login name, as Dovecot's auth_default_realm does; without it such a name is None.
    """
    if _PLAIN.fullmatch(name) and len(name) <= MAX_DOMAIN_OCTETS and not (delimiter and _cut(name, delimiter)):
        local, _, domain = name.partition("@")
        target = alias_domains.get(domain)
        return name if target is None else f"{local}@{target}"
    local, at, domain = name.strip(_BLANKS).rpartition("@")
    if not at:
        local, domain = domain, default_domain
    plain = _unquote(local)
    domain = _canonical_domain(domain)
    if not plain or not domain:
        return None
    plain = plain.translate(_TO_LOWER)
    if position := _cut(plain, delimiter):
        plain = plain[:position]
    if len(plain.encode()) > MAX_LOCAL_OCTETS:
        return None
    return f"{_quote(plain)}@{alias_domains.get(domain, domain)}"


def _cut(local: str, delimiter: str) -> int:
    """Where the extension begins; 0 when there is none.

    As Postfix' split_addr(3): at the first delimiter, and a name that begins with one is never split.
    """
    return min((place for place in map(local.find, delimiter) if place >= 0), default=0)


def _unquote(local: str) -> str:
    """The local part without quotes and backslashes; empty when it is malformed."""
    if _UNQUOTED.fullmatch(local):
        return local
    match = _QUOTED.fullmatch(local)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else ""


def _quote(local: str) -> str:
    """The local part as an address writes it: quoted only where it must be."""
    if _UNQUOTED.fullmatch(local):
        return local
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _canonical_domain(domain: str) -> str:
    """Lower case, without the root's dot; empty when it is no domain name."""
    domain = domain.translate(_TO_LOWER).removesuffix(".")
    if not _DOMAIN.fullmatch(domain) or ".." in f"{domain}." or len(domain.encode()) > MAX_DOMAIN_OCTETS:
        return ""
    return domain
