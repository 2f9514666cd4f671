"""The output of `postqueue -j`: one JSON object a line (postqueue(1) of Postfix 3.7).

It names no SASL login: who submitted a message is known from END-OF-MESSAGE requests, the mail log, or postcat.
"""

from __future__ import annotations

import msgspec

from sekisho.wire.errors import WireError


class QueuedRecipient(msgspec.Struct, frozen=True):
    """A recipient still to be served. The reason is the last attempt's text, partly a stranger's."""

    address: str
    delay_reason: str = ""


class QueuedMessage(msgspec.Struct, frozen=True):
    """A message in a queue. One without recipients has left already (seen when a hold came while it was in flight)."""

    # incoming, active, deferred, hold, maildrop, corrupt.
    queue_name: str
    queue_id: str
    # Epoch seconds.
    arrival_time: int = 0
    # Octets.
    message_size: int = 0
    # The envelope sender, empty for a bounce.
    sender: str = ""
    recipients: tuple[QueuedRecipient, ...] = ()


_message = msgspec.json.Decoder(QueuedMessage)


def parse_queue(data: bytes) -> list[QueuedMessage]:
    """The queue in postqueue's order; raises WireError for any unreadable line.

    A line is never skipped: the caller would take the message for gone.
    """
    # Compatibility: Postfix before 3.8 writes octets of an address as they came; only our reading of that address
    # suffers, not the id.
    text = data.decode(errors="replace")
    try:
        return [_message.decode(line) for line in text.split("\n") if line.strip()]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise WireError("postqueue -j wrote a line that cannot be read") from error
