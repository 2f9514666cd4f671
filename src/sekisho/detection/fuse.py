"""The fuse: a bad rule or a bad day must not suspend a whole host."""

from __future__ import annotations

from collections.abc import Mapping


class Fuse:
    """At most max(10, 1 % of the mailboxes) automatic suspensions per host and per domain in 10 minutes."""

    def set_sizes(self, mailboxes: int, by_domain: Mapping[str, int]) -> None:
        """How many mailboxes the host and each domain have (state file)."""
        raise NotImplementedError

    def record(self, domain: str, now: float) -> None:
        """Counts one enforced automatic suspension; call it after the journal has it."""
        raise NotImplementedError

    def is_blown(self, domain: str, now: float) -> bool:
        """Whether a further suspension in this domain must become a restriction."""
        raise NotImplementedError
