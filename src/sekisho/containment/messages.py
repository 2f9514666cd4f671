"""What travels between the main loop and the database thread: plain values, without Django behind them."""

from __future__ import annotations

from typing import Any, NamedTuple


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
