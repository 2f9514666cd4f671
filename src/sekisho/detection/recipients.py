"""Which recipients a mailbox has written to, in two bytes each.

A sorted array of 16-bit fingerprints answers "known?" wrongly for n/65536 of strangers: 1.3 % at its bound of 840,
at 2 bytes an entry where a Bloom filter of that quality takes 1.2 but its full size from the first entry on. When the
recent half is full it becomes the older half; who is written to again moves on. Addresses themselves are not kept.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

from sekisho.detection.limits import MAX_FRESH_RECIPIENTS, MAX_RECENT_RECIPIENTS


def fingerprint(recipient: str) -> int:
    """16 bits of an address in lower case; the same in every process and on every host (CRC-32, upper half)."""
    return zlib.crc32(recipient.lower().encode()) >> 16


def holds(sorted_marks: array[int], mark: int) -> bool:
    """Whether a sorted array of fingerprints holds one."""
    place = bisect_left(sorted_marks, mark)
    return place < len(sorted_marks) and sorted_marks[place] == mark


def marks_to_bytes(marks: array[int]) -> bytes:
    """Little-endian bytes of an array of fingerprints."""
    if sys.byteorder == "big":  # pragma: no cover
        marks = array("H", marks)
        marks.byteswap()
    return marks.tobytes()


def marks_from_bytes(data: bytes) -> array[int]:
    """The array of fingerprints in little-endian bytes; raises ValueError for an odd length."""
    marks = array("H")
    marks.frombytes(data)
    if sys.byteorder == "big":  # pragma: no cover
        marks.byteswap()
    return marks


class FreshRecipients:
    """New recipients of the running day, so that each counts once; at most 250, further ones count every time."""

    __slots__ = ("marks",)

    def __init__(self, marks: array[int] | None = None) -> None:
        self.marks: array[int] = array("H") if marks is None else marks

    def add(self, mark: int) -> bool:
        """True the first time a fingerprint comes today."""
        place = bisect_left(self.marks, mark)
        if place < len(self.marks) and self.marks[place] == mark:
            return False
        if len(self.marks) < MAX_FRESH_RECIPIENTS:
            self.marks.insert(place, mark)
        return True


class KnownRecipients:
    """The recipients of past days: a recent and an older half, together at most 840."""

    __slots__ = ("older", "recent")

    def __init__(self, recent: array[int] | None = None, older: array[int] | None = None) -> None:
        self.recent: array[int] = array("H") if recent is None else recent
        self.older: array[int] = array("H") if older is None else older

    def __len__(self) -> int:
        return len(self.recent) + len(self.older)

    def __contains__(self, mark: int) -> bool:
        return holds(self.recent, mark) or holds(self.older, mark)

    def learn(self, marks: Iterable[int]) -> None:
        """Takes fingerprints in; those written to again become recent."""
        for mark in marks:
            if holds(self.recent, mark):
                continue
            if len(self.recent) >= MAX_RECENT_RECIPIENTS:
                self.older, self.recent = self.recent, array("H")
            insort(self.recent, mark)
