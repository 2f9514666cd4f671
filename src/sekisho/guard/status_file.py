"""`<var>/guard/status.json`: what `sekisho status` and the bench read, and the heartbeat that shows gaps.

Written once a second by rename, without fsync: after a crash of the machine a stale one is as good as none.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sekisho.guard.log_file import Position

WRITE_EVERY_SECONDS = 1.0
# Three missed heartbeats: the guard was not there. A restart within less is hidden by Postfix' own retry.
GAP_SECONDS = 3.0


class AddressSourceStatus(msgspec.Struct, frozen=True):
    """One file of address data: what it is, where, and when its publisher made it (epoch seconds)."""

    kind: str
    path: str
    made_at: float


class GuardStatus(msgspec.Struct, frozen=True):
    """One second of the guard's life."""

    pid: int
    # Epoch seconds: when the process began, and this file's moment (the heartbeat).
    started_at: float
    at: float
    mode: str
    # Since the start.
    requests: int
    refused: int
    logins: int
    events: int
    routine: int
    alerts: int
    restrictions: int
    trips: int
    # Mailboxes with a profile, and mailboxes in each status but active.
    profiles: int
    standing: dict[str, int]
    connections: dict[str, int]
    turned_away: int
    malformed: int
    log_lines: int
    # Address data: networks in all files and when the oldest was made; 0: none, indicators of place are off.
    address_networks: int
    address_data_at: float
    state_written_at: float
    saved_at: float
    spool_dropped: int
    # The first byte of the mail log whose events are not in the spool yet.
    mail_log: Position
    address_sources: tuple[AddressSourceStatus, ...] = ()
    # What an operator must look at, in plain sentences.
    alarms: tuple[str, ...] = ()


def write_status(path: Path, status: GuardStatus) -> None:
    """Replaces the file; raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(msgspec.json.encode(status))
    temporary.replace(path)


def read_status(path: Path) -> GuardStatus | None:
    """The last status written, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=GuardStatus)
    except (OSError, msgspec.MsgspecError):
        return None
