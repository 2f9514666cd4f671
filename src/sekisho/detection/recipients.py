"""Which recipients a mailbox has written to, in two bytes each.

A sorted array of 16-bit fingerprints answers "known?" wrongly for n/65536 of strangers: 1 % at its bound of 640,
at 2 bytes an entry where a Bloom filter of that quality takes 1.2 but its full size from the first entry on. When the
recent half is full it becomes the older half; who is written to again moves on. Addresses themselves are not kept.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

from sekisho.detection.limits import MAX_FRESH_RECIPIENTS, MAX_LISTED, MAX_RECENT_RECIPIENTS


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
    """New recipients of the running day, so that each counts once; at most 200, further ones count every time.

    Those with the lowest fingerprints are kept: a fair sample of a long list. Kept by order of arrival, a newsletter's
    first readers would be learnt and forgotten in turns, and the same list would look new every few issues.
    """

    __slots__ = ("marks",)

    def __init__(self, marks: array[int] | None = None) -> None:
        self.marks: array[int] = array("H") if marks is None else marks

    def add(self, mark: int) -> bool:
        """True the first time a fingerprint comes today."""
        place = bisect_left(self.marks, mark)
        if place < len(self.marks) and self.marks[place] == mark:
            return False
        if place < MAX_FRESH_RECIPIENTS:
            self.marks.insert(place, mark)
            del self.marks[MAX_FRESH_RECIPIENTS:]
        return True


class ListSample:
    """The lowest fingerprints of a list's recipients: a fair sample, whatever the order (bottom-k, "KMV" sketch).

    It answers "was this list written to before?" for lists far longer than what can be remembered: of recipients whose
    fingerprint lies in its range, nearly all are in it when the list is the same.
    """

    __slots__ = ("marks",)

    def __init__(self, marks: array[int] | None = None) -> None:
        self.marks: array[int] = array("H") if marks is None else marks

    def __contains__(self, mark: int) -> bool:
        return holds(self.marks, mark)

    def covers(self, mark: int) -> bool:
        """Whether a fingerprint would be in a full sample of its list; an empty one covers nothing."""
        marks = self.marks
        return bool(marks) and (len(marks) < MAX_LISTED or mark <= marks[-1])

    def add(self, mark: int) -> None:
        """Takes one recipient in."""
        marks = self.marks
        if len(marks) >= MAX_LISTED and mark >= marks[-1]:
            return
        place = bisect_left(marks, mark)
        if place == len(marks) or marks[place] != mark:
            marks.insert(place, mark)
            del marks[MAX_LISTED:]


class KnownRecipients:
    """The recipients of past days: a recent and an older half, together at most 640."""

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
