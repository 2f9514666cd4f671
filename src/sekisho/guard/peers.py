"""Which system user is on the other end of a connection: the kernel's word, never the peer's.

Any local user can connect to a loopback port and write what Postfix would write; forged requests must hurt nobody
(DESIGN P3). Unix sockets have SO_PEERCRED (unix(7)). For TCP the kernel lists the owner of every socket in
/proc/net/tcp and tcp6 (proc(5)): the peer's socket is the line whose local address is our remote one.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import pwd
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger("sekisho.guard")

_UCRED = struct.Struct("3i")
# proc(5): state 01 is ESTABLISHED. A socket its owner has closed is listed with uid 0, so no other state is believed.
_ESTABLISHED = "01"


def trusted_uids(names: Iterable[str]) -> frozenset[int]:
    """The uids of the named system users that exist here, and our own; unknown names are logged and left out."""
    uids = {os.geteuid()}
    for name in names:
        try:
            uids.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            log.info("trusted user %s does not exist on this host", name)
    return frozenset(uids)


def peer_uid(connection: socket.socket) -> int | None:
    """The uid that owns the other end, or None when the kernel no longer knows it (then nobody is to be believed)."""
    if connection.family == socket.AF_UNIX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(credentials)[1])
    try:
        return _tcp_peer_uid(connection.getpeername()[:2], connection.getsockname()[:2])
    except OSError:
        return None


def _tcp_peer_uid(peer: tuple[str, int], ours: tuple[str, int]) -> int | None:
    for table, widen in (("/proc/net/tcp", False), ("/proc/net/tcp6", True)):
        try:
            needle = f" {kernel_address(*peer, widen=widen)} {kernel_address(*ours, widen=widen)} "
            listing = Path(table).read_text("ascii")
        except (OSError, ValueError):
            continue
        if (uid := owner_in_listing(listing, needle)) is not None:
            return uid
    return None


def owner_in_listing(listing: str, needle: str) -> int | None:
    """The uid column of the line of /proc/net/tcp that holds ` LOCAL REMOTE `, if that socket is established."""
    position = listing.find(needle)
    if position < 0:
        return None
    end = listing.find("\n", position)
    # After the two addresses: st tx:rx tr:tm retrnsmt uid timeout inode …
    columns = listing[position + len(needle) : end if end >= 0 else None].split()
    return int(columns[4]) if columns and columns[0] == _ESTABLISHED else None


def kernel_address(host: str, port: int, *, widen: bool) -> str:
    """`127.0.0.1:25` as the kernel writes it, `0100007F:0019`: words of four bytes in the machine's byte order.

    `widen` gives the form in tcp6, IPv4 as `::ffff:a.b.c.d`. Raises ValueError for IPv6 without `widen`.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if widen and address.version == 4:
        address = ipaddress.ip_address(f"::ffff:{address}")
    if not widen and address.version == 6:
        raise ValueError(host)
    words = struct.unpack(f"={len(address.packed) // 4}I", struct.pack(f"{len(address.packed)}B", *address.packed))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
