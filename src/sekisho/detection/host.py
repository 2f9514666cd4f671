"""What a mail host knows across mailboxes: sources that guess passwords, and each domain's habits.

Both are bounded and age by themselves. A stranger can fill the first table with failed logins; all he gains is that
rows of other guessers are forgotten early. The second learns only from places that became familiar to a mailbox.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from sekisho.detection.limits import (
    DAY,
    DEFAULT_LIMITS,
    FORGET_DAYS,
    LEARNING_DAYS,
    Limits,
)

# Failing sources kept: 50,000 rows of some 300 bytes, 15 MB in the worst flood.
MAX_GUESSERS = 50_000
# Distinct mailboxes remembered per failing source; three others decide, eight make a telling sentence.
MAX_GUESSED = 8
# A row lives a day after its last failure.
GUESSER_SECONDS = DAY
# Unfamiliar sources kept for D4: 50,000 rows of some 250 bytes; domains told apart per source.
MAX_STRANGERS = 50_000
MAX_STRANGER_DOMAINS = 6
# Countries kept as visited: all of ISO 3166 have room; distinct mailboxes per country, two of which are enough.
MAX_VISITED, MAX_VISITORS, VISITORS = 300, 8, 2
# A journey is a matter of seasons: visits are forgotten after this many days.
VISIT_DAYS = 120
# Network owners kept as popular, the one confirmed longest ago is dropped; distinct mailboxes at home there, of which
# five are a habit of the host's people and not of one family.
MAX_POPULAR, MAX_RESIDENTS, RESIDENTS = 2_000, 8, 5
# Domains with habits; the one unused for longest is dropped.
MAX_DOMAINS = 20_000
MAX_DOMAIN_NETWORKS = 64
MAX_DOMAIN_ASNS = 32
MAX_DOMAIN_COUNTRIES = 16


_Key = TypeVar("_Key", int, str)


class HostTablesError(ValueError):
    """Bytes that are no host tables of this version."""


class DomainHabits(msgspec.Struct, array_like=True):
    """Places at which mailboxes of one domain are at home: key → last day (days since 1970)."""

    # Distinct days on which the domain's mailboxes were used.
    days: int = 0
    last_day: int = 0
    networks: dict[int, int] = {}
    asns: dict[int, int] = {}
    countries: dict[str, int] = {}

    def note_day(self, day: int) -> None:
        """Counts a day of use once."""
        if day > self.last_day:
            self.last_day = day
            self.days += 1

    def learn(self, network: int, asn: int, country: str, day: int) -> None:
        """Takes in a place that became familiar to one of the domain's mailboxes."""
        _keep_latest(self.networks, network, day, MAX_DOMAIN_NETWORKS)
        if asn:
            _keep_latest(self.asns, asn, day, MAX_DOMAIN_ASNS)
        if country:
            _keep_latest(self.countries, country, day, MAX_DOMAIN_COUNTRIES)


def _keep_latest(rows: dict[_Key, int], key: _Key, day: int, most: int) -> None:
    rows[key] = day
    if len(rows) > most:
        del rows[min(rows, key=rows.__getitem__)]


class HostTables:
    """Bounded tables shared by all mailboxes of one host, and the host's limits."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        # Source address -> (last failure, fingerprints of the mailboxes it failed at), least recently failed first.
        self._guessers: dict[str, tuple[float, tuple[int, ...]]] = {}
        self._domains: dict[str, DomainHabits] = {}
        # Distinct days on which this host saw an authenticated event.
        self.days = 0
        self._last_day = 0
        # Source address -> (last seen, fingerprints of the domains it was unfamiliar to), least recently seen first.
        self._strangers: dict[str, tuple[float, tuple[int, ...]]] = {}
        # Foreign country -> (last day, fingerprints of the mailboxes that stayed there), least recently visited first.
        self._visited: dict[str, tuple[int, tuple[int, ...]]] = {}
        # Network owner (AS number) -> (last day, fingerprints of mailboxes at home there), least recently told first.
        self._popular: dict[int, tuple[int, tuple[int, ...]]] = {}

    def note_day(self, day: int) -> None:
        """Counts a day of use of this host once."""
        if day > self._last_day:
            self._last_day = day
            self.days += 1

    @property
    def is_learning(self) -> bool:
        """Whether this host has seen too few days to know anybody's places."""
        return self.days < LEARNING_DAYS

    def note_failed_login(self, ip: str, mailbox: str, now: float) -> None:
        """Remembers that a source did not know a mailbox' password. Says nothing about the mailbox."""
        if not ip:
            return
        _, marks = self._guessers.pop(ip, (0.0, ()))
        mark = zlib.crc32(mailbox.encode("utf-8", "surrogateescape"))
        if mark not in marks:
            marks = (*marks[-MAX_GUESSED + 1 :], mark)
        self._guessers[ip] = (now, marks)
        self._forget_guessers(now)

    def forgive_failures(self, ip: str, mailbox: str) -> None:
        """Takes back that a source failed at a mailbox: its owner had mistyped there, and has got in since."""
        row = self._guessers.get(ip)
        if row is None:
            return
        mark = zlib.crc32(mailbox.encode("utf-8", "surrogateescape"))
        if mark in row[1]:
            # Where it stands in the table: only a failure makes a row younger.
            self._guessers[ip] = row[0], tuple(other for other in row[1] if other != mark)

    def _forget_guessers(self, now: float) -> None:
        """Drops what is old or too much; at most two rows a call, so that no event pays for all the others."""
        for _ in range(2):
            oldest = next(iter(self._guessers))
            if len(self._guessers) <= MAX_GUESSERS and self._guessers[oldest][0] > now - GUESSER_SECONDS:
                return
            del self._guessers[oldest]

    def guessed_others(self, ip: str, mailbox: str, now: float) -> int:
        """At how many *other* mailboxes this source failed within 24 hours (at most 8 are told apart)."""
        row = self._guessers.get(ip)
        if row is None or row[0] <= now - GUESSER_SECONDS:
            return 0
        return len(row[1]) - (zlib.crc32(mailbox.encode()) in row[1])

    def note_stranger(self, ip: str, domain: str, now: float) -> int:
        """Remembers that an authenticated source was unfamiliar to a domain's mailbox; to how many *other* domains'
        mailboxes it was within 24 hours (at most 5 are told apart)."""
        if not ip:
            return 0
        seen_at, marks = self._strangers.pop(ip, (0.0, ()))
        if seen_at <= now - GUESSER_SECONDS:
            marks = ()
        mark = zlib.crc32(domain.encode("utf-8", "surrogateescape"))
        if mark not in marks:
            marks = (*marks[-MAX_STRANGER_DOMAINS + 1 :], mark)
        self._strangers[ip] = (now, marks)
        for _ in range(2):
            oldest = next(iter(self._strangers))
            if len(self._strangers) <= MAX_STRANGERS and self._strangers[oldest][0] > now - GUESSER_SECONDS:
                break
            del self._strangers[oldest]
        return len(marks) - 1

    def note_visit(self, country: str, mailbox: str, day: int) -> None:
        """Remembers that a mailbox was used from a foreign country for half a day and more, and nothing came of it."""
        _, marks = self._visited.pop(country, (0, ()))
        mark = zlib.crc32(mailbox.encode("utf-8", "surrogateescape"))
        if mark not in marks:
            marks = (*marks[-MAX_VISITORS + 1 :], mark)
        self._visited[country] = (day, marks)
        if len(self._visited) > MAX_VISITED:
            del self._visited[next(iter(self._visited))]

    def is_visited(self, country: str, day: int) -> bool:
        """Whether this host's people go to a country: two mailboxes did lately."""
        last, marks = self._visited.get(country, (0, ()))
        return len(marks) >= VISITORS and last > day - VISIT_DAYS

    def note_resident(self, asn: int, mailbox: str, day: int) -> None:
        """Remembers that a network owner is familiar to a mailbox, by days of use without an incident."""
        _, marks = self._popular.pop(asn, (0, ()))
        mark = zlib.crc32(mailbox.encode("utf-8", "surrogateescape"))
        if mark not in marks:
            marks = (*marks[-MAX_RESIDENTS + 1 :], mark)
        self._popular[asn] = (day, marks)
        if len(self._popular) > MAX_POPULAR:
            del self._popular[next(iter(self._popular))]

    def is_popular(self, asn: int, day: int) -> bool:
        """Whether many of this host's mailboxes are at home with a network owner: five lately."""
        last, marks = self._popular.get(asn, (0, ()))
        return len(marks) >= RESIDENTS and last > day - VISIT_DAYS

    def domain(self, name: str) -> DomainHabits:
        """The habits of a domain; empty ones for a new domain."""
        habits = self._domains.get(name)
        if habits is None:
            habits = self._domains[name] = DomainHabits()
            if len(self._domains) > MAX_DOMAINS:
                others = (domain for domain in self._domains if domain != name)
                del self._domains[min(others, key=lambda domain: self._domains[domain].last_day)]
        return habits

    def forget_domain(self, name: str) -> None:
        """Forgets what is usual in a domain that has left."""
        self._domains.pop(name, None)

    def forget_old(self, day: int) -> None:
        """Drops domains unused for half a year; the guard calls it when it writes a snapshot."""
        for name in [n for n, habits in self._domains.items() if habits.last_day < day - FORGET_DAYS]:
            del self._domains[name]

    def to_bytes(self) -> bytes:
        """The tables as msgpack, for the guard's snapshot."""
        return msgspec.msgpack.encode(
            _Stored(
                1,
                self._guessers,
                self._domains,
                self._strangers,
                self.days,
                self._last_day,
                self._visited,
                self._popular,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, limits: Limits = DEFAULT_LIMITS) -> HostTables:
        """The tables from their bytes; raises HostTablesError."""
        try:
            stored = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise HostTablesError(str(error)) from error
        if stored.version != 1:
            raise HostTablesError(f"host tables of version {stored.version}")
        tables = cls(limits)
        tables._guessers = stored.guessers
        tables._domains = stored.domains
        tables._strangers = stored.strangers
        # Tables of before days were counted belong to a host that has learnt.
        tables.days = max(stored.days, max((habits.days for habits in stored.domains.values()), default=0))
        tables._last_day = stored.last_day
        tables._visited = stored.visited
        tables._popular = stored.popular
        return tables


class _Stored(msgspec.Struct, array_like=True):
    version: int
    guessers: dict[str, tuple[float, tuple[int, ...]]]
    domains: dict[str, DomainHabits]
    strangers: dict[str, tuple[float, tuple[int, ...]]] = {}
    days: int = 0
    last_day: int = 0
    visited: dict[str, tuple[int, tuple[int, ...]]] = {}
    popular: dict[int, tuple[int, tuple[int, ...]]] = {}


_decoder = msgspec.msgpack.Decoder(_Stored)
