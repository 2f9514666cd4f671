"""A set of UIDs in few numbers: programs fetch runs of messages, and a run is two numbers, however long."""

from __future__ import annotations

from bisect import bisect_right


class UidSet:
    """UIDs as disjoint runs in order, at most `most` of them."""

    __slots__ = ("_ends", "_most", "_starts")

    def __init__(self, most: int) -> None:
        self._most = most
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, uid: int) -> bool:
        """Takes a UID; False when it is a new one and there is no room for another run."""
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, uid) - 1
        if at >= 0 and uid <= ends[at]:
            return True
        after = at >= 0 and ends[at] == uid - 1
        before = at + 1 < len(starts) and starts[at + 1] == uid + 1
        if after and before:
            ends[at] = ends.pop(at + 1)
            del starts[at + 1]
        elif after:
            ends[at] = uid
        elif before:
            starts[at + 1] = uid
        elif len(starts) >= self._most:
            return False
        else:
            starts.insert(at + 1, uid)
            ends.insert(at + 1, uid)
        return True

    def __str__(self) -> str:
        """As IMAP writes a set: "1:3,7"; "" for none."""
        runs = zip(self._starts, self._ends, strict=True)
        return ",".join(str(start) if start == end else f"{start}:{end}" for start, end in runs)
