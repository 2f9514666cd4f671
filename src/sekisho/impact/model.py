"""The impact report as values: what is known of a takeover, and what is not.

A number is a `Figure` whose name selects the evidence behind it (`impact.evidence.rows`): a reader can always ask which
rows it was counted from. What nobody saw is never a zero: it is a `Gap`, a `Limit`, or None. Times are epoch seconds
(UTC), countries ISO 3166-1 codes, addresses as SMTP carried them. People's correspondents are under the secrecy of
communications (通信の秘密, 電気通信事業法 4条): `impact.masking` decides what a reader may see of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

# Whom a recipient was to the mailbox: another customer of this provider, somebody it had written to before the first
# sign of the takeover, nobody it knew.
Relation = Literal["own", "partner", "stranger"]
# What became of one recipient's copy. "refused_as_spam": a 5.7.x enhanced status code (RFC 3463, 3.8) or words that say
# so; "refused": any other permanent refusal; "held": kept in our queue; "escaped": left although it was being put on
# hold; "waiting": still on its way; "unknown": no result was seen.
Outcome = Literal["delivered", "refused_as_spam", "refused", "held", "escaped", "waiting", "deleted", "unknown"]
# What the evidence cannot tell, by a word that the texts explain: no message was fetched in the sessions we saw
# ("nothing_fetched"), the server told no reads at all ("reads_not_told"), reads before the events were switched on
# ("reads_since"), the webmail reads for its user ("webmail_reads"), results after this time were not seen
# ("results_until"), rows older than the retention are gone ("older_removed").
LimitName = Literal[
    "nothing_fetched", "reads_not_told", "reads_since", "webmail_reads", "results_until", "older_removed"
]


class Figure(msgspec.Struct, frozen=True):
    """A number and the name of the evidence it was counted from; `at_least`: more may have happened unseen."""

    name: str
    value: int
    at_least: bool = False


class Source(msgspec.Struct, frozen=True):
    """Where the third party came from: one client address, as counted in the incident's decisions."""

    ip: str
    country: str
    asn: int
    network_owner: str
    protocols: tuple[str, ...]
    devices: tuple[str, ...]
    first_at: float
    last_at: float
    logins: Figure
    # Names of the indicators that made it the third party's ("new_country" …), the strongest first.
    why: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """How and when he came in. `first_at` is the first sign that is in the record; None: the record has none."""

    first_at: float | None
    detected_at: float
    contained_at: float | None
    recovered_at: float | None
    sources: tuple[Source, ...]
    # Wrong passwords from his sources before the first login that succeeded.
    guesses: Figure


class DomainCount(msgspec.Struct, frozen=True):
    """How many recipients at one domain, and how many of those copies were delivered."""

    domain: str
    recipients: Figure
    delivered: Figure


class Sent(msgspec.Struct, frozen=True):
    """What was sent with the mailbox' login from the third party's sources.

    The relations add up to less than the recipients where nobody has named some of them yet (outcome "unknown").
    """

    messages: Figure
    recipients: Figure
    relations: dict[Relation, Figure]
    outcomes: dict[Outcome, Figure]
    # The domains with the most recipients first.
    domains: tuple[DomainCount, ...]
    first_at: float | None = None
    last_at: float | None = None


class Folder(msgspec.Struct, frozen=True):
    """A folder that he opened, and how many messages were fetched from it (bodies)."""

    name: str
    opened: Figure
    fetched: Figure


class Search(msgspec.Struct, frozen=True):
    """A search as the server was asked it: its words tell what he was after."""

    folder: str
    words: str
    at: float
    evidence: str


class Read(msgspec.Struct, frozen=True):
    """What he read. All zero and no "reads_not_told" means: no message was fetched in the sessions that were seen."""

    sessions: Figure
    folders: tuple[Folder, ...]
    fetched: Figure
    octets: Figure
    searches: tuple[Search, ...]
    # Messages he deleted or moved away, and those he put in (a copy in Sent, a draft).
    deleted: Figure
    stored: Figure


class Change(msgspec.Struct, frozen=True):
    """One thing he changed: kind "forward", "script", "vacation", "fetchmail", "app_password", "password", "alias" …"""

    kind: str
    what: str
    at: float | None
    # "off": switched off by us, "kept": a person kept it, "deleted", "on": still there.
    state: str
    evidence: str


class Leak(msgspec.Struct, frozen=True):
    """Mail that left through a forward or redirect he planted."""

    target: str
    messages: Figure
    first_at: float
    last_at: float


class Touched(msgspec.Struct, frozen=True):
    """Another mailbox that was tried or used from the same sources."""

    mailbox: str
    domain: str
    logins: Figure
    failures: Figure


class Gap(msgspec.Struct, frozen=True):
    """A time in which something was not seen; `part`: "guard" (nothing was judged) or "events" (reads not told)."""

    part: Literal["guard", "events"]
    since: float
    until: float


class Limit(msgspec.Struct, frozen=True):
    """What the evidence cannot tell; `at` where a time belongs to it."""

    name: LimitName
    at: float | None = None


class ImpactReport(msgspec.Struct, frozen=True):
    """All that is known of one incident's effects at `made_at`. `impact.report.build` makes it."""

    incident: int
    mailbox: str
    domain: str
    made_at: float
    phase: str
    entry: Entry
    sent: Sent
    read: Read
    changed: tuple[Change, ...]
    leaked: tuple[Leak, ...]
    # Entries of the webmail's address book; None: there is none, or it is not known.
    address_book: Figure | None
    touched: tuple[Touched, ...]
    # Senders of other services' mail that makes this mailbox their recovery address; None: switched off.
    services: tuple[str, ...] | None
    gaps: tuple[Gap, ...]
    limits: tuple[Limit, ...]


class EvidenceRow(msgspec.Struct, frozen=True):
    """One fact behind a figure. `kind` and `key` find its row again ("sign_in 17"); `facts` are its data by name.

    A figure is the number of its rows, where a row with a fact `count` stands for so many (a row of logins sums up an
    hour). Figures of what was read are counted out of other facts: impact.reading says which.
    """

    figure: str
    kind: str
    key: str
    at: float
    facts: dict[str, str | int | float | bool | None]
