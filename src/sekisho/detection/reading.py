"""How much was read from a mailbox, from its owner's places and from unfamiliar ones, in a handful of counters.

Idea: a hijacker who only reads takes the whole mailbox with him, message by message or all at once; the owner's own
programs fetch what is new. Dovecot's log-out line says how many octets and messages a session fetched.

Who is hurt by a false alarm: somebody who sets up a new telephone on a journey, which fetches everything once;
therefore reading is capped below an alert and needs an unfamiliar source besides. Who by a miss: the owner whose
hijacker reads five mails a day. Source: DETECTION's finding that volume is the best missing sign of a silent reader.
"""

from __future__ import annotations

from math import log

import msgspec

from sekisho.detection.limits import DAY

MEGABYTE = 1_000_000.0
# A message of unknown size counts as this much: 75 kB, an average mail with a little HTML (assumed).
MEGABYTES_A_MESSAGE = 0.075
# Room for a look into the inbox: 40 messages, the first screens of a webmail or telephone (assumed).
READ_FLOOR = 3.0
# 20 times the owner's busiest day gives 3.6; below an alert alone, with a new owner's network (2.2) above it.
READ_SLOPE, READ_MOST = 1.2, 3.0


class Reading(msgspec.Struct, array_like=True):
    """Megabytes fetched on the running and the previous (UTC) day; `now` never goes backwards."""

    day: int = 0
    strange: float = 0.0
    strange_before: float = 0.0
    own: float = 0.0
    # When an unfamiliar source first read in the window; 0.0: none did.
    first_at: float = 0.0

    def turn(self, now: float) -> None:
        """Moves the window on; call it before counting or reading."""
        day = int(now // DAY)
        if day <= self.day:
            return
        self.strange_before = self.strange if day == self.day + 1 else 0.0
        self.strange = self.own = 0.0
        self.day = day
        if not self.strange_before:
            self.first_at = 0.0

    def count(self, bytes_out: int, fetched: int, strange: bool, now: float) -> None:
        """Counts one ended session."""
        self.turn(now)
        read = max(bytes_out / MEGABYTE, fetched * MEGABYTES_A_MESSAGE)
        if not strange:
            self.own += read
            return
        self.strange += read
        if not self.first_at:
            self.first_at = now

    def by_strangers(self, now: float) -> float:
        """Megabytes that unfamiliar sources fetched within 24 hours."""
        return self.strange + self.strange_before * (1.0 - now % DAY / DAY) if self.strange_before else self.strange


def bulk_reading(megabytes: float, own_most: float) -> float:
    """Bulk reading by unfamiliar sources within a day, against the mailbox' own busiest day. 0 … 3."""
    if megabytes <= READ_FLOOR:
        return 0.0
    return min(max(READ_SLOPE * log(megabytes / (own_most + READ_FLOOR)), 0.0), READ_MOST)
