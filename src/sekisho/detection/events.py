"""What a mailbox did, as the judging room sees it: frozen values, made by the guard from parsed neighbours' texts.

`t` is epoch seconds, `mailbox` a canonical address (names.canonical_mailbox), `ip` the client's address as text,
`place` what the address data says about it (addresses.AddressTable). `Login` (unless failed), `Recipient`,
`Submission`, `ScriptChange` and `SessionEnded` are *authenticated*: the mailbox' password was shown to Dovecot or
Postfix for them.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where a client address is. Empty fields: not known; then the indicators that need them are off."""

    # ISO 3166-1 alpha-2, upper case.
    country: str = ""
    # Number of the autonomous system that announces the address; 0: not known.
    asn: int = 0
    # Its holder's name, for people.
    owner: str = ""
    # The /24 (IPv4) or /48 (IPv6) as text. "": the address says nothing (our own webmail, a local socket).
    network: str = ""


NOWHERE = Place()


class Login(msgspec.Struct, frozen=True):
    """One login attempt's outcome. A failed one is never held against the mailbox, only against its source."""

    t: float
    mailbox: str
    ip: str
    place: Place
    # "imap", "pop3", "smtp" (also submission), "sieve", "webmail" …, as the neighbour names it.
    protocol: str
    success: bool
    pwhash: str = ""
    # The mail program by its own word (IMAP ID, RFC 2971): for people to read, never evidence.
    client: str = ""


class Recipient(msgspec.Struct, frozen=True):
    """Postfix asks at RCPT TO: this login wants to write to `recipient` (lower case)."""

    t: float
    mailbox: str
    ip: str
    place: Place
    recipient: str
    # Postfix' `instance`: the same for all requests about one message.
    instance: str = ""


class Submission(msgspec.Struct, frozen=True):
    """Postfix asks at END-OF-MESSAGE: a whole message was handed in."""

    t: float
    mailbox: str
    ip: str
    place: Place
    queue_id: str
    recipients: int
    size: int = 0


class Delivery(msgspec.Struct, frozen=True):
    """The mail log's word on one recipient of a message this mailbox had submitted.

    `ip` and `place` are those of the submission, when the guard still knows them. `submitted_at` 0 means unknown; a
    message submitted before the current generation began never counts.
    """

    t: float
    mailbox: str
    recipient: str
    # Postfix' word: sent, bounced, deferred, expired.
    status: str
    # RFC 3463 status code, e.g. 5.1.1.
    dsn: str
    ip: str = ""
    place: Place = NOWHERE
    submitted_at: float = 0.0


class ScriptChange(msgspec.Struct, frozen=True):
    """A Sieve rule was stored or activated in an authenticated session."""

    t: float
    mailbox: str
    ip: str
    place: Place
    change: Literal["forward", "discard", "vacation", "filter"]
    # Where a forward goes; an address of the mailbox' own domain is not outside.
    target: str = ""


class SessionEnded(msgspec.Struct, frozen=True):
    """An IMAP or POP3 session of this mailbox ended: how much was read in it."""

    t: float
    mailbox: str
    ip: str
    place: Place
    protocol: str
    # Octets from us to the client, and messages whose text was fetched (0: not known).
    bytes_out: int
    fetched: int = 0


class Complaint(msgspec.Struct, frozen=True):
    """Somebody reported a message of this mailbox as spam (ARF, RFC 5965). Forgeable: alone it never suspends."""

    t: float
    mailbox: str
    # Who reports: a feedback loop's name or domain.
    source: str = ""
    # No session is behind it; here so that every event has them.
    ip: str = ""
    place: Place = NOWHERE


class AccountChange(msgspec.Struct, frozen=True):
    """The mailbox was made, or got a new password, by its administration. Not a sign of the hijacker's."""

    t: float
    mailbox: str
    change: Literal["created", "pwchange"]
    ip: str = ""
    place: Place = NOWHERE


Event = Login | Recipient | Submission | Delivery | ScriptChange | SessionEnded | Complaint | AccountChange
