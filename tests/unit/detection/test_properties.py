"""What holds whatever happens to a mailbox: its state stays small, and nobody is accused without a reason."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.stream import COUNTRIES, DAY, START, World, abroad, grown_up, home
from sekisho.detection import (
    AccountChange,
    Complaint,
    Delivery,
    Event,
    HostTables,
    Login,
    MailboxProfile,
    Place,
    Recipient,
    ScriptChange,
    SessionEnded,
    Submission,
    assess,
    observe,
)
from sekisho.detection import host as host_module

PROTOCOLS = ["imap", "pop3", "smtp", "submission", "sieve", "managesieve", "webmail", "lmtp", "x" * 64, "y" * 64]
PROFILE_BYTES = 4096


def hostile(random: Random, number: int, mailbox: str = "hanako@shop.example") -> Iterator[tuple[float, Event]]:
    """Events that fill every table as fast as they can, over days; some with times that stand still or go back."""
    now = START
    pace = random.choice((0.0, 1.0, 60.0, 3600.0, DAY))
    for _ in range(number):
        now += random.choice((pace, pace, -1.0, 0.0))
        network = random.randrange(1 << 24)
        ip = f"{network >> 16}.{network >> 8 & 255}.{network & 255}.9"
        place = Place(random.choice((*COUNTRIES, "")), random.randrange(1 << 32), "O" * 50, f"{ip}/24")
        to = f"{random.randrange(10**9)}@{'d' * random.randrange(1, 200)}.test"
        yield now, random.choice(_acts(random, now, mailbox, ip, place, to))


def _acts(random: Random, now: float, mailbox: str, ip: str, place: Place, to: str) -> list[Event]:
    big = random.choice((0, 1, 10**15))
    return [
        Login(now, mailbox, ip, place, random.choice(PROTOCOLS), True),
        Login(now, f"{random.randrange(10**6)}@other.example", ip, place, "imap", False),
        Recipient(now, mailbox, ip, place, to),
        Recipient(now, mailbox, ip, place, to),
        Submission(now, mailbox, ip, place, "Q" * 20, 1, big),
        Delivery(now, mailbox, to, "bounced", random.choice(("5.1.1", "5.7.1")), ip, place, now),
        ScriptChange(now, mailbox, ip, place, random.choice(("forward", "discard")), "é" * 300),
        SessionEnded(now, mailbox, ip, place, random.choice(PROTOCOLS), big, big),
        Complaint(now, mailbox, "s" * 300),
        AccountChange(now, mailbox, "created"),
    ]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_a_profile_stays_within_four_kilobytes_whatever_happens(seed: int) -> None:
    profile, host = MailboxProfile(), grown_up()
    for n, (now, event) in enumerate(hostile(Random(seed), 2000)):
        observe(profile, host, event, now)
        assess(profile, host, event, now)
        if n % 100 == 0:
            packed = profile.to_bytes()
            assert len(packed) <= PROFILE_BYTES
            assert MailboxProfile.from_bytes(packed).to_bytes() == packed


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_the_host_s_tables_stay_within_their_bounds_whatever_happens(seed: int) -> None:
    random = Random(seed)
    bounds = {"MAX_GUESSERS": 20, "MAX_STRANGERS": 20, "MAX_DOMAINS": 10}
    with pytest.MonkeyPatch.context() as patch:
        for name, most in bounds.items():
            patch.setattr(host_module, name, most)
        host = HostTables()
        for n in range(40):
            mailbox, profile = f"m@d{n}.example", MailboxProfile()
            for now, event in hostile(random, 60, mailbox):
                observe(profile, host, event, now)
                assert len(host._guessers) <= bounds["MAX_GUESSERS"]
                assert len(host._strangers) <= bounds["MAX_STRANGERS"]
                assert len(host._domains) <= bounds["MAX_DOMAINS"]
        assert max(len(marks) for _, marks in host._guessers.values()) <= host_module.MAX_GUESSED
        assert max(len(marks) for _, marks in host._strangers.values()) <= host_module.MAX_STRANGER_DOMAINS
        # Some 300 bytes a row, as host.py says; domains hold more, but only places that became familiar.
        assert len(host.to_bytes()) < 50 * 300 + 10 * 1500


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_there_is_no_score_before_somebody_has_logged_in(seed: int) -> None:
    # With a month of habits, so that every place but one is a stranger's; a person has just judged what was open.
    world = World().live()
    profile, host = world.profile, world.host
    profile.start_generation(1, START)
    for now, event in hostile(Random(seed), 200):
        authenticated = isinstance(event, Recipient | Submission | ScriptChange | SessionEnded)
        if not authenticated and not (isinstance(event, Login) and event.success):
            observe(profile, host, event, now)
            assert assess(profile, host, event, now).score == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_new_generation_begins_without_a_score(seed: int) -> None:
    profile, host = MailboxProfile(), grown_up()
    now = START
    for now, event in hostile(Random(seed), 300):
        observe(profile, host, event, now)
    profile.start_generation(1, now)
    ip, place = abroad(3)
    for n in range(50):
        late = Delivery(now + n, "hanako@shop.example", f"u{n}@t.test", "bounced", "5.7.1", ip, place, now - 60)
        observe(profile, host, late, now + n)
        assert assess(profile, host, late, now + n).score == 0.0


def test_a_late_result_of_judged_mail_raises_no_alert() -> None:
    world = World().live()
    world.login(abroad(1), "smtp")
    world.recipient(abroad(1), "a@b.test")
    submitted_at = world.now
    world.now += 3600
    world.profile.start_generation(1, world.now)
    world.decisions.clear()
    world.login(home())
    ip, place = abroad(1)
    world.happen(Delivery(world.now + 60, world.mailbox, "a@b.test", "bounced", "5.1.1", ip, place, submitted_at))
    assert world.actions == []


def test_failed_logins_without_an_address_accuse_nobody() -> None:
    world = World().live()
    for n in range(4):
        failed = Login(world.now, f"other{n}@far.example", "", Place(), "webmail", False)
        observe(None, world.host, failed, world.now)
    assert world.login(("", Place()), "webmail").score <= 0.0
