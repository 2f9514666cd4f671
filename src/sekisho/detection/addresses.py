"""Address data: sorted ranges → Place. Pure: the guard reads the operator's CSV and hands over its lines."""

from __future__ import annotations

from collections.abc import Iterable

from sekisho.detection.events import Place


class AddressDataError(ValueError):
    """A line of the address data that cannot be read; the text names the line."""


class AddressTable:
    """`place(ip)` for every address; without data (`AddressTable()`) a Place knows only its network."""

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> AddressTable:
        """A table from CSV lines `network,country,asn,owner`; raises AddressDataError."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def place(self, ip: str) -> Place:
        """The Place of an address; NOWHERE for what is no address."""
        raise NotImplementedError
