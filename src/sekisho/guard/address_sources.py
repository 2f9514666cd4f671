"""Which address data there is: what the operator names, or what Debian's packages have brought.

Nothing configured: `tor-geoipdb` and IPFire's location database are found by themselves. Several files together: the
country comes from the first that knows one, the network's owner likewise. A file that changed is read again; one that
cannot be read is one line in the log and an alarm, and what was read from it before stays in use.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Protocol

from sekisho.detection import AddressDataError, AddressTable, Place
from sekisho.guard.address_files import read_trusted
from sekisho.guard.address_libloc import MAGIC, LiblocTable
from sekisho.guard.address_mmdb import MmdbTable
from sekisho.guard.address_tor import TorTable

log = logging.getLogger("sekisho.guard")

# Debian's tor-geoipdb; `location update`; Debian's libloc-database, which is as old as the release.
KNOWN_FILES = ("/usr/share/tor/geoip", "/var/lib/location/database.db", "/usr/share/libloc-location/location.db")
# In `guard.address_data`: look for nothing.
NONE = "none"

# Path, inode, time and size of each file: what tells a replaced file from the one that was read.
Stamp = tuple[tuple[str, int, int, int], ...]


class Table(Protocol):
    """What knows places."""

    def place(self, ip: str) -> Place: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class AddressSource:
    """One file's data: its kind as people know it, where it is, when it was made (epoch seconds)."""

    kind: str
    path: str
    made_at: float
    table: Table


class Layers:
    """Several tables as one: country from the first that knows it, AS number with its owner likewise."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = tuple(tables)

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def place(self, ip: str) -> Place:
        country, asn, owner, network = "", 0, "", ""
        for table in self._tables:
            found = table.place(ip)
            network = network or found.network
            country = country or found.country
            if not asn:
                asn, owner = found.asn, found.owner
            if asn and country:
                break
        return Place(country, asn, owner, network)


@dataclass(frozen=True)
class Loaded:
    """The sources that could be read, and a sentence about each that could not."""

    sources: tuple[AddressSource, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)

    def table(self) -> Table:
        """What the sources know together; without any, networks only."""
        if len(self.sources) == 1:
            return self.sources[0].table
        return Layers(source.table for source in self.sources) if self.sources else AddressTable()


class AddressFiles:
    """The files of one installation. `load` reads them, `changed` says whether that would bring something new."""

    def __init__(self, configured: str | Iterable[str] = "") -> None:
        """`configured` as in `guard.address_data`: "" finds files itself, "none" uses none."""
        named = (configured,) if isinstance(configured, str) else tuple(configured)
        self._finds_itself = named in ((), ("",))
        self.paths = () if named == (NONE,) else KNOWN_FILES if self._finds_itself else named
        self._stamp: Stamp = ()
        self._before: dict[str, AddressSource] = {}
        self._told: dict[str, str] = {}

    def changed(self) -> bool:
        """Whether a file came, went or was replaced since the last `load`."""
        return self._look() != self._stamp

    def load(self) -> Loaded:
        """Reads what changed; of a file that cannot be read the data of before stay, and the log says so once."""
        stamp = self._look()
        failures: dict[str, str] = {}
        sources: dict[str, AddressSource] = {}
        for path in self._present(stamp):
            try:
                sources[path] = self._before[path] if self._is_unchanged(path, stamp) else open_source(path)
            except (OSError, UnicodeDecodeError, AddressDataError, csv.Error) as error:
                failures[path] = str(error)
                if path in self._before:
                    sources[path] = self._before[path]
        self._tell(failures)
        self._stamp, self._before = stamp, sources
        found = tuple(sources.values())
        return Loaded(_useful(found) if self._finds_itself else found, failures)

    def _is_unchanged(self, path: str, stamp: Stamp) -> bool:
        return path in self._before and path not in self._told and _of(path, stamp) == _of(path, self._stamp)

    def _present(self, stamp: Stamp) -> Iterable[str]:
        """Named files must be there; of the known ones those that are, and one location database of the two."""
        if not self._finds_itself:
            return self.paths
        there = [row[0] for row in stamp if row[0] in self.paths]
        return [path for path in there if path != KNOWN_FILES[-1] or KNOWN_FILES[-2] not in there]

    def _look(self) -> Stamp:
        rows = []
        # geoip6 is read together with geoip.
        for path in [name for each in self.paths for name in (each, each + "6")]:
            try:
                status = Path(path).stat()
            except OSError:
                continue
            rows.append((path, status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(rows)

    def _tell(self, failures: dict[str, str]) -> None:
        for path, why in failures.items():
            if self._told.get(path) != why:
                goes_on = "what was read before stays in use" if path in self._before else "it is not used"
                log.error("address data %s cannot be read, %s: %s", path, goes_on, why)
        self._told = dict(failures)


def open_source(path: str) -> AddressSource:
    """The data of one file, told by name (`.mmdb`, `geoip`) and content.

    Raises OSError, UnicodeDecodeError, csv.Error or AddressDataError.
    """
    file = Path(path)
    if file.suffix == ".mmdb":
        mmdb = MmdbTable(file)
        return AddressSource(mmdb.kind or "MMDB", path, mmdb.built_at, mmdb)
    if file.name == "geoip":
        tor = TorTable(file)
        return AddressSource("tor-geoipdb", path, tor.built_at, tor)
    content, changed_at = read_trusted(file)
    if content.startswith(MAGIC):
        libloc = LiblocTable(file)
        return AddressSource("IPFire location database", path, libloc.built_at, libloc)
    table = AddressTable.from_lines(StringIO(content.decode("utf-8"), newline=""))
    if not len(table):
        raise AddressDataError("it holds no network")
    return AddressSource("CSV", path, changed_at, table)


def _of(path: str, stamp: Stamp) -> Stamp:
    return tuple(row for row in stamp if row[0] in (path, path + "6"))


def _useful(found: tuple[AddressSource, ...]) -> tuple[AddressSource, ...]:
    """The newest first; older countries are left out behind newer ones of a source that knows owners as well."""
    newest_first = sorted(found, key=lambda source: -source.made_at)
    if newest_first and isinstance(newest_first[0].table, LiblocTable):
        return (newest_first[0],)
    return tuple(newest_first)
