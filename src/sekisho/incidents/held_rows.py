"""What an agent tells of a message on hold: a plain value, without Django behind it."""

from __future__ import annotations

from typing import NamedTuple


class HeldRow(NamedTuple):
    """How one message of an incident stands on this host. Details only while the message is in the queue."""

    mailbox: str
    generation: int
    queue_id: str
    # held, escaped, released, left, purged, vanished (incidents.models.HeldMessage).
    state: str
    at: float
    # The order that brought it there, if one did.
    order_id: int | None = None
    # Epoch seconds; 0: the details are not known (any more).
    arrived_at: int = 0
    sender: str = ""
    # Octets.
    size: int = 0
    # How many recipients are still to be served, and the first of them.
    recipients: int = 0
    addresses: tuple[str, ...] = ()
