"""Mailbox passwords as Dovecot and PostfixAdmin store them: made in the scheme the row has already, verified in any.

Formats: Dovecot's `{SCHEME}hash`, and crypt(3) strings without a prefix as PostfixAdmin 3.3 writes them with
`encrypt = php_crypt:SHA512`, read under Dovecot's `default_pass_scheme = SHA512-CRYPT`. Checked with `doveadm pw -t`
of Dovecot 2.3.19. Hashes are made in this process: the arguments of a program are public on the machine.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import argon2
import bcrypt
import msgspec
from passlib.hash import (
    ldap_salted_md5,
    ldap_salted_sha1,
    ldap_salted_sha256,
    ldap_salted_sha512,
    md5_crypt,
    sha256_crypt,
    sha512_crypt,
)

# crypt(3)'s default, which PostfixAdmin writes and Dovecot expects: 4 ms a check here. Every IMAP login pays this
# price (phones log in every few minutes), 656,000 rounds would cost 0.4 s each. A generated password carries at least
# 60 bits, and those people choose have 15 characters or more: more rounds would add little.
SHA512_ROUNDS = 5000
# 60 to 90 ms a check; Dovecot's own default of 5 is too cheap, 12 costs 290 ms a login.
BCRYPT_COST = 10
# bcrypt looks at the first 72 bytes only: more would be accepted and ignored.
BCRYPT_MAX_BYTES = 72

# A row's own cost is kept where it is higher than ours, up to what a login may take (bcrypt 14: 1.2 s; 656,000 rounds:
# 0.4 s).
BCRYPT_MOST_COST = 14
SHA_MOST_ROUNDS = 656_000
# Argon2 as `doveadm pw -s ARGON2ID` writes it; OWASP's smallest memory for it is 19 MiB, below that a row's own is not
# kept.
ARGON2_TIME, ARGON2_MEMORY_KIB, ARGON2_LEAST_MEMORY_KIB = 3, 65536, 19 * 1024
# Schemes a row may keep: slow by design, salted. MD5-CRYPT, DES, the single rounds of SSHA… and plain text may not.
KEPT_SCHEMES = frozenset({"SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT", "ARGON2ID", "ARGON2I"})

# What rows hold that never had a password or were locked.
_NO_HASH = ("", "!", "*", "x")

_PREFIX = re.compile(r"\{([A-Za-z0-9.-]+)\}(.*)", re.DOTALL)


class PasswordTooLong(ValueError):
    """The site's scheme would silently ignore the end of this password."""


def is_taken_whole(password: str, scheme: str) -> bool:
    """Whether the scheme looks at every byte of this password. Any text may be asked about, also what is no UTF-8."""
    return scheme != "BLF-CRYPT" or len(password.encode(errors="surrogatepass")) <= BCRYPT_MAX_BYTES


class HashForm(msgspec.Struct, frozen=True):
    """How a new hash is to look: scheme, what stands before it ("", "{CRYPT}" …), and a hash whose cost it follows."""

    scheme: str
    prefix: str = ""
    present: str = ""


def form_like(present: str, default: str) -> HashForm:
    """The form of a new password beside the row's present hash: the same scheme, prefix and (at least) cost.

    A weak or unknown scheme (MD5-CRYPT, SSHA, plain text …) is left for the `default`, with its prefix: Dovecot's
    default_pass_scheme may be the weak one there. A row without a hash gets the default as `hash_password` writes it.
    """
    scheme, prefix, rest = _taken_apart(present)
    # "{SHA512-CRYPT.b64}" is another spelling of the same; nobody needs a new hash in it.
    if scheme in KEPT_SCHEMES and "." not in prefix:
        return HashForm(scheme, prefix, rest)
    plain = default == "SHA512-CRYPT" and present in _NO_HASH
    return HashForm(default, "" if plain else "{" + default + "}")


def hash_password(password: str, scheme: str) -> str:
    """A fresh salted hash of the password, as it goes into `mailbox.password` of a new row.

    SHA512-CRYPT comes without a {SCHEME} prefix (PostfixAdmin compares it with crypt(3)), the others with one.
    Raises PasswordTooLong for BLF-CRYPT beyond 72 bytes, ValueError for a scheme we do not write.
    """
    return hash_in_form(password, form_like("", scheme))


def hash_in_form(password: str, form: HashForm) -> str:
    """A fresh salted hash in this form. Raises PasswordTooLong and ValueError as `hash_password` does."""
    maker = _MAKERS.get(form.scheme)
    if maker is None:
        raise ValueError(f"scheme {form.scheme} is none we write")
    if not is_taken_whole(password, form.scheme):
        raise PasswordTooLong(f"at most {BCRYPT_MAX_BYTES} bytes in scheme {form.scheme}")
    return form.prefix + maker(password.encode(), form.present)


def _make_sha(hasher: Any, secret: bytes, present: str) -> str:
    match = re.match(r"\$[56]\$rounds=(\d{1,9})\$", present)
    rounds = min(max(SHA512_ROUNDS, int(match[1]) if match else 0), SHA_MOST_ROUNDS)
    return str(hasher.using(rounds=rounds).hash(secret))


def _make_bcrypt(secret: bytes, present: str) -> str:
    match = re.match(r"\$2[aby]\$(\d\d)\$", present)
    cost = min(max(BCRYPT_COST, int(match[1]) if match else 0), BCRYPT_MOST_COST)
    made = bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()
    # PHP's name for the same algorithm stays where the site writes it so.
    return made.replace("$2b$", "$2y$", 1) if present.startswith("$2y$") else made


def _make_argon2(kind: argon2.Type, secret: bytes, present: str) -> str:
    time_cost, memory = ARGON2_TIME, ARGON2_MEMORY_KIB
    if match := re.search(r"\$m=(\d{1,8}),t=(\d{1,3}),", present):
        memory = int(match[1]) if ARGON2_LEAST_MEMORY_KIB <= int(match[1]) <= ARGON2_MEMORY_KIB else ARGON2_MEMORY_KIB
        time_cost = min(max(ARGON2_TIME, int(match[2])), 4 * ARGON2_TIME)
    # One lane, as libsodium's own: Dovecot computes the lanes one after the other anyway.
    return argon2.PasswordHasher(time_cost, memory, parallelism=1, type=kind).hash(secret)


_MAKERS: dict[str, Callable[[bytes, str], str]] = {
    "SHA512-CRYPT": partial(_make_sha, sha512_crypt),
    "SHA256-CRYPT": partial(_make_sha, sha256_crypt),
    "BLF-CRYPT": _make_bcrypt,
    "ARGON2ID": partial(_make_argon2, argon2.Type.ID),
    "ARGON2I": partial(_make_argon2, argon2.Type.I),
}


def _verify_bcrypt(secret: bytes, stored: str) -> bool:
    # $2y$ is PHP's name for $2b$.
    return bcrypt.checkpw(secret[:BCRYPT_MAX_BYTES], stored.replace("$2y$", "$2b$", 1).encode())


def _verify_argon2(secret: bytes, stored: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(stored, secret)
    except argon2.exceptions.VerifyMismatchError:
        return False


def _verify_plain(secret: bytes, stored: str) -> bool:
    return secrets.compare_digest(secret, stored.encode())


def _ldap(hasher: Callable[[bytes, str], bool], name: str) -> Callable[[bytes, str], bool]:
    return lambda secret, stored: hasher(secret, "{" + name + "}" + stored)


_VERIFIERS: dict[str, Callable[[bytes, str], bool]] = {
    "SHA512-CRYPT": sha512_crypt.verify,
    "SHA256-CRYPT": sha256_crypt.verify,
    "MD5-CRYPT": md5_crypt.verify,
    "BLF-CRYPT": _verify_bcrypt,
    "ARGON2ID": _verify_argon2,
    "ARGON2I": _verify_argon2,
    "SSHA512": _ldap(ldap_salted_sha512.verify, "SSHA512"),
    "SSHA256": _ldap(ldap_salted_sha256.verify, "SSHA256"),
    "SSHA": _ldap(ldap_salted_sha1.verify, "SSHA"),
    "SMD5": _ldap(ldap_salted_md5.verify, "SMD5"),
    "PLAIN": _verify_plain,
    "CLEARTEXT": _verify_plain,
}
_CRYPT_STARTS = {
    "$6$": "SHA512-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$1$": "MD5-CRYPT",
    "$2": "BLF-CRYPT",
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
}


def _taken_apart(stored: str) -> tuple[str, str, str]:
    """Scheme (upper case; "": none known), prefix as it stands there, and the hash behind it."""
    match = _PREFIX.fullmatch(stored)
    prefix, rest = ("{" + match[1] + "}", match[2]) if match else ("", stored)
    scheme = match[1].upper().removesuffix(".B64") if match else "CRYPT"
    if scheme == "CRYPT":
        scheme = next((name for start, name in _CRYPT_STARTS.items() if rest.startswith(start)), "")
    return scheme, prefix, rest


def scheme_of(stored: str) -> str:
    """The scheme of a stored hash as Dovecot names it, "" where it cannot be told; {CRYPT} is looked into."""
    return _taken_apart(stored)[0]


def is_slow(stored: str) -> bool:
    """Whether a stored hash is in a scheme that is slow by design and salted; not so for plain text and for none."""
    return scheme_of(stored) in KEPT_SCHEMES


def verify_password(password: str, stored: str) -> bool:
    """Whether the password opens this stored hash. False for a scheme we cannot read and for a damaged hash."""
    scheme, _, rest = _taken_apart(stored)
    verifier = _VERIFIERS.get(scheme)
    if verifier is None:
        return False
    try:
        return bool(verifier(password.encode(), rest))
    except (ValueError, TypeError, argon2.exceptions.Argon2Error):
        return False
