"""Countries from Debian's `tor-geoipdb`: /usr/share/tor/geoip (IPv4) and geoip6, made from IPFire's location database.

Lines `first,last,CC`, sorted and disjoint; IPv4 as numbers, IPv6 as text, `??` for no country. A comment says
`# Generated: Thu, 25 Jun 2026 04:33:59 GMT`. Tor's own reader (src/lib/geoip/geoip.c) reads the same.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from socket import AF_INET6, inet_pton

from sekisho.detection import AddressDataError, AddressTable, Place
from sekisho.guard.address_files import clean_country, read_trusted

IPV4_END = 1 << 32
# Only the upper 64 bits of IPv6 are kept: a /64 is one customer's network, as in AddressTable.
IPV6_END = 1 << 64
# Where the date stands; the comments at the top have 17 lines.
LINES_OF_COMMENTS = 40


def _upper64(text: str) -> int:
    try:
        return int.from_bytes(inet_pton(AF_INET6, text)[:8], "big")
    except OSError as error:
        raise ValueError(f"no IPv6 address: {text[:60]!r}") from error


class _Ranges:
    """Sorted ranges of one family, 18 bytes each."""

    def __init__(self, rows: Iterator[tuple[int, int, str]], end: int) -> None:
        self.firsts, self.lasts, self.codes = array("Q"), array("Q"), array("H")
        self._names: list[str] = []
        numbers: dict[str, int] = {}
        before = 0
        for first, last, code in rows:
            if not before <= first <= last < end:
                raise ValueError(f"a range out of its place: {first} to {last}")
            # Two IPv6 ranges may share a /64; the later one begins where the former ended.
            before = first
            if code not in numbers:
                numbers[code] = len(self._names)
                self._names.append(code)
            self.firsts.append(first)
            self.lasts.append(last)
            self.codes.append(numbers[code])

    def country(self, number: int) -> str:
        row = bisect_right(self.firsts, number) - 1
        return self._names[self.codes[row]] if row >= 0 and number <= self.lasts[row] else ""


class TorTable:
    """`place(ip)` from tor-geoipdb: country and network, never an owner."""

    def __init__(self, path: Path) -> None:
        """`path` is the IPv4 file; `geoip6` beside it is read if it is there. Raises OSError or AddressDataError."""
        content, changed_at = read_trusted(path)
        self.built_at = _generated(content) or changed_at
        self._ipv4 = _read(path, content, int, IPV4_END)
        self._ipv6 = _Ranges(iter(()), IPV6_END)
        beside = path.with_name(path.name + "6")
        if beside.exists():
            self._ipv6 = _read(beside, read_trusted(beside)[0], _upper64, IPV6_END)
        self._networks = AddressTable()

    def __len__(self) -> int:
        """How many ranges it holds."""
        return len(self._ipv4.firsts) + len(self._ipv6.firsts)

    def place(self, ip: str) -> Place:
        """The Place of an address; NOWHERE for what is no address."""
        bare = self._networks.place(ip)
        if not bare.network:
            return bare
        address = ip_address(ip)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        number = int(address)
        known = self._ipv4.country(number) if isinstance(address, IPv4Address) else self._ipv6.country(number >> 64)
        return Place(known, 0, "", bare.network)


def _read(path: Path, content: bytes, number: Callable[[str], int], end: int) -> _Ranges:
    """The ranges of a file; raises AddressDataError naming the file and the line."""
    lines = 0

    def rows() -> Iterator[tuple[int, int, str]]:
        nonlocal lines
        for line in content.decode("ascii").splitlines():
            lines += 1
            if line and line[0] != "#":
                first, last, code = line.split(",")
                if len(code) != 2:
                    raise ValueError(f"no country code: {code[:20]!r}")
                yield number(first), number(last), clean_country(code)

    try:
        found = _Ranges(rows(), end)
    except ValueError as error:
        raise AddressDataError(f"{path.name}, line {lines}: {error}") from error
    if not found.firsts:
        raise AddressDataError(f"{path.name} holds no range")
    if not content.endswith(b"\n"):
        # The last range of a file that was cut off may end too early.
        raise AddressDataError(f"{path.name} was cut off: its last line has no end")
    return found


def _generated(content: bytes) -> float:
    """When the data were made, by the comment at the top (epoch seconds); 0 when it does not say."""
    for line in content[:4096].split(b"\n")[:LINES_OF_COMMENTS]:
        word, _, when = line.lstrip(b"# ").partition(b":")
        if word == b"Generated":
            try:
                return parsedate_to_datetime(when.decode("ascii").strip()).timestamp()
            except ValueError:
                return 0.0
    return 0.0
