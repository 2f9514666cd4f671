"""Where a client address is: address data (guard.address_sources), asked in memory.

Without data the indicators of place are off and the status file says so. Own networks (webmail, proxies) and
loopback are no place at all: a login from there says nothing about where its owner is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sekisho.detection import NOWHERE, Place
from sekisho.guard.address_sources import NONE, AddressFiles, AddressSource, Loaded, Table

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

    def __init__(self, table: Table, own_networks: Iterable[str], sources: Iterable[AddressSource] = ()) -> None:
        self.table = table
        # Where the table comes from, for people.
        self.sources = tuple(sources)
        # A sentence for each file that could not be read.
        self.failures: dict[str, str] = {}
        self._own = [ipaddress.ip_network(network) for network in (*LOOPBACK, *own_networks)]
        self._sources: dict[str, Source] = {}
        self._before: dict[str, Source] = {}

    def take(self, loaded: Loaded) -> None:
        """Goes on with other address data."""
        self.table, self.sources, self.failures = loaded.table(), loaded.sources, loaded.failures
        # A Place that stays as it was stays the same object: profiles compare by identity first.
        self._before, self._sources = self._sources or self._before, {}

    def source(self, ip: str) -> Source:
        """Address and place of a client; what is no address has no place."""
        found = self._sources.get(ip)
        if found is None:
            if len(self._sources) >= REMEMBERED:
                self._sources.clear()
            found = self._sources[ip] = self._look_up(ip)
        return found

    @property
    def data_at(self) -> float:
        """When the oldest of the sources was made (epoch seconds); 0 without one."""
        return min((source.made_at for source in self.sources), default=0.0)

    def alarms(self, now: float) -> list[str]:
        """A sentence about each source that cannot be read or is too old to be trusted; `now` in epoch seconds."""
        told = [f"address data {path} cannot be read: {why}" for path, why in self.failures.items()]
        for source in self.sources:
            days = (now - source.made_at) / 86_400
            if days > STALE_DAYS:
                told.append(f"the address data {source.path} ({source.kind}) are {days:.0f} days old: renew them")
        if not self.sources:
            told.append("no address data: the indicators of country and network are off")
        return told

    def _look_up(self, ip: str) -> Source:
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return NO_SOURCE
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in network for network in self._own):
            return NO_SOURCE
        found = str(address), self.table.place(str(address))
        before = self._before.pop(ip, None)
        return before if before == found else found


def read_places(configured: str | Iterable[str], own_networks: Iterable[str]) -> Places:
    """The places of `guard.address_data`, read once; without data when there are none or none can be read (logged)."""
    places = Places(AddressFiles(NONE).load().table(), own_networks)
    places.take(AddressFiles(configured).load())
    return places
