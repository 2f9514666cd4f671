"""Writes small location databases in libloc's format, for the tests of our reader."""

from __future__ import annotations

import struct
from ipaddress import IPv4Network, ip_network

NONE = 0xFFFFFFFF


def libloc(rows: list[tuple[str, str, int]], owners: dict[int, str], made_at: int = 1_780_000_000) -> bytes:
    """`rows` are (network, country, asn), as `location` would write them."""
    nodes = [[0, 0, NONE]]
    for row, (text, _country, _asn) in enumerate(rows):
        network = ip_network(text)
        number, length = int(network.network_address), network.prefixlen
        if isinstance(network, IPv4Network):
            number, length = number | 0xFFFF << 32, length + 96
        at = 0
        for depth in range(length):
            side = number >> (127 - depth) & 1
            if not nodes[at][side]:
                nodes[at][side] = len(nodes)
                nodes.append([0, 0, NONE])
            at = nodes[at][side]
        nodes[at][2] = row
    pool, known = b"\0", []
    for asn, name in sorted(owners.items()):
        known.append(struct.pack(">II", asn, len(pool)))
        pool += name.encode() + b"\0"
    sections = [
        b"".join(known),
        b"".join(struct.pack(">2s2xIH2x", country.encode(), asn, 0) for _, country, asn in rows),
        b"".join(struct.pack(">III", *node) for node in nodes),
        b"",
        pool,
    ]
    header, at, body = struct.pack(">QIII", made_at, 0, 0, 0), 8 + 4192, b""
    for section in sections:
        header += struct.pack(">II", at + len(body), len(section))
        body += section
    return b"LOCDBXX\x01" + header.ljust(4192, b"\0") + body
