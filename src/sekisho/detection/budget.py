"""How many new recipients a restricted mailbox or one on probation may write to."""

from __future__ import annotations


class Budget:
    """New recipients within a sliding hour (restricted) or day (probation)."""

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period

    @classmethod
    def restricted(cls, limit: int) -> Budget:
        """`limit` new recipients an hour; 0 lets nothing pass, not even to known recipients."""
        raise NotImplementedError

    @classmethod
    def probation(cls, limit: int | None = None) -> Budget:
        """The fixed number of new recipients a day."""
        raise NotImplementedError

    def allows(self, recipient: str, known: bool, instance: str, now: float) -> bool:
        """True: let it pass (counted once per message and recipient). False: defer it with 450 4.7.1."""
        raise NotImplementedError
