"""Profiles: what is learnt and when, what is forgotten, and that they stay small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.stream import COUNTRIES, DAY, HOUR, MAILBOX, START, World, abroad, home, strangers
from sekisho.detection import Limits, Login, MailboxProfile, Place, ProfileError, observe
from sekisho.detection.habits import VERSION
from sekisho.detection.limits import GROWTH, GROWTH_STEP
from sekisho.detection.places import days_seen, network_key


def test_a_profile_survives_its_bytes() -> None:
    world = World().live(10)
    world.login(abroad(3), "pop3")
    world.script(abroad(3), "forward", "x@outside.test")
    again = MailboxProfile.from_bytes(world.profile.to_bytes())
    assert again.to_bytes() == world.profile.to_bytes()
    assert again.open_weight(world.now) == world.profile.open_weight(world.now)
    assert again.knows("customer1@elsewhere.test") and not again.knows("nobody@elsewhere.test")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_profile(data: bytes) -> None:
    with pytest.raises(ProfileError):
        MailboxProfile.from_bytes(data)


def test_another_version_is_no_profile() -> None:
    data = MailboxProfile().to_bytes()
    assert data[1] == VERSION
    with pytest.raises(ProfileError, match="version 9"):
        MailboxProfile.from_bytes(data[:1] + b"\x09" + data[2:])
    with pytest.raises(ProfileError):
        MailboxProfile.from_bytes(data[:-1])


def test_a_profile_stays_below_four_kilobytes_whatever_happens() -> None:
    """Every bound is filled: networks, owners, countries, protocols, open sources, recipients known and fresh."""
    world = World(mode="observe")
    # Nothing is ever too much here, so that every day is learnt.
    world.host.limits = Limits(1e9, 1e9, 1e9, 10**9, 10**9, 10**9)
    largest = 0
    for day in range(12):
        for number in range(40):
            ip, place = abroad(number % 32, network=number + day)
            place = Place(place.country, 4_000_000_000 + number + 40 * day, "Owner", place.network)
            world.login((ip, place), f"protocol{number}")
        world.script(abroad(1), "forward", "x" * 200 + "@outside.test")
        world.script(abroad(1), "discard")
        for number in range(700):
            world.recipient(abroad(number % 32), f"r{day}x{number}@x.test")
        world.submit(abroad(2))
        largest = max(largest, len(world.profile.to_bytes()))
        world.now += DAY
    assert 3000 < largest < 4096


def test_an_ordinary_profile_stays_below_one_kilobyte() -> None:
    assert len(World().live(60).profile.to_bytes()) < 1024


def test_a_place_is_familiar_after_three_days() -> None:
    world = World()
    familiar = []
    for _ in range(5):
        familiar.append(world.login(home()).source_familiar)
        world.now += DAY
    assert familiar == [False, False, False, True, True]


def test_many_logins_on_one_day_are_one_day() -> None:
    world = World()
    for _ in range(50):
        world.login(home())
        world.now += 60
    world.now += DAY
    world.login(home())
    assert days_seen(world.profile.habits.networks[network_key(home()[1].network)]) == 1


def test_a_bad_day_becomes_no_habit() -> None:
    world = World().live()
    days = world.profile.habits.days
    most = world.profile.habits.most_new_hour
    for _ in range(5):
        world.send(abroad(5), strangers(60), 3)
        world.status = "active"
        world.now += DAY
    world.login(home())
    habits = world.profile.habits
    assert habits.days == days + 1
    assert "CI" not in habits.countries
    assert habits.most_new_hour < most + 1
    assert not world.profile.knows("stranger3@target3.test")


def test_an_intruder_just_before_midnight_is_no_habit_after_it() -> None:
    world = World().live()
    world.now = (world.now // DAY + 1) * DAY - 300
    world.login(abroad(5))
    world.now += 600
    assert world.login(abroad(5)).score == pytest.approx(3.9)


def test_a_traveller_settles_in() -> None:
    world = World().live()
    world.now = world.now // DAY * DAY + 2 * HOUR
    scores = []
    for _ in range(5):
        scores.append(world.login(abroad(5)).score)
        world.now += DAY
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(3.9)
    assert scores[1] == pytest.approx(2.6, abs=0.1)
    assert scores[4] < 0


def test_the_domain_learns_what_became_familiar_to_a_mailbox() -> None:
    world = World().live(3)
    domain = world.host.domain("shop.example")
    assert not domain.countries
    world.login(home())
    assert list(domain.countries) == ["JP"]
    assert domain.days == 4


def test_own_maxima_fade_and_old_places_are_forgotten() -> None:
    world = World().live()
    usual = world.profile.habits.most_new_hour
    world.send(home(), strangers(20, "reader"))
    world.now += DAY
    world.login(home(network=9, owner=2))
    learnt = world.profile.habits.most_new_hour
    # A habit grows by a step a day, however busy the day.
    assert learnt == pytest.approx(usual * 0.93 * GROWTH + GROWTH_STEP, abs=0.4)
    assert world.profile.knows("reader3@target3.test")
    world.now += 10 * DAY
    world.login(home(network=9, owner=2))
    assert world.profile.habits.most_new_hour == pytest.approx(learnt * 0.93**10)
    world.now += 181 * DAY
    world.login(home(network=9, owner=2))
    assert not world.profile.habits.networks.keys() & {network_key(home()[1].network)}


def test_many_networks_push_out_the_least_used() -> None:
    world = World()
    for day in range(50):
        world.login(home())
        world.login(home(network=100 + day))
        world.now += DAY
    networks = world.profile.habits.networks
    assert len(networks) == 24
    assert network_key(home()[1].network) in networks
    assert network_key(home(network=149)[1].network) not in networks or world.profile.evidence.today


def test_a_generation_never_falls_and_keeps_habits() -> None:
    world = World().live()
    world.login(abroad(5))
    world.profile.start_generation(3, world.now)
    assert world.profile.evidence.open == {}
    world.login(abroad(6))
    for older in (0, 2, 3):
        world.profile.start_generation(older, world.now)
    assert world.profile.generation == 3
    assert world.profile.evidence.open
    assert world.profile.started_at == world.now
    assert world.login(home()).source_familiar


def test_announcing_keeps_the_highest_action() -> None:
    profile = MailboxProfile()
    assert profile.announced() == ""
    profile.announce("restrict")
    profile.announce("alert")
    assert profile.announced() == "restrict"
    profile.start_generation(1, START)
    assert profile.announced() == ""


def test_a_new_network_of_a_familiar_owner_is_familiar_until_there_are_many() -> None:
    world = World().live()
    for day in range(10):
        # The telephone's carrier gives another network every day.
        world.login(home())
        world.login(home(network=90 + day, owner=2))
        world.now += DAY
    assert world.login(home(network=40, owner=2)).source_familiar
    for number in range(10):
        world.login(home(network=41 + number, owner=2))
    assert world.profile.wandering
    assert not world.login(home(network=60, owner=2)).source_familiar
    assert world.login(home()).source_familiar
    assert MailboxProfile.from_bytes(world.profile.to_bytes()).wandering
    world.now += DAY
    world.login(home())
    assert not world.profile.wandering


def test_new_networks_of_yesterday_count_for_a_day() -> None:
    world = World().live()
    for number in range(10):
        world.login(home(network=41 + number, owner=2))
    today = world.profile.new_networks(world.now)
    world.now = (world.now // DAY + 1) * DAY + 6 * HOUR
    world.login(home())
    assert world.profile.new_networks(world.now) == pytest.approx(0.75 * today)


def test_the_open_list_keeps_one_source_of_each_country() -> None:
    world = World(mode="observe").live()
    for number in range(8):
        world.login(abroad(0, network=number))
    for number in range(len(COUNTRIES)):
        world.login(abroad(number))
    sources = world.profile.evidence.open.values()
    assert len(sources) == 12
    assert len({source.country for source in sources}) == 12


def test_a_webmail_of_our_own_says_nothing_and_becomes_familiar() -> None:
    world = World()
    world.now -= 10 * DAY
    for _ in range(5):
        found = world.login(("127.0.0.1", Place()), "webmail")
        assert found.score == 0.0
        world.now += DAY
    assert found.source_familiar
    world.script(("127.0.0.1", Place()), "forward", "x@outside.test")
    assert world.profile.evidence.forward_weight == 0.0


def test_an_unknown_address_weighs_a_forward_half() -> None:
    world = World().live()
    world.script(("", Place()), "forward", "x@outside.test")
    assert world.profile.evidence.forward_weight == 0.5
    assert not world.decisions


def test_only_a_failed_login_needs_no_profile() -> None:
    world = World()
    observe(None, world.host, Login(0.0, "nobody@x.test", *home(), "imap", False), 0.0)
    with pytest.raises(ValueError, match="Login without a profile"):
        observe(None, world.host, Login(0.0, MAILBOX, *home(), "imap", True), 0.0)


# One object per place, as the guard's address table hands them out.
_HOME = home()
# What may happen between two requests: (seconds passed, what, from where, to whom).
_happenings = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 60.0, 1800.0, 4 * HOUR, DAY]),
        st.sampled_from(["recipient"] * 6 + ["submit", "login", "failure", "sent", "bounced", "script"]),
        st.sampled_from([_HOME, _HOME, _HOME, home(host=77, network=2, owner=2), home(network=9), abroad(3)]),
        st.integers(0, 44).map(lambda number: f"customer{number}@elsewhere.test"),
    ),
    max_size=40,
)


def _settled() -> World:
    """Eight days of habits, just read back from disk."""
    world = World(mode="observe").live(8)
    world.profile = MailboxProfile.from_bytes(world.profile.to_bytes())
    return world


@given(_happenings)
def test_a_routine_request_teaches_nothing_and_stays_below_every_threshold(
    happenings: list[tuple[float, str, tuple[str, Place], str]],
) -> None:
    world = _settled()
    for passed, what, source, customer in happenings:
        world.now += passed
        alert = world.host.limits.alert
        routine = what == "recipient" and world.profile.is_routine(source[1], customer, world.now, alert)
        before, learnt = world.profile.to_bytes(), MailboxProfile.from_bytes(world.profile.to_bytes())
        if what == "recipient":
            found = world.recipient(source, customer)
        elif what == "submit":
            found = world.submit(source)
        elif what in ("login", "failure"):
            found = world.login(source, "smtp", what == "login")
        elif what == "script":
            found = world.script(source, "forward", "x@outside.test")
        else:
            found = world.delivered(customer, what, "2.0.0" if what == "sent" else "5.1.1")
        if routine:
            assert found.score < alert
            # The day's highest score is all that judging may have raised.
            learnt.evidence.peak = world.profile.evidence.peak
            assert world.profile.to_bytes() == (learnt.to_bytes() if learnt.evidence.peak else before)


def test_the_owners_daily_mail_is_routine_and_everything_else_is_not() -> None:
    world = _settled()
    alert = world.host.limits.alert
    known, place = "customer2@elsewhere.test", _HOME[1]
    assert not world.profile.is_routine(place, known, world.now, alert)
    world.login(_HOME, "smtp")
    world.recipient(_HOME, "customer1@elsewhere.test")
    assert world.profile.is_routine(place, known, world.now, alert)
    assert not world.profile.is_routine(place, "stranger@target.test", world.now, alert)
    assert not world.profile.is_routine(abroad(3)[1], known, world.now, alert)
    assert not world.profile.is_routine(place, known, world.now + HOUR, alert)
    assert not world.profile.is_routine(place, known, world.now, alert=world.profile.evidence.peak)
    world.delivered(known, "bounced", "5.1.1")
    assert not world.profile.is_routine(place, known, world.now, alert)


def test_a_mail_program_is_learnt_at_familiar_sources_only() -> None:
    world, (ip, place), (stranger, there) = World().live(), home(), abroad(1)
    for day in range(5):
        world.now += DAY
        world.happen(Login(world.now, world.mailbox, ip, place, "imap", True, client="Thunderbird"))
        if day < 2:
            # Quiet days: what happens on them is learnt, but a place of two days is not familiar yet.
            world.happen(Login(world.now, world.mailbox, stranger, there, "imap", True, client="Intruder"))
    assert there.asn in world.profile.habits.asns
    assert world.profile.habits.clients.keys() == {"Thunderbird"}
