"""One profile out of two of the same mailbox, learnt on two hosts.

Idea: a merge says what both hosts together know *at least*. Each part is joined by union, by the later day or by the
greater count, never by a sum: what one host told the other before must not count twice. So it does not matter which
side comes first, and merging the same profile again changes nothing; hosts may send each other snapshots as often as
they like, in any order. While no bound of a table is reached, the grouping does not matter either among profiles of
one generation and one day (decayed figures: up to rounding). At a bound the rows with the most days stay, as on one
host; then two groupings may keep different rows, never more than the bound.

What it costs: a place used on two days here and on one other day there has two days, not three. A row holds the number
of days and the last one, not which days they were, so the days of both cannot be told apart. The mailbox is judged a
little more strictly than the truth would allow. For the same reason bounces of two hosts are not added up.

Who is hurt by a false join: the owner, if a hijacker's place were taken for his. Therefore of two generations the
higher one's evidence counts alone, and what the lower one had not settled into a habit is dropped, as
`start_generation` does.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from sekisho.detection.habits import RESULTS_DECAY, Evidence, drop_unsettled
from sekisho.detection.limits import (
    DAY,
    DECAY,
    HOUR,
    MAX_ASNS,
    MAX_CLIENTS,
    MAX_COUNTRIES,
    MAX_FRESH_RECIPIENTS,
    MAX_LISTED,
    MAX_NETWORKS,
    MAX_OPEN_SOURCES,
    MAX_PROTOCOLS,
    MAX_RECENT_RECIPIENTS,
    MAX_TODAY_SOURCES,
)
from sekisho.detection.places import OpenSource, days_seen
from sekisho.detection.profile import MailboxProfile
from sekisho.detection.reading import Reading
from sekisho.detection.recipients import FreshRecipients, KnownRecipients, ListSample
from sekisho.detection.traffic import Traffic

_Struct = TypeVar("_Struct", bound=msgspec.Struct)
_Rules = dict[str, Callable[[Any, Any], Any]]
# Habits that fade by DECAY a day; `sent` and `bounced` by RESULTS_DECAY.
_FADING = ("most_new_hour", "most_new_day", "most_messages", "most_networks", "most_read")
_FADING_RESULTS = ("sent", "bounced")


def merge(one: MailboxProfile, other: MailboxProfile) -> MailboxProfile:
    """A new profile with what both know; neither is changed.

    Commutative and idempotent always; see the module for where it is associative. At most 4 KB, like each of them.
    """
    first, second = _copy(one), _copy(other)
    day = max(first.evidence.day, second.evidence.day)
    for profile in (first, second):
        _bring_to(profile, day)
    generation = max(first.generation, second.generation)
    for profile in (first, second):
        if profile.generation < generation:
            for rows in (profile.habits.networks, profile.habits.asns, profile.habits.countries):
                drop_unsettled(rows)
    current = [profile for profile in (first, second) if profile.generation == generation]
    merged = MailboxProfile(generation)
    # The generation began when the first host heard of it.
    merged.started_at = min(profile.started_at for profile in current)
    merged.habits = _join(first.habits, second.habits, _HABITS)
    merged.evidence = _join_evidence(current[0].evidence, current[-1].evidence)
    # Through its bytes, so that what a profile works out from its parts is worked out anew.
    return _copy(merged)


def _copy(profile: MailboxProfile) -> MailboxProfile:
    return MailboxProfile.from_bytes(profile.to_bytes())


def _bring_to(profile: MailboxProfile, day: int) -> None:
    """Lets a profile's figures grow as old as `day`, as the next event would, but learns nothing of its last day: that
    its day was quiet only its own host can know."""
    habits, evidence = profile.habits, profile.evidence
    for counters in (evidence.own, evidence.strange, evidence.reading):
        if counters.day:
            counters.turn(day * DAY)
    passed = day - evidence.day
    if not passed or not evidence.day:
        return
    for name in _FADING:
        setattr(habits, name, getattr(habits, name) * DECAY**passed)
    for name in _FADING_RESULTS:
        setattr(habits, name, getattr(habits, name) * RESULTS_DECAY**passed)
    evidence.networks_before = evidence.networks if passed == 1 else 0
    evidence.networks = 0
    evidence.today.clear()
    evidence.protocols.clear()
    evidence.fresh = FreshRecipients()
    evidence.sample = ListSample()
    evidence.peak = 0.0
    evidence.day = day


def _join(one: _Struct, other: _Struct, rules: _Rules) -> _Struct:
    """A struct whose every field is joined by its rule; without one by the greater number."""
    joined = {}
    for name in one.__struct_fields__:
        rule = rules.get(name, _greater)
        joined[name] = rule(getattr(one, name), getattr(other, name))
    return type(one)(**joined)


def _join_evidence(one: Evidence, other: Evidence) -> Evidence:
    joined = _join(one, other, _EVIDENCE)
    # A text belongs to its moment.
    for moment, text in (("forward_at", "forward_target"), ("protocol_at", "protocol")):
        pairs = [(getattr(evidence, moment), getattr(evidence, text)) for evidence in (one, other)]
        setattr(joined, text, max(pairs)[1])
    return joined


def _greater(one: Any, other: Any) -> Any:
    if not isinstance(one, (int, float)):
        # A field added to the profile needs its rule; the tests meet this line before anybody else does.
        raise TypeError(f"no rule joins {type(one).__name__}")
    return max(one, other)


def _earlier(one: float, other: float) -> float:
    """The earlier of two moments, where 0 stands for "not"."""
    return min(one, other) if one and other else one or other


def _rows(most: int) -> Callable[[dict[Any, int], dict[Any, int]], dict[Any, int]]:
    """Habit rows (last day x 256 + days): the later last day, the greater number of days."""

    def join(one: dict[Any, int], other: dict[Any, int]) -> dict[Any, int]:
        joined: dict[Any, int] = {}
        for key in one.keys() | other.keys():
            a, b = one.get(key, 0), other.get(key, 0)
            joined[key] = max(a >> 8, b >> 8) << 8 | max(days_seen(a), days_seen(b))
        best = sorted(joined, key=lambda key: (days_seen(joined[key]), joined[key], key), reverse=True)[:most]
        return {key: joined[key] for key in sorted(best)}

    return join


def _latest(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Protocols by their last day."""
    joined = {key: max(one.get(key, 0), other.get(key, 0)) for key in one.keys() | other.keys()}
    best = sorted(joined, key=lambda key: (joined[key], key), reverse=True)[:MAX_PROTOCOLS]
    return {key: joined[key] for key in sorted(best)}


def _marks(marks: Iterable[int]) -> array[int]:
    return array("H", sorted(marks))


def _known(one: KnownRecipients, other: KnownRecipients) -> KnownRecipients:
    """Both halves together; what the recent one cannot hold becomes older.

    Which of too many stay is decided by their fingerprints alone, which is to say by chance: a fingerprint has no date,
    and any choice that looks at who knew it would come out differently when the same is merged again.
    """
    recent = sorted(set(one.recent) | set(other.recent))
    older = sorted(set(one.older) | set(other.older) | set(recent[MAX_RECENT_RECIPIENTS:]))
    return KnownRecipients(_marks(recent[:MAX_RECENT_RECIPIENTS]), _marks(older[:MAX_RECENT_RECIPIENTS]))


def _fresh(one: FreshRecipients, other: FreshRecipients) -> FreshRecipients:
    return FreshRecipients(_marks(sorted(set(one.marks) | set(other.marks))[:MAX_FRESH_RECIPIENTS]))


def _sample(one: ListSample, other: ListSample) -> ListSample:
    return ListSample(_marks(sorted(set(one.marks) | set(other.marks))[:MAX_LISTED]))


def _counts(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    """Networks per owner; of too many, those of the lowest numbers, by chance."""
    joined = {key: max(one.get(key, 0), other.get(key, 0)) for key in one.keys() | other.keys()}
    return {key: joined[key] for key in sorted(joined)[:MAX_ASNS]}


def _today(one: dict[int, tuple[int, str]], other: dict[int, tuple[int, str]]) -> dict[int, tuple[int, str]]:
    joined = {key: max(one.get(key, (0, "")), other.get(key, (0, ""))) for key in one.keys() | other.keys()}
    return {key: joined[key] for key in sorted(joined)[:MAX_TODAY_SOURCES]}


def _open(one: dict[int, OpenSource], other: dict[int, OpenSource]) -> dict[int, OpenSource]:
    """Open sources; at the bound the heaviest of each foreign country stay first, for each country counts once."""
    joined = {}
    for key in one.keys() | other.keys():
        pair = [sources[key] for sources in (one, other) if key in sources]
        joined[key] = _join(pair[0], pair[-1], _SOURCE)
    heaviest = sorted(joined, key=lambda key: (-joined[key].weight, joined[key].first_at, key))
    leading: dict[str, int] = {}
    for key in heaviest:
        if joined[key].foreign:
            leading.setdefault(joined[key].country, key)
    first = set(leading.values())
    kept = sorted(heaviest, key=lambda key: key not in first)[:MAX_OPEN_SOURCES]
    return {key: joined[key] for key in sorted(kept, key=lambda key: (joined[key].first_at, key))}


def _traffic(one: Traffic, other: Traffic) -> Traffic:
    """Counters of the later clock hour; the other's move on first."""
    now = max(one.hour, other.hour) * HOUR
    for counters in (one, other):
        if counters.hour:
            counters.turn(now)
    return _join(one, other, _MOMENTS)


def _reading(one: Reading, other: Reading) -> Reading:
    return _join(one, other, _MOMENTS)


def _text(one: str, other: str) -> str:
    return max(one, other)


_MOMENTS: _Rules = {"first_at": _earlier}
_SOURCE: _Rules = {"first_at": _earlier, "country": _text}
_HABITS: _Rules = {
    "networks": _rows(MAX_NETWORKS),
    "asns": _rows(MAX_ASNS),
    "countries": _rows(MAX_COUNTRIES),
    "protocols": _latest,
    "recipients": _known,
    "owner_networks": _counts,
    "listed": _sample,
    "clients": _rows(MAX_CLIENTS),
}
_EVIDENCE: _Rules = {
    "today": _today,
    "protocols": _latest,
    "clients": _latest,
    "open": _open,
    "fresh": _fresh,
    "sample": _sample,
    "own": _traffic,
    "strange": _traffic,
    "reading": _reading,
    "forward_target": _text,
    "protocol": _text,
    "restricted_at": _earlier,
}
