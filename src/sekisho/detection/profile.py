"""What one mailbox usually does, and what is open against it now. Bounded: at most 4 KB as bytes."""

from __future__ import annotations


class ProfileError(ValueError):
    """Bytes that are no profile of this version."""


class MailboxProfile:
    """Habits (kept for months) and the open evidence of the current generation (kept for a day)."""

    generation: int

    def __init__(self, generation: int = 0) -> None:
        self.generation = generation

    def to_bytes(self) -> bytes:
        """The profile as msgpack, at most 4 KB; cold profiles may be kept in this form."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> MailboxProfile:
        """The profile from its bytes; raises ProfileError."""
        raise NotImplementedError

    def start_generation(self, generation: int, now: float, *, confirmed: bool = False) -> None:
        """Drops the open evidence; keeps habits. `confirmed`: a person said the open events were the owner's."""
        raise NotImplementedError

    def knows(self, recipient: str) -> bool:
        """Whether this mailbox wrote to the recipient before today (about 1 in 65 strangers is taken for known)."""
        raise NotImplementedError

    def announce(self, action: str) -> None:
        """Remembers that a decision of this generation was recorded, so that it is not repeated."""
        raise NotImplementedError
