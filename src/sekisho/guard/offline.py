"""A checkpoint without disk and sockets: the guard's own code, driven by a recorded stream and its clock."""

from __future__ import annotations

from sekisho.detection import AddressTable, Event, HostTables, Login
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.places import Places
from sekisho.guard.profiles import Profiles
from sekisho.guard.standing import Standing
from sekisho.journal import DecisionRecord
from sekisho.journal import Event as SpooledEvent

# As in config.Settings, for streams that belong to no installation.
DELIMITER = "+"
PROTECTED = ("postmaster", "abuse")


class _NoJournal:
    """Decisions of a recorded stream move nobody: they are returned, not written."""

    def record(self, decision: DecisionRecord) -> bool:
        return True


def _no_spool(event: SpooledEvent) -> None:
    """Events of a recorded stream are nobody's order: they are not spooled."""


class OfflineCheckpoint(Checkpoint):
    """Enforces in memory only; `learning`: it judges nothing."""

    def __init__(
        self,
        profiles: Profiles,
        tables: HostTables,
        places: Places | None = None,
        *,
        delimiter: str = DELIMITER,
        learning: bool = False,
    ) -> None:
        super().__init__(
            host="",
            mode="enforce",
            standing=Standing(),
            profiles=profiles,
            tables=tables,
            places=places or Places(AddressTable(), ()),
            journal=_NoJournal(),
            spool=_no_spool,
            delimiter=delimiter,
            protected_local_parts=PROTECTED,
        )
        self.learning = learning

    def observe(self, event: Event, now: float) -> DecisionRecord | None:
        """As the guard's own; while learning, a failed login still tells of its source only."""
        if self.learning and not (isinstance(event, Login) and not event.success):
            self.learn(event, now)
            return None
        return super().observe(event, now)


def offline_checkpoint(profiles: Profiles, tables: HostTables) -> OfflineCheckpoint:
    """The one for a stream whose events carry their places themselves."""
    return OfflineCheckpoint(profiles, tables)
