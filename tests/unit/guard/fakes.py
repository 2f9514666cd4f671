"""Stand-ins for the guard's neighbours: a transport that keeps what is written, a door that admits everybody."""

from __future__ import annotations

import asyncio
from typing import Any

from sekisho.guard.doors import Door


class FakeTransport(asyncio.Transport):
    """Remembers what was written and whether it was closed or aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted


class OpenDoor(Door):
    """Admits every connection: the peer check has tests of its own."""

    def __init__(self) -> None:
        super().__init__("test", frozenset())

    def admits(self, transport: asyncio.BaseTransport) -> bool:
        return True
