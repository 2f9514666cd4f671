"""What our three listeners have in common: who may come in, how many, and when a silent one must go.

One sweeping timer per listener looks at all its connections once a second; there is no timer per request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Protocol, cast

from sekisho.guard.peers import peer_uid

log = logging.getLogger("sekisho.guard")

# Postfix runs at most 100 smtpd per service by default, Dovecot opens up to 100 policy connections.
MAX_CONNECTIONS = 1000
# A neighbour writes a request in one go; whoever needs longer for half of one is broken or hostile.
REQUEST_SECONDS = 5.0


class Sweepable(Protocol):
    """A connection the sweep can end."""

    # When the first byte of a request came that is still incomplete (monotonic seconds); 0 between requests.
    partial_since: float

    def end(self, why: str) -> None: ...

    def close(self) -> None: ...

    def release(self) -> int | None: ...


def take_out(transport: asyncio.Transport | None) -> int | None:
    """A descriptor of an idle connection of its own, and the transport ends without a word to the other side.

    None when it cannot be left to a successor: it is closing, or a part of a reply has not left yet.
    """
    if transport is None or transport.is_closing() or transport.get_write_buffer_size():
        return None
    transport.pause_reading()
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    # Closing sends nothing while another descriptor of the same socket is open.
    transport.abort()
    return descriptor


class Door:
    """One listener's gatekeeper: counts connections, admits trusted system users only, ends stalled requests."""

    def __init__(self, name: str, trusted: frozenset[int], limit: int = MAX_CONNECTIONS) -> None:
        self.name = name
        self.connections: set[Sweepable] = set()
        self.turned_away = 0
        self.malformed = 0
        self._trusted = trusted
        self._limit = limit

    def admits(self, transport: asyncio.BaseTransport) -> bool:
        """Whether this new connection may ask; if not, it is closed and one line says why."""
        why = self._objection(transport)
        if not why:
            return True
        self.turned_away += 1
        log.warning("%s: connection refused: %s", self.name, why)
        cast(asyncio.Transport, transport).abort()
        return False

    def _objection(self, transport: asyncio.BaseTransport) -> str:
        if len(self.connections) >= self._limit:
            return f"{self._limit} connections are open already"
        connection: socket.socket | None = transport.get_extra_info("socket")
        uid = peer_uid(connection) if connection is not None else None
        if uid is None:
            return "the kernel does not know its owner"
        return "" if uid in self._trusted else f"system user {uid} is not trusted"

    def sweep(self, now: float) -> None:
        """Ends connections whose request has been incomplete for too long; `now` is monotonic."""
        for connection in list(self.connections):
            if connection.partial_since and now - connection.partial_since > REQUEST_SECONDS:
                self.malformed += 1
                connection.end(f"no whole request after {REQUEST_SECONDS:.0f} s")
