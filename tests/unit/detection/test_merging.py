"""Merging what two hosts learnt of one mailbox: a join, never a sum, never beyond the bounds."""

from __future__ import annotations

from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detection.stream import DAY, HOUR, MAILBOX, START, World, abroad, home
from sekisho.detection import MailboxProfile
from sekisho.detection.habits import Evidence, Habits
from sekisho.detection.limits import (
    FAMILIAR_DAYS,
    MAX_ASNS,
    MAX_COUNTRIES,
    MAX_FRESH_RECIPIENTS,
    MAX_NETWORKS,
    MAX_OPEN_SOURCES,
    MAX_PROTOCOLS,
    MAX_RECENT_RECIPIENTS,
    MAX_TODAY_SOURCES,
)
from sekisho.detection.merging import merge
from sekisho.detection.places import OpenSource, days_seen, network_key
from sekisho.detection.reading import Reading
from sekisho.detection.recipients import FreshRecipients, KnownRecipients, fingerprint
from sekisho.detection.traffic import Traffic

# Each example is two or three profiles of some kilobytes: to shrink a failing one would take minutes.
PROPERTY = settings(deadline=None, max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
TODAY = int(START // DAY)
moments = st.sampled_from([START - DAY, START - HOUR, START - 60.0, START])
counts = st.integers(0, 400)
amounts = st.sampled_from([0.0, 1.0, 2.5, 40.0])
rows = st.builds(lambda day, days: day << 8 | days, st.integers(TODAY - 40, TODAY - 1), st.integers(1, 255))
keys, codes = st.integers(0, 40), st.sampled_from(["JP", "KR", "NG", "RU", "DE", "FR", "US", "VN", "BR", "IT"])
protocols = st.dictionaries(st.sampled_from(["smtp", "imap", "pop3", "sieve"]), st.integers(TODAY - 9, TODAY))


def marks(most: int) -> st.SearchStrategy[array[int]]:
    few = st.sets(st.integers(0, 60), max_size=20)
    # Full halves are made from one number, or an example would take seconds.
    full = st.integers(0, 3).map(lambda start: set(range(start * 200, start * 200 + most)))
    return st.one_of(few, full).map(lambda found: array("H", sorted(found)))


def traffic(day: int) -> st.SearchStrategy[Traffic]:
    def build(hour: int, numbers: list[int], first_at: float) -> Traffic:
        found = Traffic(day * 24 + hour, day, *numbers)
        found.first_at = first_at
        return found

    used = st.builds(build, st.integers(0, 23), st.lists(counts, min_size=14, max_size=14), moments)
    return st.one_of(st.builds(Traffic), used)


sources = st.builds(OpenSource, moments, moments, amounts, codes, keys, st.booleans(), counts, counts, counts)


def habits(bounded: bool) -> st.SearchStrategy[Habits]:
    """`bounded`: so few rows that no merge of three reaches a bound."""
    few = MAX_COUNTRIES // 3 if bounded else 99
    recipients = (
        st.just(KnownRecipients())
        if bounded
        else st.builds(KnownRecipients, marks(MAX_RECENT_RECIPIENTS), marks(MAX_RECENT_RECIPIENTS))
    )
    return st.builds(
        Habits,
        st.integers(0, 300),
        st.dictionaries(keys, rows, max_size=min(few, MAX_NETWORKS)),
        st.dictionaries(keys, rows, max_size=min(few, MAX_ASNS)),
        st.dictionaries(codes, rows, max_size=min(few, MAX_COUNTRIES)),
        protocols,
        recipients,
        *[amounts] * 7,
    )


@st.composite
def profiles(
    draw: Any, generations: tuple[int, ...] = (0, 1), days: tuple[int, ...] = (TODAY,), few: bool = False
) -> Any:
    profile = MailboxProfile(draw(st.sampled_from(generations)))
    profile.started_at = draw(moments)
    profile.habits = draw(habits(few))
    day = draw(st.sampled_from(days))
    profile.evidence = Evidence(
        day,
        draw(st.dictionaries(keys, st.tuples(keys, codes), max_size=4 if few else MAX_TODAY_SOURCES)),
        draw(protocols),
        draw(st.dictionaries(keys, sources, max_size=3 if few else MAX_OPEN_SOURCES)),
        FreshRecipients(draw(marks(20 if few else MAX_FRESH_RECIPIENTS))),
        draw(traffic(day)),
        draw(traffic(day)),
        draw(counts),
        draw(counts),
        draw(moments),
        draw(amounts),
        draw(st.sampled_from(["", "a@x.test", "b@x.test"])),
        peak=draw(amounts),
        announced=draw(st.integers(0, 3)),
        authenticated=draw(st.booleans()),
        strange_sender=draw(st.booleans()),
        protocol_at=draw(moments),
        protocol=draw(st.sampled_from(["", "pop3", "sieve"])),
        reading=Reading(day, draw(amounts), draw(amounts), draw(amounts), draw(moments)),
        complaints=draw(counts),
        restricted_at=draw(st.sampled_from([0.0, START - 60.0, START])),
    )
    return profile


ANY_DAY = (0, TODAY - 2, TODAY - 1, TODAY)


@PROPERTY
@given(profiles(days=ANY_DAY), profiles(days=ANY_DAY))
def test_it_does_not_matter_which_side_comes_first(one: MailboxProfile, other: MailboxProfile) -> None:
    assert merge(one, other).to_bytes() == merge(other, one).to_bytes()


@PROPERTY
@given(profiles(days=ANY_DAY), profiles(days=ANY_DAY))
def test_merging_the_same_again_changes_nothing(one: MailboxProfile, other: MailboxProfile) -> None:
    before = one.to_bytes(), other.to_bytes()
    merged = merge(one, other)
    assert (one.to_bytes(), other.to_bytes()) == before
    assert merge(merged, other).to_bytes() == merged.to_bytes()
    assert merge(merged, one).to_bytes() == merged.to_bytes()
    assert merge(merged, merged).to_bytes() == merged.to_bytes()


@PROPERTY
@given(*[profiles(generations=(3,), few=True)] * 3)
def test_below_the_bounds_the_grouping_does_not_matter(a: MailboxProfile, b: MailboxProfile, c: MailboxProfile) -> None:
    assert merge(merge(a, b), c).to_bytes() == merge(a, merge(b, c)).to_bytes()


@PROPERTY
@given(profiles(days=ANY_DAY), profiles(days=ANY_DAY))
def test_it_keeps_every_bound(one: MailboxProfile, other: MailboxProfile) -> None:
    merged = merge(one, other)
    assert len(merged.to_bytes()) <= 4096
    found, evidence = merged.habits, merged.evidence
    assert len(found.networks) <= MAX_NETWORKS and len(found.asns) <= MAX_ASNS
    assert len(found.countries) <= MAX_COUNTRIES and len(found.protocols) <= MAX_PROTOCOLS
    assert max(len(found.recipients.recent), len(found.recipients.older)) <= MAX_RECENT_RECIPIENTS
    assert len(evidence.open) <= MAX_OPEN_SOURCES and len(evidence.fresh.marks) <= MAX_FRESH_RECIPIENTS


def full(number: int) -> MailboxProfile:
    """A profile with every table at its bound and nothing in common with another number's."""
    profile, here = MailboxProfile(), range(100 * number, 100 * number + 99)
    row = TODAY - 1 << 8 | 200
    found, evidence = profile.habits, profile.evidence
    evidence.day = TODAY
    found.networks = {4_000_000_000 + key: row for key in here[:MAX_NETWORKS]}
    found.asns = {4_000_000_000 + key: row for key in here[:MAX_ASNS]}
    found.countries = {f"{chr(65 + number)}{chr(65 + key)}": row for key in range(MAX_COUNTRIES)}
    found.protocols = {f"protocol{key}": TODAY for key in here[:MAX_PROTOCOLS]}
    halves = [range(start, start + MAX_RECENT_RECIPIENTS) for start in (number * 2000, number * 2000 + 1000)]
    found.recipients = KnownRecipients(*(array("H", half) for half in halves))
    evidence.today = {4_000_000_000 + key: (4_000_000_000, "JP") for key in here[:MAX_TODAY_SOURCES]}
    evidence.protocols = dict(found.protocols)
    evidence.open = {
        4_000_000_000 + key: OpenSource(
            START, START, 1.0, f"{chr(65 + number)}{chr(65 + key % 26)}", key, True, 400, 7, 5
        )
        for key in here[:MAX_OPEN_SOURCES]
    }
    evidence.fresh = FreshRecipients(array("H", range(number * 2000, number * 2000 + MAX_FRESH_RECIPIENTS)))
    evidence.forward_target, evidence.forward_at = "x" * 80, START
    return profile


def test_two_full_profiles_make_one_that_is_no_larger() -> None:
    one, other = full(1), full(2)
    merged = merge(one, other)
    assert 3000 < len(merged.to_bytes()) <= 4096
    found, evidence = merged.habits, merged.evidence
    sizes = [len(table) for table in (found.networks, found.asns, found.countries, found.protocols, evidence.open)]
    assert sizes == [MAX_NETWORKS, MAX_ASNS, MAX_COUNTRIES, MAX_PROTOCOLS, MAX_OPEN_SOURCES]
    assert (len(evidence.today), len(evidence.protocols)) == (MAX_TODAY_SOURCES, MAX_PROTOCOLS)
    assert len(found.recipients.recent) == len(found.recipients.older) == MAX_RECENT_RECIPIENTS
    assert len(evidence.fresh.marks) == MAX_FRESH_RECIPIENTS
    assert merge(other, one).to_bytes() == merged.to_bytes() == merge(merged, one).to_bytes()


@PROPERTY
@given(profiles(generations=(0,)), profiles(generations=(0,)))
def test_no_place_has_more_days_than_on_the_host_that_knows_it_best(one: MailboxProfile, other: MailboxProfile) -> None:
    for key, row in merge(one, other).habits.networks.items():
        known = [profile.habits.networks.get(key, 0) for profile in (one, other)]
        assert days_seen(row) == max(map(days_seen, known))
        assert row >> 8 == max(last >> 8 for last in known)


@PROPERTY
@given(profiles(), profiles())
def test_the_stricter_evidence_stays(one: MailboxProfile, other: MailboxProfile) -> None:
    merged = merge(one, other)
    for side in (one, other):
        if side.generation == merged.generation:
            assert merged.evidence.peak >= side.evidence.peak
            assert merged.evidence.announced >= side.evidence.announced
            assert merged.evidence.complaints >= side.evidence.complaints
            assert merged.evidence.forward_weight >= side.evidence.forward_weight
            weights = [source.weight for source in side.evidence.open.values()]
            assert max((s.weight for s in merged.evidence.open.values()), default=0.0) >= max(weights, default=0.0)


def test_two_hosts_together_know_both_homes_and_all_recipients() -> None:
    here, there = World().live(20), World()
    for day in range(20):
        there.now = START + day * DAY
        there.login(home(network=9, owner=9))
        there.recipient(home(network=9, owner=9), f"there{day}@far.test")
    merged = merge(here.profile, there.profile)
    for _, place in (home(), home(network=9, owner=9)):
        assert days_seen(merged.habits.networks[network_key(place.network)]) >= FAMILIAR_DAYS
    assert fingerprint("there3@far.test") in merged.habits.recipients
    assert merged.knows("customer1@elsewhere.test")


def test_what_the_hijacker_did_before_the_recovery_does_not_come_back_from_another_host() -> None:
    recovered, late = World().live(20), World().live(20)
    late.login(abroad(3))
    late.script(abroad(3), "forward", "thief@outside.test")
    recovered.profile.start_generation(1, recovered.now)
    merged = merge(recovered.profile, late.profile)
    assert (merged.generation, merged.evidence.forward_at, merged.evidence.open) == (1, 0.0, {})
    # Of the same generation both count.
    assert merge(World().live(20).profile, late.profile).evidence.forward_target == "thief@outside.test"


def test_older_habits_fade_to_the_day_of_the_newer_ones() -> None:
    old, new = MailboxProfile(), MailboxProfile()
    old.evidence.day, new.evidence.day = TODAY - 10, TODAY
    old.habits.most_new_day, new.habits.most_new_day = 100.0, 20.0
    assert merge(old, new).habits.most_new_day == pytest.approx(100.0 * 0.93**10)
    assert merge(old, new).evidence.day == TODAY


def test_an_unused_profile_adds_nothing() -> None:
    world = World().live(20)
    merged = merge(world.profile, MailboxProfile())
    assert merged.habits.networks == world.profile.habits.networks
    assert merged.habits.days == world.profile.habits.days


def test_every_field_of_a_profile_has_its_rule() -> None:
    """A field that is appended later must be a number or get a rule; otherwise a merge would fail on a live host."""
    merged = merge(MailboxProfile(), MailboxProfile())
    assert merged.to_bytes() == MailboxProfile().to_bytes()
    filled = World(mailbox=MAILBOX).live(5).profile
    again = msgspec.to_builtins(merge(filled, filled).evidence.own)
    assert again == msgspec.to_builtins(filled.evidence.own)
