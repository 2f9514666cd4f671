"""Address data in MaxMind's format (MMDB): country and network owner, as GeoLite2, DB-IP and others publish them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import maxminddb

from sekisho.detection import AddressDataError, AddressTable, Place

# The largest country or ASN database published has some 100 MB; more is a wrong file and would fill the memory.
MAX_BYTES = 512 << 20


class MmdbTable:
    """`place(ip)` from one MMDB file, like AddressTable's. The caller keeps what it was told (guard.places)."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or AddressDataError."""
        if path.stat().st_size > MAX_BYTES:
            raise AddressDataError(f"more than {MAX_BYTES >> 20} MB")
        # A copy in memory: a mapped file that somebody overwrites or truncates would kill the guard by SIGBUS.
        copy = os.memfd_create("address-data")
        try:
            with os.fdopen(os.dup(copy), "wb") as target:
                target.write(path.read_bytes())
            self._reader = maxminddb.open_database(f"/proc/self/fd/{copy}")
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise AddressDataError(str(error)) from error
        finally:
            os.close(copy)
        # When the publisher made it, epoch seconds.
        self.built_at = float(self._reader.metadata().build_epoch)
        self._networks = AddressTable()

    def __len__(self) -> int:
        """Nodes of the search tree, which grow with the networks; 0: nothing in it."""
        return self._reader.metadata().node_count

    def place(self, ip: str) -> Place:
        """The Place of an address; a broken record is as good as none."""
        bare = self._networks.place(ip)
        if not bare.network:
            return bare
        try:
            record: Any = self._reader.get(ip)
        except (maxminddb.InvalidDatabaseError, ValueError):
            return bare
        if not isinstance(record, dict):
            return bare
        country, asn = record.get("country"), record.get("autonomous_system_number")
        code = country.get("iso_code") if isinstance(country, dict) else None
        owner = record.get("autonomous_system_organization")
        return Place(
            code if isinstance(code, str) and len(code) == 2 else "",
            asn if isinstance(asn, int) else 0,
            owner if isinstance(owner, str) else "",
            bare.network,
        )
