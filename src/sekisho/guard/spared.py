"""Whose wrong passwords are a locked-out owner's: familiar networks of mailboxes that cannot log in as they used to.

A suspended mailbox's phone goes on trying the old password for days, and Dovecot and Postfix log each try as a failed
login. A program that bans addresses by such lines (fail2ban) would shut out the owner's whole office, with colleagues
whose mailboxes are sound. So the guard names these networks in one small file, and `sekisho fail2ban-ignore` answers
from it: no process of ours is asked, and a stale file spares a network a little too long, nothing worse.

What is spared: networks the mailbox was seen in on FAMILIAR_DAYS days. A hijacker's network is not among them; days
with an open incident teach nothing.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from sekisho.detection import AddressTable
from sekisho.detection.limits import FAMILIAR_DAYS
from sekisho.detection.places import days_seen, network_key
from sekisho.guard.profiles import Profiles
from sekisho.guard.standing import Standing

log = logging.getLogger("sekisho.guard")

# After recovery the old password is still in a forgotten tablet: probation counts as well.
SPARED_STATUSES = frozenset({"suspended", "probation"})
# Mailboxes looked at, which the answers wait for: 2,000 took 56 ms while their profiles were packed (measured), so
# these are some 14 ms, once. The fuse lets 10 or 1 % trip in ten minutes; so many at a time belong to no ordinary host.
MOST_MAILBOXES = 500


class Spared(msgspec.Struct, frozen=True):
    """The file: network keys (CRC-32 of /24 or /48) of the owners, and when it was written (epoch seconds)."""

    written_at: float
    networks: frozenset[int]


class SparedFile:
    """Keeps `<var>/guard/spared.json`; `refresh` writes it when the set of mailboxes has changed."""

    def __init__(self, path: Path, standing: Standing, profiles: Profiles) -> None:
        self._path, self._standing, self._profiles = path, standing, profiles
        self._written_for: frozenset[str] | None = None

    def due(self) -> frozenset[str] | None:
        """The mailboxes to write for, or None when the file is as it should be."""
        mailboxes = self._standing.mailboxes(SPARED_STATUSES)
        return None if mailboxes == self._written_for else mailboxes

    def gather(self, mailboxes: frozenset[str]) -> frozenset[int]:
        """The familiar networks of so many mailboxes, those first in the alphabet if there are too many."""
        found: set[int] = set()
        for mailbox in sorted(mailboxes)[:MOST_MAILBOXES]:
            profile = self._profiles.known(mailbox)
            if profile is not None:
                rows = profile.habits.networks.items()
                found.update(key for key, row in rows if days_seen(row) >= FAMILIAR_DAYS)
        return frozenset(found)

    def refresh(self, now: float) -> None:
        """Brings the file up to date; a disk that refuses is logged once for each change, and tried again."""
        mailboxes = self.due()
        if mailboxes is None:
            return
        try:
            write_spared(self._path, Spared(now, self.gather(mailboxes)))
        except OSError as error:
            log.error("the list of spared networks cannot be written: %s", error)
            return
        self._written_for = mailboxes


def write_spared(path: Path, spared: Spared) -> None:
    """Replaces the file, readable by everybody on the host: keys tell no address. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(msgspec.json.encode(spared))
    os.chmod(temporary, 0o644)
    temporary.replace(path)


def is_spared(path: Path, ip: str) -> bool:
    """Whether an address belongs to a spared network; no file, a broken one and no address spare nobody."""
    try:
        spared = msgspec.json.decode(path.read_bytes(), type=Spared)
    except (OSError, msgspec.MsgspecError):
        return False
    key = network_key(AddressTable().place(ip).network)
    return key != 0 and key in spared.networks
