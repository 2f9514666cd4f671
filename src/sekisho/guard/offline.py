"""A checkpoint without disk and sockets: the guard's own code, driven by a recorded stream and its clock."""

from __future__ import annotations

from sekisho.detection import AddressTable, HostTables
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.places import Places
from sekisho.guard.profiles import Profiles
from sekisho.guard.standing import Standing
from sekisho.journal import DecisionRecord, Event

# As in config.Settings, for streams that belong to no installation.
DELIMITER = "+"
PROTECTED = ("postmaster", "abuse")


class NoJournal:
    """Decisions of a recorded stream move nobody: they are returned, not written."""

    def record(self, decision: DecisionRecord) -> bool:
        return True


def _no_spool(event: Event) -> None:
    """Events of a recorded stream are not spooled."""


def offline_checkpoint(
    profiles: Profiles, tables: HostTables, delimiter: str = DELIMITER, protected: tuple[str, ...] = PROTECTED
) -> Checkpoint:
    """A checkpoint that enforces in memory only."""
    return Checkpoint(
        host="",
        mode="enforce",
        standing=Standing(),
        profiles=profiles,
        tables=tables,
        places=Places(AddressTable(), ()),
        journal=NoJournal(),
        spool=_no_spool,
        delimiter=delimiter,
        protected_local_parts=protected,
    )
