"""The fuse: a bad rule or a bad day must not suspend a whole host.

Blown, it lets detection go on, but a further trip becomes a restriction with the mail held, and a person is called.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

# At most max(10, 1 %) automatic suspensions in ten minutes. A real wave on one host takes a handful of
# mailboxes in ten minutes (published: 0.5 % of mailboxes a *month*); a bad rule takes hundreds.
FUSE_SECONDS = 600.0
FUSE_MINIMUM = 10
FUSE_SHARE = 0.01
# Domains whose counts are kept; beyond it the one that tripped longest ago is forgotten (the host's count stays).
FUSE_DOMAINS = 4096


class Fuse:
    """At most max(10, 1 % of the mailboxes) automatic suspensions per host and per domain in 10 minutes."""

    def __init__(self, mailboxes: int = 0, by_domain: Mapping[str, int] | None = None) -> None:
        self._mailboxes = mailboxes
        self._by_domain: Mapping[str, int] = by_domain or {}
        self._host: deque[float] = deque()
        self._domains: dict[str, deque[float]] = {}

    def set_sizes(self, mailboxes: int, by_domain: Mapping[str, int]) -> None:
        """How many mailboxes the host and each domain have (state file)."""
        self._mailboxes = mailboxes
        self._by_domain = by_domain

    def record(self, domain: str, now: float) -> None:
        """Counts one enforced automatic suspension; call it after the journal has it."""
        self._host.append(now)
        times = self._domains.pop(domain, None) or deque()
        times.append(now)
        self._domains[domain] = times
        if len(self._domains) > FUSE_DOMAINS:
            del self._domains[next(iter(self._domains))]

    def is_blown(self, domain: str, now: float) -> bool:
        """Whether a further suspension in this domain must become a restriction."""
        if _recent(self._host, now) >= most_within(self._mailboxes):
            return True
        times = self._domains.get(domain)
        return times is not None and _recent(times, now) >= most_within(self._by_domain.get(domain, 0))


def most_within(mailboxes: int) -> int:
    """How many automatic suspensions a host or domain of so many mailboxes may have within FUSE_SECONDS."""
    return max(FUSE_MINIMUM, int(mailboxes * FUSE_SHARE))


def _recent(times: deque[float], now: float) -> int:
    while times and times[0] <= now - FUSE_SECONDS:
        times.popleft()
    return len(times)
