"""A setting of a mailbox as it was found, in plain values: the agent makes some without Django."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple


class FoundSetting(NamedTuple):
    """One setting as it stands. `identity` tells it from any other, also of the same kind and mailbox."""

    mailbox: str
    # forward, catch_all, vacation, fetchmail; script (from Dovecot)
    kind: str
    identity: tuple[str, ...]
    # For people; never a secret.
    what: dict[str, Any]

    @property
    def key(self) -> str:
        """A short form of the identity, 64 hexadecimal digits."""
        return hashlib.sha256("\0".join((self.kind, *self.identity)).encode()).hexdigest()
