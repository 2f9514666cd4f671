"""The local stack's half of sekisho.service: what systemd does for our units on a real host, so that `sekisho up` runs
the same path.

Listening sockets are opened once and handed to each process of a part in turn (sd_listen_fds(3)); what a process leaves
with us while it ends (FDSTORE=1, sd_notify(3)) goes to the next one. Who speaks is the kernel's word (SCM_CREDENTIALS,
unix(7)): any local user may write to the socket.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sekisho.service import DESCRIPTORS_A_MESSAGE, FIRST_DESCRIPTOR

BACKLOG = 1024
# Above the numbers that a child hands over (3 and up), so that no copy overwrites another one's source; both stay below
# the 1024 descriptors that a process has by default. Postfix and Dovecot have some dozen connections in this stack.
HELD_ABOVE = 512
MOST_STORED = 400
_INT = struct.calcsize("i")
_UCRED = struct.Struct("3i")
_ANCILLARY = socket.CMSG_SPACE(DESCRIPTORS_A_MESSAGE * _INT) + socket.CMSG_SPACE(_UCRED.size)
_LONGEST_LETTER = 4096


class Handover:
    """Holds the parts' sockets and hears what their processes say."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ears.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._ears.setblocking(False)
        self._ears.bind(str(path))
        # Our parts are users of their own.
        path.chmod(0o666)
        self._listening: dict[str, list[tuple[str, int]]] = {}
        self._stored: dict[str, list[tuple[str, int]]] = {}
        self._ready: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self._path)}

    def open(self, part: str, sockets: Mapping[str, int]) -> None:
        """Opens the part's listening sockets on 127.0.0.1; raises OSError when a port is taken."""
        for name, port in sockets.items():
            with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as opened:
                held = fcntl.fcntl(opened.fileno(), fcntl.F_DUPFD_CLOEXEC, HELD_ABOVE)
            self._listening.setdefault(part, []).append((name, held))

    def launch(self, part: str, command: Sequence[str], environment: Mapping[str, str]) -> Callable[[], None]:
        """What the child does instead of its own exec: the sockets at 3 and up, its own pid beside them."""
        held = [*self._listening.get(part, ()), *self._stored.get(part, ())]
        names = ":".join(name for name, _ in held)

        def in_the_child() -> None:
            for number, (_, descriptor) in enumerate(held):
                os.dup2(descriptor, FIRST_DESCRIPTOR + number)
            listen = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(held)), "LISTEN_FDNAMES": names}
            os.execvpe(command[0], list(command), {**environment, **listen})  # noqa: S606 - no shell is meant

        return in_the_child

    def read(self, parts: Mapping[int, str]) -> None:
        """Takes what was said since the last look; `parts` are the living processes, pid -> part."""
        while True:
            try:
                data, ancillary, _, _ = self._ears.recvmsg(_LONGEST_LETTER, _ANCILLARY)
            except (BlockingIOError, InterruptedError):
                return
            descriptors, sender = _unpack(ancillary)
            self._take(parts.get(sender, ""), dict(_pairs(data)), descriptors)

    def _take(self, part: str, said: dict[str, str], descriptors: list[int]) -> None:
        name = said.get("FDNAME", "")
        if part and said.get("READY") == "1":
            self._ready.add(part)
        if part and said.get("FDSTOREREMOVE") == "1":
            kept = self._stored.get(part, [])
            _close(descriptor for known, descriptor in kept if known == name)
            self._stored[part] = [(known, descriptor) for known, descriptor in kept if known != name]
        if part and said.get("FDSTORE") == "1":
            room = MOST_STORED - len(self._stored.get(part, ()))
            for descriptor in descriptors[: max(room, 0)]:
                held = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HELD_ABOVE)
                self._stored.setdefault(part, []).append((name, held))
        _close(descriptors)

    def is_ready(self, part: str) -> bool:
        """Whether the part's present process has said READY=1."""
        return part in self._ready

    def ended(self, part: str) -> None:
        """The part's process is gone; what it stored is kept."""
        self._ready.discard(part)

    def close(self) -> None:
        """Closes everything held."""
        for held in (*self._listening.values(), *self._stored.values()):
            _close(descriptor for _, descriptor in held)
        self._listening.clear()
        self._stored.clear()
        self._ears.close()
        self._path.unlink(missing_ok=True)


def _pairs(data: bytes) -> list[tuple[str, str]]:
    lines = data.decode(errors="replace").splitlines()
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def _unpack(ancillary: list[tuple[int, int, bytes]]) -> tuple[list[int], int]:
    """Descriptors that came along, and the sender's pid."""
    descriptors, sender = array.array("i"), 0
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % _INT])
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            sender = _UCRED.unpack(data[: _UCRED.size])[0]
    return list(descriptors), sender


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
