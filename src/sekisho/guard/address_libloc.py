"""Countries and network owners from IPFire's location database (libloc), as Debian's `libloc-database` ships it and
`location update` renews it.

Debian's reader is an extension of the system's Python that a virtual environment does not see, and PyPI has none. The
format (libloc, src/libloc/format.h, version 1; big-endian) is small: a header of offsets, a binary tree over 128-bit
addresses (IPv4 below ::ffff:0:0/96) whose nodes may point to a network, networks, owners, a pool of names. Every
offset is checked when the file is opened or an address is looked up; the file's signature is not (its owner is).
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from sekisho.detection import AddressDataError, AddressTable, Place
from sekisho.guard.address_files import clean_country, read_trusted

MAGIC = b"LOCDBXX\x01"
# created_at, vendor, description, license; offset and length of owners, networks, tree, countries, pool.
_header = struct.Struct(">QIII IIIIIIIIII")
# The header with its two signatures of 2048 bytes.
HEADER_BYTES = len(MAGIC) + 4192
# zero, one, network; country code, (2), AS number, flags, (2); AS number, name.
_node, _network, _owner = struct.Struct(">III"), struct.Struct(">2s2xI4x"), struct.Struct(">II")
NO_NETWORK = 0xFFFFFFFF
# IPv4 lies at ::ffff:0:0/96.
IPV4_MAPPED = 0xFFFF << 32
# A shift below every depth: nothing is behind this node.
DEAD_END = -1
MAX_OWNER = 200


class LiblocTable:
    """`place(ip)` from one location database; some 10 µs an address, so the caller keeps what it was told."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or AddressDataError, the latter also for a file that was cut off."""
        self._data, _ = read_trusted(path)
        if not self._data.startswith(MAGIC):
            raise AddressDataError("no location database of version 1")
        if len(self._data) < HEADER_BYTES:
            raise AddressDataError("cut off within its header")
        made, _vendor, _text, _license, *sections = _header.unpack_from(self._data, len(MAGIC))
        # When IPFire made it, epoch seconds.
        self.built_at = float(made)
        for offset, length in zip(sections[::2], sections[1::2], strict=True):
            if offset + length > len(self._data):
                raise AddressDataError(f"cut off: {len(self._data)} bytes of at least {offset + length}")
        self._owners_at, owners, self._networks_at, networks, self._tree_at, tree, _, _, self._pool_at, pool = sections
        self._owners: int = owners // _owner.size
        self._known: int = networks // _network.size
        self._nodes, self._pool_end = tree // _node.size, self._pool_at + pool
        if not self._nodes or not self._known:
            raise AddressDataError("it holds no network")
        self._networks = AddressTable()
        # Every IPv4 address shares the first 96 steps through the tree.
        self._ipv4_node, self._ipv4_shift, self._ipv4_found = self._walk(IPV4_MAPPED, 96)

    def __len__(self) -> int:
        """How many networks it tells apart by country, owner and flags."""
        return self._known

    def place(self, ip: str) -> Place:
        """The Place of an address by the smallest network around it; NOWHERE for what is no address."""
        bare = self._networks.place(ip)
        if not bare.network:
            return bare
        address = ip_address(ip)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if isinstance(address, IPv4Address):
            start = (self._ipv4_node, self._ipv4_shift, self._ipv4_found)
            _, _, row = self._walk(IPV4_MAPPED | int(address), 128, *start)
        else:
            _, _, row = self._walk(int(address), 128)
        if row >= self._known:
            return bare
        code, asn = _network.unpack_from(self._data, self._networks_at + row * _network.size)
        return Place(clean_country(code.decode("latin-1")), asn, self._name(asn), bare.network)

    def _walk(
        self, number: int, depth: int, node: int = 0, shift: int = 127, found: int = NO_NETWORK
    ) -> tuple[int, int, int]:
        """From a node down the tree along an address of 128 bits, at most to `depth`: where that ended, and the row of
        the smallest network on the way (NO_NETWORK: none)."""
        data, tree_at, nodes, unpack = self._data, self._tree_at, self._nodes, _node.unpack_from
        while True:
            zero, one, network = unpack(data, tree_at + node * 12)
            if network != NO_NETWORK:
                found = network
            if shift < 128 - depth:
                return node, shift, found
            following = one if number >> shift & 1 else zero
            # 0 is the root, to which nothing leads: no further node. So the walk stands still at the end of the tree.
            if not 0 < following < nodes:
                return node, DEAD_END, found
            node, shift = following, shift - 1

    def _name(self, asn: int) -> str:
        """The owner of an AS number; "" when the database does not know it."""
        row = bisect_left(range(self._owners), asn, key=self._number) if asn else self._owners
        if row >= self._owners or self._number(row) != asn:
            return ""
        start = self._pool_at + _owner.unpack_from(self._data, self._owners_at + row * _owner.size)[1]
        end = self._data.find(b"\0", start, min(start + MAX_OWNER, self._pool_end))
        return self._data[start:end].decode("utf-8", "replace") if end >= 0 else ""

    def _number(self, row: int) -> int:
        number: int = _owner.unpack_from(self._data, self._owners_at + row * _owner.size)[0]
        return number
