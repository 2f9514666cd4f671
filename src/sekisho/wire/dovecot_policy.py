"""Dovecot's auth policy protocol (the weakforced protocol; captured from Dovecot 2.3.19.1 and 2.4.1, weakforced 3.0.1).

`POST …?command=allow` asks before and (or) after the password check, `…?command=report` tells the result. Quirks that
matter here:
- `login` is empty when the typed name held a forbidden character (a blank pasted along): nobody can be named then.
- `policy_reject` is true also when the refusal came before the password check: it does not say the password was right.
- `session_id` and `device_id` are empty and `tls` is false for SMTP AUTH through Postfix; `tls` is true elsewhere
  only for real TLS, not for a trusted local connection.
- A name that was refused for a forbidden character has the hash of no name and no password: it tells nothing.
- Attributes named `attrs/x` in the configuration arrive as the nested object `attrs`; their values are texts.
- Dovecot 2.3 reads `status` and `msg` at any depth of our answer, and only a JSON integer counts as status: so the
  answer has these two keys and no `r_attrs` at all.
Not supported: weakforced's own extensions (`attrs` with lists, `device_attrs`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from sekisho.wire.errors import WireError

# The largest request captured has 540 octets; a client's IMAP ID may be long (RFC 2971 allows 30 fields of 1 KiB).
MAX_BODY = 64 * 1024
# weakforced: "tarpit"; Postfix gives up waiting for Dovecot after 10 s and answers 454 (measured with 12).
MAX_DELAY_SECONDS = 9
REFUSE = -1
# The field "name" of an IMAP ID as Dovecot writes it: quoted, with backslashes before quotes (RFC 2971 §3.3).
_PROGRAM = re.compile(r'"name" "([^"\\]{1,60})"', re.IGNORECASE)


class LoginQuestion(msgspec.Struct, frozen=True):
    """May this login go on? Asked before the password is known to be right, or after."""

    # As Dovecot normalised it (lower case by default); empty: a name with a forbidden character.
    login: str = ""
    # The client's address; Postfix hands on the SMTP client's.
    remote: str = ""
    # imap, pop3, sieve, smtp: Dovecot's service name.
    protocol: str = ""
    # First 12 bits of a keyed hash of login and password, 4 hex digits: equal means "the same password again".
    pwhash: str = ""
    # The client's IMAP ID as text: forgeable, only for people to read.
    device_id: str = ""
    session_id: str = ""
    tls: bool = False
    # Dovecot 2.4: "", internal, credentials, account, expired, disabled or policy; empty in 2.3.
    fail_type: str = ""
    # Values are texts; what is in it depends on the site's auth_policy_request_attributes.
    attrs: dict[str, str] = {}


class LoginReport(LoginQuestion, frozen=True):
    """How the login ended."""

    success: bool = False
    policy_reject: bool = False


_question = msgspec.json.Decoder(LoginQuestion)
_report = msgspec.json.Decoder(LoginReport)
_encode = msgspec.json.Encoder().encode


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    if len(body) > MAX_BODY:
        raise WireError("auth policy request is longer than 64 KiB")
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("auth policy request is not the JSON Dovecot sends") from error


def parse_allow(body: bytes) -> LoginQuestion:
    """The question in the body of `command=allow`; raises WireError."""
    question: LoginQuestion = _decode(_question, body)
    return question


def parse_report(body: bytes) -> LoginReport:
    """The result in the body of `command=report`; raises WireError."""
    report: LoginReport = _decode(_report, body)
    return report


class OtherVerdict(msgspec.Struct, frozen=True):
    """What another policy server said, fit for `format_verdict`: 0, -1 or a delay, and the text with a refusal."""

    status: int
    message: str


class _Verdict(msgspec.Struct, frozen=True):
    status: int
    msg: str


class _Heard(msgspec.Struct, frozen=True):
    # Compatibility: Dovecot takes a text ("-1") for malformed and lets the login go on; so do we.
    status: int
    msg: str = ""


_heard = msgspec.json.Decoder(_Heard)
# RFC 3501 has no bound; Postfix puts it into a reply line of 512 octets, behind 40 of its own.
MAX_MESSAGE = 400


def format_verdict(status: int, message: str) -> bytes:
    """The body of an answer: 0 goes on, -1 refuses, 1 to 9 delay by that many seconds; raises WireError.

    An empty message gives the client Dovecot's own "Authentication failed"; any other is shown as an IMAP ALERT.
    """
    if not REFUSE <= status <= MAX_DELAY_SECONDS:
        raise WireError("auth policy status is neither -1, 0 nor a delay Postfix can wait for")
    # RFC 3501, section 7.1: resp-text is TEXT-CHAR, that is 7-bit characters without CR and LF.
    if not message.isascii() or not (message == "" or message.isprintable()):
        raise WireError("auth policy message is not one line of printable ASCII")
    return _encode(_Verdict(status, message))


def parse_verdict(body: bytes) -> OtherVerdict:
    """The answer of another policy server to `command=allow`; raises WireError.

    As Dovecot reads it: every negative status refuses; `r_attrs` says nothing. A delay is cut to what Postfix waits
    for, and a text is made printable ASCII.
    """
    heard: _Heard = _decode(_heard, body)
    status = max(REFUSE, min(heard.status, MAX_DELAY_SECONDS))
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in heard.msg[:MAX_MESSAGE])
    return OtherVerdict(status, text if status == REFUSE else "")


def policy_target(target: str, command: str) -> str:
    """Path and query for a command, made of those in the setting as Dovecot makes it: "…&" is a query to go on with."""
    return f"{target}command={command}" if target.endswith("&") else f"{target}?command={command}"


def program_of(device_id: str) -> str:
    """The mail program's name in an IMAP ID, printable and short; "" when it tells none. Forgeable: for people only."""
    found = _PROGRAM.search(device_id)
    return found[1].strip()[:24] if found and found[1].isprintable() else ""


def password_hash(login: str, password: str, nonce: str, mech: str = "sha256", bits: int = 12) -> str:
    """`pwhash` as Dovecot makes it for a login name and its password: lower case hex, four digits for 12 bits.

    The arguments behind it are Dovecot's auth_policy_hash_nonce, _mech and _truncate (0: the whole digest). Its name is
    the one after the passdb: a site's query that turns an alias domain's form into the mailbox gives both one hash.
    Raises ValueError for a mech that Python's hashlib does not know.
    """
    text = f"{nonce}{login}\0{password}".encode("utf-8", "surrogateescape")
    digest = hashlib.new(mech, text).digest()
    if bits == 0:
        return digest.hex()
    length = (bits + 7) // 8
    number = int.from_bytes(digest[:length], "big") >> (length * 8 - bits)
    return number.to_bytes(length, "big").hex()
