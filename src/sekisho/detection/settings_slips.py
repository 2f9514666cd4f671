"""What goes wrong when people type a new password and their name into a mail program, told apart by what arrives.

A password never arrives in the clear: Dovecot names 12 bits of a keyed hash. So the usual slips are made from the new
password beforehand (`password_slips`), and their hashes recognised later. A name arrives as it was typed, in lower
case; a name with a blank in it reaches only the log.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from sekisho.detection.names import canonical_mailbox

# Slips of a password. "first_capital": telephones write the first letter large.
PASSWORD_SLIPS = ("blank_before", "blank_behind", "blank_around", "wide", "caps", "first_capital")
# Slips of a name, then those of a connection.
NAME_SLIPS = ("local_part", "domain", "extension", "name_blank", "name_wide", "name_letters")
CONNECTION_SLIPS = ("no_tls", "certificate")
SLIPS = NAME_SLIPS + CONNECTION_SLIPS

# What a copied blank is: an ordinary one, a Japanese keyboard's, a tab, a web page's.
_BLANKS = (" ", "\u3000", "\t", "\u00a0")
# U+FF01 to U+FF5E are the full-width forms of "!" to "~" (Unicode, Halfwidth and Fullwidth Forms).
_TO_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def password_slips(password: str) -> dict[str, str]:
    """Each wrong form of a password that people are known to type, with the slip that makes it; never the password."""
    found: dict[str, str] = {}
    for blank in _BLANKS:
        found[blank + password] = "blank_before"
        found[password + blank] = "blank_behind"
        found[blank + password + blank] = "blank_around"
    found[password.translate(_TO_WIDE)] = "wide"
    found[password.swapcase()] = "caps"
    # Caps Lock on a telephone, and on a keyboard that has only capitals then.
    found.setdefault(password.upper(), "caps")
    found.setdefault(password[:1].upper() + password[1:], "first_capital")
    found.pop(password, None)
    return found


def name_form(typed: str, mailbox: str, alias_domains: Mapping[str, str], delimiter: str) -> tuple[str, str]:
    """How a typed name stands to a mailbox: the form ("own", "alias", "local_part", "other") and the slip, "" for none.

    Only names that may mean this mailbox are to be asked about; "domain" is the slip of all that fit nothing else.
    """
    local, _, domain = mailbox.rpartition("@")
    if typed == mailbox:
        return "own", ""
    if typed == local:
        return "local_part", "local_part"
    typed_local, at, typed_domain = typed.rpartition("@")
    if at and typed_local == local and alias_domains.get(typed_domain) == domain:
        # Many sites let such a name in, others do not; what Dovecot answered says which.
        return "alias", ""
    if canonical_mailbox(typed, alias_domains, delimiter) == mailbox:
        return "other", "extension"
    return "other", "domain"


def refused_name(typed: str, alias_domains: Mapping[str, str], delimiter: str) -> tuple[str | None, str]:
    """The mailbox that was meant by a name with forbidden characters, and the slip; None when nobody can tell."""
    plain = unicodedata.normalize("NFKC", typed)
    meant = canonical_mailbox("".join(plain.split()), alias_domains, delimiter)
    if any(letter.isspace() for letter in plain):
        return meant, "name_blank"
    return meant, "name_wide" if plain != typed else "name_letters"
