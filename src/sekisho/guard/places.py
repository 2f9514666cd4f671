"""Where a client address is: the operator's CSV or MMDB file, read once, asked in memory.

Without the file the indicators of place are off and the status file says so. Own networks (webmail, proxies) and
loopback are no place at all: a login from there says nothing about where its owner is.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from pathlib import Path

from sekisho.detection import NOWHERE, AddressDataError, AddressTable, Place
from sekisho.guard.address_mmdb import MmdbTable

log = logging.getLogger("sekisho.guard")

# Addresses whose place is remembered; some 300 bytes each, 15 MB. A flood of new ones empties the memory, nothing else.
REMEMBERED = 50_000
# A session from the host itself is a web application's or a script's, wherever its user sits.
LOOPBACK = ("127.0.0.0/8", "::1/128")

# Networks are sold and moved: half a year is what an operator who updates "now and then" may reach.
STALE_DAYS = 180

Source = tuple[str, Place]
NO_SOURCE: Source = ("", NOWHERE)


class Places:
    """`source(ip)` gives address and place as events carry them; both empty for our own networks."""

    def __init__(self, table: AddressTable | MmdbTable, own_networks: Iterable[str], data_at: float = 0.0) -> None:
        self.table = table
        # When the operator's CSV was last changed or his MMDB was built (epoch seconds); 0 without one.
        self.data_at = data_at
        self._own = [ipaddress.ip_network(network) for network in (*LOOPBACK, *own_networks)]
        self._sources: dict[str, Source] = {}

    def source(self, ip: str) -> Source:
        """Address and place of a client; what is no address has no place."""
        found = self._sources.get(ip)
        if found is None:
            if len(self._sources) >= REMEMBERED:
                self._sources.clear()
            found = self._sources[ip] = self._look_up(ip)
        return found

    def age_alarm(self, now: float) -> str:
        """A sentence when the data is too old to be trusted, else nothing; `now` in epoch seconds."""
        days = (now - self.data_at) / 86_400
        return f"the address data is {days:.0f} days old: renew it" if self.data_at and days > STALE_DAYS else ""

    def _look_up(self, ip: str) -> Source:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return NO_SOURCE
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in network for network in self._own):
            return NO_SOURCE
        return str(address), self.table.place(str(address))


def read_places(path: str, own_networks: Iterable[str]) -> Places:
    """The places of an operator's file, or without data when there is none or it cannot be read (logged)."""
    if not path:
        return Places(AddressTable(), own_networks)
    try:
        if path.endswith(".mmdb"):
            table = MmdbTable(Path(path))
            return Places(table, own_networks, table.built_at)
        with Path(path).open(encoding="utf-8", newline="") as lines:
            return Places(AddressTable.from_lines(lines), own_networks, Path(path).stat().st_mtime)
    except (OSError, UnicodeDecodeError, AddressDataError) as error:
        log.error("address data %s cannot be read, the indicators of place are off: %s", path, error)
        return Places(AddressTable(), own_networks)
