"""What travels between the main loop and the database thread: plain values, without Django behind them."""

from __future__ import annotations

from typing import Any, NamedTuple

from sekisho.incidents.held_rows import HeldRow as HeldRow


class ClaimedOrder(NamedTuple):
    """An order as the main loop needs it."""

    id: int
    mailbox: str
    kind: str
    generation: int
    created_at: float
    details: dict[str, Any]
    # The site's `active` before it was mirrored, as the record remembers it.
    former_active: bool | None


class AppPasswordRow(NamedTuple):
    """An app password in force, as the file for Dovecot needs it."""

    mailbox: str
    # The mailbox's, when the row was read.
    generation: int
    id: int
    # First 12 bits of its SHA-256 as four hex digits, and all of it.
    selector: str
    verifier: str
    # Dovecot's service names.
    scope: tuple[str, ...]


class AppPasswordsRead(NamedTuple):
    """All app passwords in force, and when the reading began (monotonic seconds): a later one outdoes an earlier."""

    read_at: float
    rows: tuple[AppPasswordRow, ...]


class InboundRow(NamedTuple):
    """What a domain wants to be done about inbound mail with a warning (incidents.InboundRule); `domains`: itself,
    then its alias domains; `compared`: JSON of its own names."""

    domains: tuple[str, ...]
    level: str
    tag: bool
    place: str
    allowed: tuple[str, ...]
    compared: str


class StepRow(NamedTuple):
    """One step's outcome for the record."""

    mailbox: str
    generation: int
    plan: str
    name: str
    position: int
    state: str
    outcome: str
    at: float
