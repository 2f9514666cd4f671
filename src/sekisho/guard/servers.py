"""The guard's three listeners: Postfix policy, Dovecot auth policy, Dovecot events; unix sockets or TCP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from sekisho.config import GuardSettings, Listener
from sekisho.guard.auth_policy import GO_ON, AuthPolicy
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.doors import Door
from sekisho.guard.event_intake import TAKEN, EventIntake
from sekisho.guard.http_service import HttpConnection
from sekisho.guard.policy_service import Outgoing, PolicyConnection
from sekisho.wire.postfix_policy import PolicyRequest

# A restart of Postfix opens a connection per smtpd at once; the kernel keeps them until we accept.
BACKLOG = 1024
SWEEP_SECONDS = 1.0


def open_socket(listener: Listener) -> socket.socket:
    """A listening socket: unix with mode 0660 (its group says who may connect), or TCP; raises OSError."""
    if not listener.unix:
        # SO_REUSEADDR is set by create_server: a restart must not wait for the old connections' last packets.
        return socket.create_server((listener.host, listener.port), backlog=BACKLOG)
    path = Path(listener.unix)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        opened.bind(str(path))
    finally:
        os.umask(before)
    opened.listen(BACKLOG)
    return opened


class Servers:
    """Opens the listeners, sweeps their connections, closes them."""

    def __init__(
        self,
        settings: GuardSettings,
        checkpoint: Checkpoint,
        policy: AuthPolicy,
        intake: EventIntake,
        trusted: frozenset[int],
    ) -> None:
        self._checkpoint = checkpoint
        formatted: dict[str, bytes] = {}
        self._outgoing = Outgoing()
        self.doors = {name: Door(name, trusted) for name in ("policy", "auth policy", "events")}
        postfix, dovecot, events = self.doors.values()
        self._listeners: list[tuple[Listener, Callable[[], asyncio.Protocol]]] = [
            (settings.policy, lambda: PolicyConnection(postfix, self._answer, formatted, self._outgoing.put)),
            (settings.auth_policy, lambda: HttpConnection(dovecot, policy.serve, GO_ON)),
            (settings.events, lambda: HttpConnection(events, intake.serve, TAKEN)),
        ]
        self._servers: list[asyncio.Server] = []

    def _answer(self, request: PolicyRequest) -> str:
        return self._checkpoint.answer(request, time.time())

    async def open(self) -> None:
        """Opens all three; raises OSError when one cannot be (then none stays open for long: the process ends)."""
        loop = asyncio.get_running_loop()
        for listener, factory in self._listeners:
            server = await loop.create_server(factory, sock=open_socket(listener), backlog=BACKLOG)
            self._servers.append(server)

    async def keep_sweeping(self) -> None:
        """Ends stalled connections once a second, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for door in self.doors.values():
                door.sweep(time.monotonic())

    def close(self) -> None:
        """Stops listening and ends every connection; Postfix and Dovecot open new ones to our successor."""
        for server in self._servers:
            server.close()
        self._outgoing.flush()
        for door in self.doors.values():
            for connection in list(door.connections):
                connection.close()
