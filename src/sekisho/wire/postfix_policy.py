"""Postfix SMTPD access policy delegation, server side (SMTPD_POLICY_README of Postfix 3.7; captured from 3.7.11).

A request is lines `name=value` ended by an empty line; the answer is `action=…` and an empty line. Values may hold
"=", "+" and UTF-8 or be empty. Supported: every state smtpd asks in (CONNECT … END-OF-MESSAGE). Attributes we do
not use are ignored, in any order. What the values mean per state: `recipient_count` is 0 at RCPT; `queue_id` is
empty for the first recipient; `size` is declared at RCPT and DATA and real at END-OF-MESSAGE; `instance` joins the
requests of one message.

Postfix names every attribute once. A request that names one twice is refused: two readers could take different ones.
"""

from __future__ import annotations

import re

import msgspec

from sekisho.wire.errors import WireError

# Postfix itself reads at most 4 x 2048 octets an attribute (attr_scan_plain.c with line_length_limit).
MAX_LINE = 8 * 1024
# About a hundred times the largest request captured (640 octets); more is nobody's smtpd.
MAX_REQUEST = 64 * 1024
# Postfix 3.10 sends 31.
MAX_ATTRIBUTES = 100


class PolicyRequest(msgspec.Struct, frozen=True, gc=False):
    """One question of an smtpd, in Postfix' own names; empty text and 0 mean "not given"."""

    protocol_state: str
    client_address: str = ""
    client_name: str = ""
    helo_name: str = ""
    # Envelope addresses as the client typed them: case, extension and alias domain are not resolved.
    sender: str = ""
    recipient: str = ""
    recipient_count: int = 0
    queue_id: str = ""
    instance: str = ""
    # Octets: declared by the client before END-OF-MESSAGE, counted by Postfix there.
    size: int = 0
    sasl_method: str = ""
    # The login as Dovecot returned it; empty when the session did not authenticate.
    sasl_username: str = ""
    policy_context: str = ""


_ORDER = (
    "request protocol_state protocol_name client_address client_name client_port reverse_client_name server_address"
    " server_port helo_name sender recipient recipient_count queue_id instance size etrn_domain stress sasl_method"
    " sasl_username sasl_sender ccert_subject ccert_issuer ccert_fingerprint ccert_pubkey_fingerprint"
    " encryption_protocol encryption_cipher encryption_keysize policy_context"
).split()
_NUMBERS = frozenset({"recipient_count", "size"})


def _line(name: str) -> str:
    if name == "request":
        return "request=smtpd_access_policy"
    value = "[0-9]{1,18}" if name in _NUMBERS else "[^\n]*"
    return f"{name}=({value})" if name in PolicyRequest.__struct_fields__ else f"{name}={value}"


# The 29 attributes in the order of Postfix 3.7 (3.8 appends two): 3 µs where splitting lines takes 7. The groups come
# in the order of the fields of PolicyRequest, which a unit test checks.
_usual = re.compile(
    "\n".join(map(_line, _ORDER)) + "(?:\ncompatibility_level=[^\n]*)?(?:\nmail_version=[^\n]*)?"
).fullmatch


def parse_request(block: bytes) -> PolicyRequest:
    """The question in a request without its final empty line; raises WireError."""
    if len(block) > MAX_LINE:
        _check_sizes(block)
    if b"\0" in block:
        raise WireError("NUL in a policy request")
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        raise WireError("policy request is not UTF-8") from error
    usual = _usual(text)
    if usual is None:
        return _from_attributes(_split(text))
    state, address, client, helo, sender, recipient, count, queue_id, instance, size, method, login, context = (
        usual.groups()
    )
    return PolicyRequest(
        state,
        address,
        client,
        helo,
        sender,
        recipient,
        int(count),
        queue_id,
        instance,
        int(size),
        method,
        login,
        context,
    )


def _check_sizes(block: bytes) -> None:
    if len(block) > MAX_REQUEST:
        raise WireError("policy request is longer than 64 KiB")
    if max(map(len, block.split(b"\n"))) > MAX_LINE:
        raise WireError("policy request has a line longer than 8 KiB")


def _split(text: str) -> dict[str, str]:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_ATTRIBUTES:
        raise WireError("policy request has more than 100 attributes")
    try:
        attributes = dict([line.split("=", 1) for line in lines])
    except ValueError as error:
        raise WireError("policy request has a line without '='") from error
    if len(attributes) != len(lines):
        raise WireError("policy request names an attribute twice")
    return attributes


def _from_attributes(attributes: dict[str, str]) -> PolicyRequest:
    if attributes.get("request") != "smtpd_access_policy":
        raise WireError("not a request=smtpd_access_policy")
    if not attributes.get("protocol_state"):
        raise WireError("policy request without protocol_state")
    take = attributes.get
    return PolicyRequest(
        protocol_state=take("protocol_state", ""),
        client_address=take("client_address", ""),
        client_name=take("client_name", ""),
        helo_name=take("helo_name", ""),
        sender=take("sender", ""),
        recipient=take("recipient", ""),
        recipient_count=_number(attributes, "recipient_count"),
        queue_id=take("queue_id", ""),
        instance=take("instance", ""),
        size=_number(attributes, "size"),
        sasl_method=take("sasl_method", ""),
        sasl_username=take("sasl_username", ""),
        policy_context=take("policy_context", ""),
    )


def _number(attributes: dict[str, str], name: str) -> int:
    value = attributes.get(name, "")
    if not value:
        return 0
    # 18 digits fit 64 bits; "isascii" keeps other scripts' digits out.
    if len(value) > 18 or not (value.isascii() and value.isdigit()):
        raise WireError(f"policy request: {name} is not a number")
    return int(value)


def format_action(action: str) -> bytes:
    """The answer as it goes on the wire; raises WireError for text that is not one printable ASCII line."""
    # Postfix takes an answer that is no UTF-8 for a failure, and a line end would start a second attribute.
    if not action.isascii() or not action.isprintable() or not action:
        raise WireError("policy action is not one line of printable ASCII")
    return b"action=%s\n\n" % action.encode("ascii")
