"""The Postfix policy service: SMTPD_POLICY_README of Postfix 3.7; attribute lines, an empty line, one answer.

One smtpd keeps its connection over thousands of requests and sends the next one only after the answer. In case of
trouble the policy server must not send a reply but log a warning and disconnect (same document); Postfix then asks
once more or takes its default action, which is DUNNO in our configuration.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import cast

from sekisho.guard.doors import Door, take_out
from sekisho.wire import WireError
from sekisho.wire.postfix_policy import PolicyRequest, format_action, parse_request

log = logging.getLogger("sekisho.guard")

# Postfix' own limit is 2048 bytes a value and some 30 attributes; 64 KiB is far beyond any request of its.
MAX_REQUEST_BYTES = 64 * 1024

NEUTRAL = format_action("DUNNO")

Answer = Callable[[PolicyRequest], str]


class Outgoing:
    """Replies leave together, when every request of one turn of the event loop has been judged.

    Each write wakes the process at the other end, and on a virtual machine that wake-up costs as much as the judgement.
    Sent in one go, the first write wakes it and the others find it awake (docs/bench.md has the figures). A reply waits
    for at most the requests that were there already.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, reply: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((transport, reply))

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport, reply in waiting:
            if not transport.is_closing():
                transport.write(reply)


def write_at_once(transport: asyncio.Transport, reply: bytes) -> None:
    """The other way to send, for connections without an event loop."""
    transport.write(reply)


class PolicyConnection(asyncio.Protocol):
    """One smtpd's connection."""

    def __init__(
        self,
        door: Door,
        answer: Answer,
        formatted: dict[str, bytes],
        send: Callable[[asyncio.Transport, bytes], None] = write_at_once,
    ) -> None:
        self.partial_since = 0.0
        self._door = door
        self._answer = answer
        self._send = send
        # Action text to bytes; our actions are a handful of constants.
        self._formatted = formatted
        self._transport: asyncio.Transport | None = None
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._door.admits(transport):
            # Compatibility: uvloop's transports are such in all but their class.
            self._transport = cast(asyncio.Transport, transport)
            self._door.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._door.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        end = data.find(b"\n\n")
        if end == len(data) - 2 and end > 0 and not self._held:
            # The usual case: exactly one whole request.
            self._serve(data[:end])
        else:
            self._continue(data)

    def _continue(self, data: bytes) -> None:
        """Split and joined requests: serves every whole one and keeps the rest."""
        # The end may be split between the old and the new data.
        start = max(0, len(self._held) - 1)
        self._held += data
        while (end := self._held.find(b"\n\n", start)) >= 0:
            block = bytes(self._held[:end])
            del self._held[: end + 2]
            start = 0
            self._serve(block)
            if self._transport is None:
                return
        if len(self._held) > MAX_REQUEST_BYTES:
            self._door.malformed += 1
            self.end(f"request larger than {MAX_REQUEST_BYTES} bytes")
        elif not self._held:
            self.partial_since = 0.0
        elif not self.partial_since:
            self.partial_since = time.monotonic()

    def _serve(self, block: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        try:
            action = self._answer(parse_request(block))
            reply = self._formatted.get(action)
            if reply is None:
                reply = self._formatted[action] = format_action(action)
        except WireError as error:
            self._door.malformed += 1
            self.end(f"malformed request: {error}")
            return
        except Exception:
            # Robustness: a bug in one request must not stop honest mail (DESIGN P6); suspensions stand in the barrier.
            log.exception("%s: a request could not be judged", self._door.name)
            reply = NEUTRAL
        self._send(transport, reply)

    def end(self, why: str) -> None:
        """Closes without a reply, with one log line; what the client wrote is shown escaped and short."""
        if self._transport is None:
            return
        log.warning("%s: disconnected: %s", self._door.name, ascii(why)[:200])
        transport, self._transport = self._transport, None
        self._held.clear()
        self.partial_since = 0.0
        transport.abort()

    def close(self) -> None:
        """Closes between two requests, because the guard ends."""
        if self._transport is not None:
            self._transport.close()

    def release(self) -> int | None:
        """The connection's descriptor for our successor, and it is no longer ours; None in the middle of a request."""
        if self._held:
            return None
        descriptor = take_out(self._transport)
        if descriptor is not None:
            self._transport = None
            self._door.connections.discard(self)
        return descriptor
