"""The guard's three listeners: Postfix policy, Dovecot auth policy, Dovecot events; unix sockets or TCP on loopback.

A service manager that holds the listening sockets hands them to each guard in turn, and keeps the open connections from
one to the next: an upgrade refuses nobody and ends no connection (docs/run.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sekisho import service
from sekisho.config import GuardSettings, Listener
from sekisho.guard.auth_policy import GO_ON, AuthPolicy
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.doors import Door, Sweepable
from sekisho.guard.event_intake import TAKEN, EventIntake
from sekisho.guard.http_service import HttpConnection, Request, Response
from sekisho.guard.measures import Latencies
from sekisho.guard.policy_service import Outgoing, PolicyConnection
from sekisho.wire.postfix_policy import PolicyRequest

log = logging.getLogger("sekisho.guard")

# A restart of Postfix opens a connection per smtpd at once; the kernel keeps them until we accept.
BACKLOG = 1024
SWEEP_SECONDS = 1.0
# A neighbour writes its request in one go; whoever is in the middle of one when we end has this long for the rest.
LAST_REQUEST_SECONDS = 0.3
TURN_SECONDS = 0.005
# The doors' names as the service manager writes them (sekisho-guard.socket), and for connections on their way.
SOCKET_NAMES = {"policy": "policy", "auth policy": "auth-policy", "events": "events"}
CONNECTION = "-connection"
# Dovecot's stats process posts one event after the other to an address: a burst of fetched messages, which come here,
# must not hold up the events at the other port. Who may connect is the same at both.
READS_PATH = "/reads"


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
        latencies: Latencies | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._policy, self._intake = policy, intake
        self._latencies = latencies or Latencies()
        formatted: dict[str, bytes] = {}
        self._outgoing = Outgoing()
        self.doors = {name: Door(name, trusted) for name in ("policy", "auth policy", "events")}
        postfix, dovecot, events = self.doors.values()
        self._listeners: list[tuple[Listener, Callable[[], asyncio.Protocol]]] = [
            (settings.policy, lambda: PolicyConnection(postfix, self._answer, formatted, self._outgoing.put)),
            (settings.auth_policy, lambda: HttpConnection(dovecot, self._serve_dovecot, GO_ON)),
            (settings.events, lambda: HttpConnection(events, intake.serve, TAKEN)),
        ]
        self._servers: list[asyncio.Server] = []

    def _serve_dovecot(self, request: Request) -> Response | Awaitable[Response]:
        if request.path == READS_PATH:
            return self._intake.serve(request)
        return self._policy.serve(request)

    def _answer(self, request: PolicyRequest) -> str:
        began = time.perf_counter()
        action = self._checkpoint.answer(request, time.time())
        self._latencies.add(time.perf_counter() - began)
        return action

    async def open(self) -> None:
        """Opens all three, or takes those that the service manager handed over, with the connections it kept.

        Raises OSError when one cannot be had (then none stays open for long: the process ends).
        """
        loop, handed = asyncio.get_running_loop(), service.inherited()
        for door, (listener, factory) in zip(self.doors.values(), self._listeners, strict=True):
            name = SOCKET_NAMES[door.name]
            given = [one for one in handed.pop(name, []) if service.is_listening(one)]
            for opened in given or [open_socket(listener)]:
                self._servers.append(await _serve(factory, opened))
            kept = handed.pop(name + CONNECTION, [])
            if kept:
                service.forget(name + CONNECTION)
            for connection in kept:
                await loop.connect_accepted_socket(factory, connection)
            for opened in given:
                if (where := _where(opened)) != (listener.unix or f"{listener.host}:{listener.port}"):
                    log.warning("%s: was handed %s, which is not the one of sekisho.toml", door.name, where)
            if given:
                log.info("%s: took over its socket and %d connections", door.name, len(kept))
        for name, unknown in handed.items():
            log.warning("the service manager handed over %r, which is not ours", name)
            service.close_all(unknown)

    async def keep_sweeping(self) -> None:
        """Ends stalled connections once a second, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for door in self.doors.values():
                door.sweep(time.monotonic())

    async def end(self) -> None:
        """Stops listening, answers what has been asked, and leaves the open connections to our successor.

        Without a service manager they end between two requests: Postfix and Dovecot open new ones.
        """
        for server in self._servers:
            server.close()
        patience = time.monotonic() + LAST_REQUEST_SECONDS
        while time.monotonic() < patience:
            # Turns of the loop, in which replies leave, and connections begin that were accepted a moment ago.
            await asyncio.sleep(TURN_SECONDS)
            self._outgoing.flush()
            for door in self.doors.values():
                self._hand_over(door)
            if not self._connections():
                break
        self.close()

    def _connections(self) -> list[Sweepable]:
        return [connection for door in self.doors.values() for connection in door.connections]

    def _hand_over(self, door: Door) -> None:
        """Leaves the door's idle connections with the service manager: what comes meanwhile waits in the kernel."""
        descriptors = [one for connection in list(door.connections) if (one := connection.release()) is not None]
        if descriptors and service.store(SOCKET_NAMES[door.name] + CONNECTION, descriptors):
            log.info("%s: %d connections wait for our successor", door.name, len(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)

    def close(self) -> None:
        """Stops listening and ends every connection; Postfix and Dovecot open new ones to our successor."""
        for server in self._servers:
            server.close()
        self._outgoing.flush()
        for connection in self._connections():
            connection.close()


def _where(opened: socket.socket) -> str:
    name = opened.getsockname()
    return str(name) if opened.family == socket.AF_UNIX else f"{name[0]}:{name[1]}"


async def _serve(factory: Callable[[], asyncio.Protocol], opened: socket.socket) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if opened.family == socket.AF_UNIX:
        return await loop.create_unix_server(factory, sock=opened, backlog=BACKLOG)
    return await loop.create_server(factory, sock=opened, backlog=BACKLOG)
