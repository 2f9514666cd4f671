"""What a mail host knows across mailboxes: sources that guess passwords, and each domain's habits."""

from __future__ import annotations

from sekisho.detection.limits import DEFAULT_LIMITS, Limits


class HostTables:
    """Bounded tables shared by all mailboxes of one host."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits

    def to_bytes(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits = DEFAULT_LIMITS) -> HostTables:
        raise NotImplementedError
