"""What a new password's usual slips look like to Dovecot, kept in memory for half an hour and nowhere else.

One piece of anonymous memory that the panel's processes share: made before gunicorn forks them, so that whichever
answers the page knows what another was told. It has a fixed size, no file behind it, and ends with the panel. Of a
password it holds 12 bits of a keyed hash for each slip (wire.dovecot_policy.password_hash): whoever reads all of it
rules out 4,095 of 4,096 guesses and no more, and cannot log in with it. That is why it may be here, and why it is not
in a table: there it would outlive its use in every backup.

No lock: each slot carries a checksum, and one that was torn by two writers says nothing. Panels on several machines do
not share it; one that does not know a slip calls the password wrong, which it is.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Iterator, Mapping

# Half a thousand people recover their mailboxes within the same half hour only after a disaster; a megabyte holds twice
# as many, and the soonest to end makes room.
SLOTS = 1024
SLOT_BYTES = 1024
# How far from its own place an entry is looked for.
PROBES = 8
_CHECK = 16
_HEAD = struct.Struct("<16sdH")
_ENTRY = struct.Struct("<BHB")
MOST_ENTRIES = (SLOT_BYTES - _CHECK - _HEAD.size) // _ENTRY.size

# Numbers in the memory; both lists may only grow at the end while a panel runs.
FORMS = ("own", "alias", "local_part")
MEANINGS = ("right", "blank_before", "blank_behind", "blank_around", "wide", "caps", "first_capital")

# (form of the name, pwhash) -> what it means.
Known = Mapping[tuple[str, str], str]


class SlipsMemory:
    """A table of fixed size in memory that child processes share."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * SLOT_BYTES)

    def remember(self, mailbox: str, known: Known, until: float, now: float) -> None:
        """Keeps what hashes mean for a mailbox until then (epoch seconds); what was known before is replaced."""
        key = _key(mailbox)
        places = list(self._places(key))
        heads = {place: self._head(place) for place in places}
        same = [place for place in places if heads[place] and heads[place][0] == key]  # type: ignore[index]
        chosen = same[0] if same else min(places, key=lambda place: self._ends(heads[place], now))
        entries = [
            _ENTRY.pack(FORMS.index(form), int(pwhash, 16), MEANINGS.index(meaning))
            for (form, pwhash), meaning in list(known.items())[:MOST_ENTRIES]
        ]
        body = (_HEAD.pack(key, until, len(entries)) + b"".join(entries)).ljust(SLOT_BYTES - _CHECK, b"\0")
        self._memory[chosen : chosen + SLOT_BYTES] = _checksum(body) + body

    def known(self, mailbox: str, now: float) -> dict[tuple[str, str], str]:
        """What is known of a mailbox's hashes now; nothing once its time is over, and it is wiped then."""
        key = _key(mailbox)
        for place in self._places(key):
            head = self._head(place)
            if head is None or head[0] != key:
                continue
            if head[1] <= now:
                self._memory[place : place + SLOT_BYTES] = bytes(SLOT_BYTES)
                continue
            begin = place + _CHECK + _HEAD.size
            packed = self._memory[begin : begin + head[2] * _ENTRY.size]
            return {
                (FORMS[form], f"{pwhash:04x}"): MEANINGS[meaning]
                for form, pwhash, meaning in _ENTRY.iter_unpack(packed)
            }
        return {}

    def forget(self, mailbox: str) -> None:
        """Wipes what is known of a mailbox."""
        self.remember(mailbox, {}, 0.0, 0.0)

    def wipe_ended(self, now: float) -> None:
        """Wipes every entry whose time is over."""
        for place in range(0, self._slots * SLOT_BYTES, SLOT_BYTES):
            head = self._head(place)
            if head is not None and head[1] <= now:
                self._memory[place : place + SLOT_BYTES] = bytes(SLOT_BYTES)

    def _places(self, key: bytes) -> Iterator[int]:
        first = int.from_bytes(key[:8], "little")
        return ((first + step) % self._slots * SLOT_BYTES for step in range(PROBES))

    def _head(self, place: int) -> tuple[bytes, float, int] | None:
        slot = self._memory[place : place + SLOT_BYTES]
        body = slot[_CHECK:]
        if slot[:_CHECK] != _checksum(body):
            return None
        key, until, count = _HEAD.unpack_from(body)
        return key, until, count

    @staticmethod
    def _ends(head: tuple[bytes, float, int] | None, now: float) -> float:
        return 0.0 if head is None or head[1] <= now else head[1]


def _key(mailbox: str) -> bytes:
    return hashlib.blake2b(mailbox.encode(), digest_size=16).digest()


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK, person=b"sekisho slips").digest()


# The one of this panel. sekisho.web.server imports it before its processes are forked.
MEMORY = SlipsMemory()
