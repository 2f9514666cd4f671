"""The two parts of a profile as plain values, and their bytes.

Habits are rows `key -> last day x 256 + number of distinct days (at most 255)`: one integer per row, and enough to say
"seen on three days" and "not seen for half a year". Days count from 1970 (UTC).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from sekisho.detection.limits import (
    DECAY,
    FAMILIAR_DAYS,
    FORGET_DAYS,
    GROWTH,
    GROWTH_STEP,
    MAX_CLIENT_CHARACTERS,
    MAX_CLIENTS,
)
from sekisho.detection.places import OpenSource, days_seen
from sekisho.detection.reading import Reading
from sekisho.detection.recipients import FreshRecipients, KnownRecipients, ListSample, marks_from_bytes, marks_to_bytes
from sekisho.detection.traffic import Traffic

VERSION = 1
# Own bounces are remembered for about a month (0.97 a day): lists get cleaned, and dirty again.
RESULTS_DECAY = 0.97
_Key = TypeVar("_Key", int, str)


class ProfileError(ValueError):
    """Bytes that are no profile of this version."""


class Habits(msgspec.Struct, array_like=True):
    """What is usual."""

    # Days with an authenticated event that taught something.
    days: int = 0
    networks: dict[int, int] = {}
    asns: dict[int, int] = {}
    countries: dict[str, int] = {}
    protocols: dict[str, int] = {}
    recipients: KnownRecipients = msgspec.field(default_factory=KnownRecipients)
    # Decayed own maxima: new recipients an hour and a day, messages an hour, new networks a day.
    most_new_hour: float = 0.0
    most_new_day: float = 0.0
    most_messages: float = 0.0
    most_networks: float = 0.0
    # Decayed delivery results of mail sent from familiar places.
    sent: float = 0.0
    bounced: float = 0.0
    # Megabytes its own programs fetched on the busiest day, decayed.
    most_read: float = 0.0
    # Networks ever learnt per owner (autonomous system): whether its addresses change under this mailbox.
    owner_networks: dict[int, int] = {}
    # A sample of the last list written to (days of at least LIST_DAY recipients).
    listed: ListSample = msgspec.field(default_factory=ListSample)
    # Mail programs by their own word, by days seen at familiar sources.
    clients: dict[str, int] = {}

    def home_countries(self) -> list[str]:
        """The countries this mailbox is at home in."""
        return sorted(c for c, row in self.countries.items() if days_seen(row) >= FAMILIAR_DAYS)


class Evidence(msgspec.Struct, array_like=True):
    """What is open in this generation."""

    day: int = 0
    # Sources and protocols of the running day, learnt at its end: network -> (asn, country).
    today: dict[int, tuple[int, str]] = {}
    protocols: dict[str, int] = {}
    open: dict[int, OpenSource] = {}
    # New recipients of the running day, so that each counts once.
    fresh: FreshRecipients = msgspec.field(default_factory=FreshRecipients)
    # Traffic from familiar and from unfamiliar sources: an owner's stale newsletter is not a stranger's fault.
    own: Traffic = msgspec.field(default_factory=Traffic)
    strange: Traffic = msgspec.field(default_factory=Traffic)
    # Networks never seen before, today and yesterday (D2).
    networks: int = 0
    networks_before: int = 0
    # Planted rules (D9): when, how much each weighs, where to.
    forward_at: float = 0.0
    forward_weight: float = 0.0
    forward_target: str = ""
    discard_at: float = 0.0
    discard_weight: float = 0.0
    # First use of a protocol, by an unfamiliar source (D5).
    protocol_at: float = 0.0
    protocol: str = ""
    # The highest score of the day: a bad day must not become a habit.
    peak: float = 0.0
    # Index into ACTIONS of the highest action recorded.
    announced: int = 0
    authenticated: bool = False
    # Whether the last sending came from an unfamiliar source: whose delivery results are
    # coming in; and what that source weighed.
    strange_sender: bool = False
    sender_weight: float = 0.0
    reading: Reading = msgspec.field(default_factory=Reading)
    # Complaints (D8): how many, and when the last one came.
    complaints: int = 0
    complained_at: float = 0.0
    # When a restriction of this generation was first seen here, and the refusals as spam of mail sent after it.
    restricted_at: float = 0.0
    refused_since: int = 0
    # Day of the last alert said; it is open for ALERT_DAYS.
    announced_day: int = 0
    # A sample of the running day's recipients, known ones included.
    sample: ListSample = msgspec.field(default_factory=ListSample)
    # The last day on which it sent something (0: none): a complaint is about mail, and comes within days.
    sent_day: int = 0
    # Mail programs of the running day at familiar sources.
    clients: dict[str, int] = {}


def note_client(evidence: Evidence, client: str) -> None:
    """Notes the name a mail program at a familiar source gives itself; learnt with the day."""
    if len(evidence.clients) < MAX_CLIENTS:
        evidence.clients[client[:MAX_CLIENT_CHARACTERS]] = evidence.day


def fade(habits: Habits, days: int) -> None:
    """Lets the figures of volume and results grow older by some days."""
    factor = DECAY**days
    habits.most_new_hour *= factor
    habits.most_new_day *= factor
    habits.most_messages *= factor
    habits.most_networks *= factor
    habits.most_read *= factor
    habits.sent *= RESULTS_DECAY**days
    habits.bounced *= RESULTS_DECAY**days


def grown(most: float, seen: float) -> float:
    """The own maximum after a day on which `seen` was the most: at least the former one, never more than GROWTH."""
    return max(most, min(float(seen), most * GROWTH + GROWTH_STEP))


def note_day(rows: dict[_Key, int], key: _Key, day: int, most: int) -> None:
    """Counts a day of use for a key, in a row of last day x 256 + days (at most 255)."""
    days = min(days_seen(rows.get(key, 0)) + 1, 255)
    rows[key] = day << 8 | days
    keep_best(rows, most, key)


def keep_best(rows: dict[_Key, int], most: int, newest: _Key | None = None) -> None:
    """Drops the row with the fewest days, the oldest of those, but never the newest key."""
    while len(rows) > most:
        others = (key for key in rows if key != newest)
        del rows[min(others, key=lambda key: (days_seen(rows[key]), rows[key]))]


def drop_unsettled(rows: dict[Any, int]) -> None:
    for key in [key for key, row in rows.items() if days_seen(row) < FAMILIAR_DAYS]:
        del rows[key]


def drop_old(rows: dict[Any, int], day: int) -> None:
    for key in [key for key, row in rows.items() if row >> 8 < day - FORGET_DAYS]:
        del rows[key]


class Stored(msgspec.Struct, array_like=True):
    version: int
    generation: int
    started_at: float
    habits: Habits
    evidence: Evidence


def _encode_marks(value: Any) -> Any:
    if isinstance(value, KnownRecipients):
        return [marks_to_bytes(value.recent), marks_to_bytes(value.older)]
    if isinstance(value, (FreshRecipients, ListSample)):
        return marks_to_bytes(value.marks)
    raise NotImplementedError(type(value))  # pragma: no cover


def _decode_marks(kind: type, value: Any) -> Any:
    if kind is KnownRecipients:
        recent, older = value
        return KnownRecipients(marks_from_bytes(recent), marks_from_bytes(older))
    return (ListSample if kind is ListSample else FreshRecipients)(marks_from_bytes(value))


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_marks)
_decoder = msgspec.msgpack.Decoder(Stored, dec_hook=_decode_marks)


def encode(stored: Stored) -> bytes:
    """The parts of a profile as msgpack."""
    return _encoder.encode(stored)


def decode(data: bytes) -> Stored:
    """The parts of a profile; raises ProfileError."""
    try:
        stored = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ProfileError(str(error)) from error
    if stored.version != VERSION:
        raise ProfileError(f"profile of version {stored.version}")
    return stored
