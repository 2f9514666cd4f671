"""Which system user is on the other end of a connection: the kernel's word, never the peer's.

Any local user can connect to a loopback port and write what Postfix would write; forged requests must hurt nobody
(DESIGN P3). Unix sockets have SO_PEERCRED (unix(7)). For TCP we ask the kernel for the peer's own socket, the one whose
local address is our remote one: by sock_diag(7), 15 µs, or where that is not to be had by reading /proc/net/tcp
(proc(5)), which takes milliseconds when thousands of connections linger.

A socket that its owner has closed is shown with uid 0 by both. So only an ESTABLISHED one is believed: who writes and
runs is nobody.
"""

from __future__ import annotations

import functools
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

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h: struct nlmsghdr; the head of inet_diag_req_v2 and of
# inet_diag_msg; inet_diag_sockid (ports in network order, two addresses, interface, cookie); the uid in the answer.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSGHDR = struct.Struct("=IHHII")
_REQUEST_HEAD = struct.Struct("=BBBxI")
_SOCKET_PORTS = struct.Struct("!HH16s16s")
_SOCKET_REST = struct.Struct("=III")
_NO_COOKIE = 0xFFFFFFFF
_STATE_AT = 17
_UID_AT = 80
_ANSWER_BYTES = 88
# The kernel answers at once; a second is for a machine that is hardly running.
_NETLINK_SECONDS = 1.0

TCP_ESTABLISHED = 1

Address = tuple[str, int]


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


def _tcp_peer_uid(peer: Address, ours: Address) -> int | None:
    if _sock_diag_works():
        return ask_kernel(peer, ours)
    return read_listings(peer, ours)


@functools.cache
def _sock_diag_works() -> bool:
    """Tried out once on a connection of our own: containers may forbid netlink, small kernels lack the answer."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
            works = ask_kernel(client.getsockname(), client.getpeername()) == os.geteuid()
    except OSError:
        works = False
    if not works:
        log.info("sock_diag is not available here, peers are looked up in /proc/net/tcp")
    return works


def ask_kernel(peer: Address, ours: Address) -> int | None:
    """The owner of the socket `peer` → `ours` by sock_diag(7); None when it is gone or closing. Raises OSError."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    addresses = (socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (peer, ours))
    body = (
        _REQUEST_HEAD.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
        + _SOCKET_PORTS.pack(peer[1], ours[1], *addresses)
        + _SOCKET_REST.pack(0, _NO_COOKIE, _NO_COOKIE)
    )
    head = _NLMSGHDR.pack(_NLMSGHDR.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_NETLINK_SECONDS)
        kernel.send(head + body)
        answer = kernel.recv(8192)
    if len(answer) < _ANSWER_BYTES or _NLMSGHDR.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None
    (uid,) = struct.unpack_from("=I", answer, _UID_AT)
    return int(uid) if answer[_STATE_AT] == TCP_ESTABLISHED else None


def read_listings(peer: Address, ours: Address) -> int | None:
    """The same from /proc/net/tcp and tcp6."""
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
    return int(columns[4]) if columns and int(columns[0], 16) == TCP_ESTABLISHED else None


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
