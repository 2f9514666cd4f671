"""Address data in MaxMind's format (MMDB): country and network owner, as GeoLite2, DB-IP and others publish them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import maxminddb

from sekisho.detection import AddressDataError, AddressTable, Place
from sekisho.detection.addresses import MAX_ASN
from sekisho.guard.address_files import clean_country, read_trusted

# Names of network owners are shown to people; nobody's is longer.
MAX_OWNER = 200
# Records read at the start to see that they can be read; all of them would hold the start up for seconds.
TRIED_RECORDS = 1000


class MmdbTable:
    """`place(ip)` from one MMDB file, like AddressTable's. The caller keeps what it was told (guard.places)."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or AddressDataError, the latter also for a file that was cut off."""
        # A copy in memory: a mapped file that somebody overwrites or truncates would kill the guard by SIGBUS.
        copy = os.memfd_create("address-data")
        try:
            with os.fdopen(os.dup(copy), "wb") as target:
                target.write(read_trusted(path)[0])
            self._reader = maxminddb.open_database(f"/proc/self/fd/{copy}")
            metadata = self._reader.metadata()
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise AddressDataError(str(error)) from error
        finally:
            os.close(copy)
        # When the publisher made it, epoch seconds, and what he calls it.
        self.built_at = float(metadata.build_epoch)
        self.kind = "".join(c for c in metadata.database_type[:60] if c.isprintable())
        self._nodes = metadata.node_count
        self._networks = AddressTable()
        self._try_records()

    def _try_records(self) -> None:
        """Metadata stand at the end, the tree at the beginning: a hole between them shows in the records only."""
        try:
            for _number, _network in zip(range(TRIED_RECORDS), self._reader, strict=False):
                pass
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            raise AddressDataError(str(error)) from error

    def __len__(self) -> int:
        """Nodes of the search tree, which grow with the networks; 0: nothing in it."""
        return self._nodes

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
            clean_country(code),
            asn if isinstance(asn, int) and not isinstance(asn, bool) and 0 < asn <= MAX_ASN else 0,
            owner[:MAX_OWNER] if isinstance(owner, str) else "",
            bare.network,
        )
