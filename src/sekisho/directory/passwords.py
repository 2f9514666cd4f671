"""Mailbox passwords as Dovecot and PostfixAdmin store them: made in the site's scheme, verified in any.

Formats: Dovecot's `{SCHEME}hash`, and crypt(3) strings without a prefix as PostfixAdmin 3.3 writes them with
`encrypt = php_crypt:SHA512`, read under Dovecot's `default_pass_scheme = SHA512-CRYPT`. Checked with `doveadm pw -t`
of Dovecot 2.3.19. Hashes are made in this process: the arguments of a program are public on the machine.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import argon2
import bcrypt
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

_PREFIX = re.compile(r"\{([A-Za-z0-9.-]+)\}(.*)", re.DOTALL)


class PasswordTooLong(ValueError):
    """The site's scheme would silently ignore the end of this password."""


def is_taken_whole(password: str, scheme: str) -> bool:
    """Whether the scheme looks at every byte of this password. Any text may be asked about, also what is no UTF-8."""
    return scheme != "BLF-CRYPT" or len(password.encode(errors="surrogatepass")) <= BCRYPT_MAX_BYTES


def hash_password(password: str, scheme: str) -> str:
    """A fresh salted hash of the password, as it goes into `mailbox.password`.

    SHA512-CRYPT comes without a {SCHEME} prefix (PostfixAdmin compares it with crypt(3)), the others with one.
    Raises PasswordTooLong for BLF-CRYPT beyond 72 bytes, ValueError for a scheme we do not write.
    """
    secret = password.encode()
    if scheme == "SHA512-CRYPT":
        return str(sha512_crypt.using(rounds=SHA512_ROUNDS).hash(secret))
    if scheme == "BLF-CRYPT":
        if not is_taken_whole(password, scheme):
            raise PasswordTooLong(f"at most {BCRYPT_MAX_BYTES} bytes in scheme {scheme}")
        return "{BLF-CRYPT}" + bcrypt.hashpw(secret, bcrypt.gensalt(BCRYPT_COST)).decode()
    if scheme == "ARGON2ID":
        return "{ARGON2ID}" + argon2.PasswordHasher().hash(secret)
    raise ValueError(f"scheme {scheme} is none we write")


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
    "$argon2": "ARGON2ID",
}


def verify_password(password: str, stored: str) -> bool:
    """Whether the password opens this stored hash. False for a scheme we cannot read and for a damaged hash."""
    match = _PREFIX.fullmatch(stored)
    scheme, rest = (match[1].upper(), match[2]) if match else ("CRYPT", stored)
    scheme = scheme.removesuffix(".B64").removesuffix(".b64")
    if scheme == "CRYPT":
        scheme = next((name for start, name in _CRYPT_STARTS.items() if rest.startswith(start)), "")
    verifier = _VERIFIERS.get(scheme)
    if verifier is None:
        return False
    try:
        return bool(verifier(password.encode(), rest))
    except (ValueError, TypeError, argon2.exceptions.Argon2Error):
        return False
