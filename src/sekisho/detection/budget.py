"""How many new recipients a restricted mailbox, or one on probation, may write to.

Known recipients always pass: an owner under suspicion goes on answering his customers. A message to a new recipient
counts once, however often Postfix asks about it, and asking again in vain costs nothing. The guard keeps one Budget
per mailbox that needs one; losing it in a restart gives back one period's budget and no more.
"""

from __future__ import annotations

import zlib
from collections import deque

from sekisho.detection.limits import MAX_BUDGET, PROBATION_RECIPIENTS_A_DAY

HOUR = 3600.0
DAY = 86_400.0


class Budget:
    """New recipients within a sliding hour (restricted) or day (probation). At most `limit` entries are kept."""

    __slots__ = ("_keys", "_passed", "limit", "period")

    def __init__(self, limit: int, period: float) -> None:
        self.limit = min(max(limit, 0), MAX_BUDGET)
        self.period = period
        self._passed: deque[tuple[float, int]] = deque()
        self._keys: set[int] = set()

    @classmethod
    def restricted(cls, limit: int) -> Budget:
        """`limit` new recipients an hour; 0 lets nothing pass, not even to known recipients."""
        return cls(limit, HOUR)

    @classmethod
    def probation(cls, limit: int | None = None) -> Budget:
        """The fixed number of new recipients a day."""
        return cls(PROBATION_RECIPIENTS_A_DAY if limit is None else limit, DAY)

    def allows(self, recipient: str, known: bool, instance: str, now: float) -> bool:
        """True: let it pass (counted once per message and recipient). False: defer it with 450 4.7.1."""
        if self.limit == 0:
            return False
        if known:
            return True
        passed, keys = self._passed, self._keys
        while passed and passed[0][0] <= now - self.period:
            keys.discard(passed.popleft()[1])
        # 32 bits of 20 to 1000 keys: one chance in four million that a new recipient passes uncounted.
        key = zlib.crc32(f"{instance}\0{recipient}".encode())
        if key in keys:
            return True
        if len(passed) >= self.limit:
            return False
        passed.append((now, key))
        keys.add(key)
        return True

    def remaining(self, now: float) -> int:
        """How many new recipients may still be written to now."""
        return self.limit - sum(1 for at, _ in self._passed if at > now - self.period)
