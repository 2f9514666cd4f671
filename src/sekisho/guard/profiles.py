"""The profiles in memory, each kept packed until its mailbox is first seen after a start.

Packed profiles make the start quick and keep Python's garbage collector from walking tens of thousands of tables that
nobody asks for. Only authenticated events make profiles, so there are never more than mailboxes (P3).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sekisho.detection.profile import MailboxProfile

log = logging.getLogger("sekisho.guard")


class Profiles:
    """`of(mailbox)` gives the profile to learn into; `changed` names those touched since the last snapshot."""

    def __init__(self, packed: dict[str, bytes]) -> None:
        self._packed = packed
        self._profiles: dict[str, MailboxProfile] = {}
        self.changed: set[str] = set()

    def of(self, mailbox: str) -> MailboxProfile:
        """The mailbox's profile, a new one if it has none; it counts as changed from now on."""
        self.changed.add(mailbox)
        profile = self._profiles.get(mailbox)
        if profile is None:
            profile = self._profiles[mailbox] = self._unpack(mailbox)
        return profile

    def known(self, mailbox: str) -> MailboxProfile | None:
        """The profile if the mailbox has one, for reading only."""
        if mailbox in self._packed:
            self._profiles[mailbox] = self._unpack(mailbox)
        return self._profiles.get(mailbox)

    def _unpack(self, mailbox: str) -> MailboxProfile:
        data = self._packed.pop(mailbox, b"")
        if data:
            try:
                return MailboxProfile.from_bytes(data)
            except Exception:
                # Compatibility: a profile of another version is forgotten, not fatal; the caps of new mailboxes apply.
                log.exception("the profile of %s cannot be read, it starts anew", mailbox)
        return MailboxProfile()

    def __len__(self) -> int:
        return len(self._packed) + len(self._profiles)

    def take_changed(self) -> Iterator[tuple[str, bytes]]:
        """Packs each changed profile as it is asked for, so that the caller can pause between two."""
        while self.changed:
            mailbox = self.changed.pop()
            profile = self._profiles.get(mailbox)
            if profile is not None:
                yield mailbox, profile.to_bytes()
