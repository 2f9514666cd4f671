"""What a process of ours and its service manager say to each other: sockets in, "ready" and "alive" out.

systemd's protocols as its manual pages have them (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)): variables of
the environment and one datagram socket. Nothing of systemd is needed, and the local stack's supervisor speaks them as
well (deploy.handover). Without a service manager every call does nothing.
"""

from __future__ import annotations

import array
import contextlib
import logging
import os
import socket
import time
from collections.abc import Sequence

log = logging.getLogger("sekisho.service")

# sd_listen_fds(3): the first descriptor that is handed over.
FIRST_DESCRIPTOR = 3
# The kernel refuses more than 253 descriptors in one message (SCM_MAX_FD, unix(7)).
DESCRIPTORS_A_MESSAGE = 200
# A service manager reads at once; a hanging one must not hang us.
SEND_SECONDS = 2.0


def inherited() -> dict[str, list[socket.socket]]:
    """The sockets that the service manager handed over, by name (FileDescriptorName=, FDNAME=).

    Empty when there are none, and at a second call: the variables are removed, since our own children are not meant.
    Listening sockets and stored connections come together; `is_listening` tells them apart.
    """
    told = {name: os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if told["LISTEN_PID"] != str(os.getpid()) or not told["LISTEN_FDS"].isdecimal():
        return {}
    names = told["LISTEN_FDNAMES"].split(":")
    found: dict[str, list[socket.socket]] = {}
    for number in range(int(told["LISTEN_FDS"])):
        descriptor = FIRST_DESCRIPTOR + number
        name = names[number] if number < len(names) else ""
        try:
            os.set_inheritable(descriptor, False)
            found.setdefault(name, []).append(socket.socket(fileno=descriptor))
        except OSError as error:
            # A connection whose other end went away in the meantime is no reason not to start.
            log.warning("the socket %s (%d) cannot be taken over: %s", name, descriptor, error)
    return found


def is_listening(opened: socket.socket) -> bool:
    """Whether this socket listens; else it is a connection."""
    return bool(opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def notify(*lines: str, descriptors: Sequence[int] = ()) -> bool:
    """Tells the service manager, as "READY=1"; False when there is none or it does not listen (logged)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    # unix(7): "@" stands for the NUL of an abstract address.
    target = "\0" + address[1:] if address[0] == "@" else address
    held = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as pen:
            pen.settimeout(SEND_SECONDS)
            pen.sendmsg(["\n".join(lines).encode()], held, 0, target)
    except OSError as error:
        log.warning("the service manager cannot be told %s: %s", lines[0].partition("=")[0], error)
        return False
    return True


def store(name: str, descriptors: Sequence[int]) -> bool:
    """Leaves open connections with the service manager for our successor; False when it cannot keep them."""
    kept = True
    for start in range(0, len(descriptors), DESCRIPTORS_A_MESSAGE):
        part = descriptors[start : start + DESCRIPTORS_A_MESSAGE]
        kept = notify("FDSTORE=1", f"FDNAME={name}", descriptors=part) and kept
    return kept


def forget(name: str) -> None:
    """Has the service manager close its own copies: a connection that we end must end for the other side, too."""
    notify("FDSTOREREMOVE=1", f"FDNAME={name}")


def watchdog_seconds() -> float | None:
    """How long we may be silent (WatchdogSec=); None when nobody watches."""
    text, owner = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or (owner and owner != str(os.getpid())):
        return None
    return int(text) / 1_000_000


class Watchdog:
    """Tells the service manager that we are alive, from the middle of a main loop: a loop that hangs stops telling."""

    def __init__(self) -> None:
        limit = watchdog_seconds()
        # sd_watchdog_enabled(3): each half of the time. None: nobody watches.
        self.pause = limit / 2 if limit else None
        self._next = 0.0

    def alive(self) -> None:
        """Call it at every turn; it tells as seldom as is enough."""
        if self.pause is None:
            return
        now = time.monotonic()
        if now >= self._next:
            # Half of the pause early: turns do not come on the second.
            self._next = now + self.pause / 2
            notify("WATCHDOG=1")


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Closes sockets nobody wants."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.close()
