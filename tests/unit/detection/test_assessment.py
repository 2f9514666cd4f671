"""Stories over the pure engine: what a takeover, its confusers and a flood come to, and after how many recipients."""

from __future__ import annotations

import pytest

from detection.stream import DAY, HOUR, MAILBOX, World, abroad, grown_up, home, strangers
from sekisho.detection import Delivery, HostTables, Limits, Login, MailboxProfile, Place, Submission, assess, observe
from sekisho.detection.assessment import open_sources


@pytest.fixture(scope="module")
def lived() -> bytes:
    world = World().live()
    assert not world.decisions
    return world.profile.to_bytes() + b"|||" + world.host.to_bytes()


@pytest.fixture
def world(lived: bytes) -> World:
    """A mailbox with thirty quiet days at home."""
    profile, host = lived.split(b"|||")
    return World(profile=MailboxProfile.from_bytes(profile), host=HostTables.from_bytes(host))


def names(world: World) -> list[str]:
    return [indicator.name for indicator in world.decisions[-1].indicators]


def botnet(world: World, countries: int = 30, each: int = 1) -> None:
    """Every half minute another country logs in and sends a few mails."""
    for number in range(countries):
        world.send(abroad(number), strangers(each, f"bot{number}x"))
        world.now += 30
        if world.status == "suspended":
            return


# -- takeovers --------------------------------------------------------------------------------------------------------


def test_a_blast_from_one_foreign_address_is_suspended_after_few_recipients(world: World) -> None:
    began = world.now
    world.send(abroad(5), strangers(2000), bounce_every=3, gap=0.3)
    assert world.actions == ["alert", "restrict", "suspend"]
    assert world.out <= 20
    assert world.decisions[-1].first_risk_at == began
    assert set(names(world)) >= {"new_country", "bounces"}


def test_a_blast_to_a_clean_list_is_suspended_within_thirty_recipients(world: World) -> None:
    world.send(abroad(5), strangers(2000), gap=0.3)
    assert world.status == "suspended"
    assert world.out <= 30
    assert "new_recipients" in names(world)


def test_a_botnet_is_suspended_by_its_fourth_country(world: World) -> None:
    botnet(world)
    assert world.actions == ["alert", "restrict", "suspend"]
    assert world.out == 3
    assert names(world)[0] == "many_countries"


def test_a_botnet_of_home_addresses_is_suspended_within_eighty_recipients(world: World) -> None:
    for number in range(60):
        world.send(home(network=50 + number, owner=5 + number % 3), strangers(3, f"h{number}x"), gap=5)
        if world.status == "suspended":
            break
        world.now += 60
    assert world.status == "suspended"
    assert world.out <= 80
    assert "many_networks" in names(world)


def test_the_same_provider_as_the_owners_does_not_hide_a_botnet(world: World) -> None:
    for number in range(60):
        world.send(home(network=50 + number, owner=2), strangers(3, f"h{number}x"), bounce_every=4, gap=5)
        if world.status == "suspended":
            break
        world.now += 60
    assert world.status == "suspended"
    assert world.out <= 100


def test_logins_of_a_botnet_alone_never_suspend(world: World) -> None:
    for number in range(30):
        world.login(abroad(number), "smtp")
    assert world.actions == ["alert", "restrict"]
    assert world.peak > 9


def test_an_intruder_who_reads_and_plants_a_forward_is_restricted_not_suspended(world: World) -> None:
    world.login(abroad(18))
    assert world.actions == []
    world.now += 60
    world.script(abroad(18), "forward", "drop@outside.test")
    world.script(abroad(18), "discard")
    for _ in range(50):
        world.now += 10
        world.login(abroad(18))
    assert world.actions == ["restrict"]
    assert world.status == "restricted"
    assert {"forward_rule", "new_country"} <= set(names(world))
    assert "drop@outside.test" in world.decisions[-1].indicators[0].evidence_ja


def test_an_intruder_who_goes_on_to_send_to_strangers_is_suspended(world: World) -> None:
    world.login(abroad(18))
    world.script(abroad(18), "forward", "drop@outside.test")
    world.send(abroad(18), strangers(10))
    assert world.status == "suspended"
    assert world.out == 9


def test_a_source_that_guessed_others_passwords_raises_the_score(world: World) -> None:
    source = home(network=99, owner=9)
    for number in range(5):
        observe(None, world.host, Login(world.now, f"m{number}@other.example", *source, "imap", False), world.now)
    world.login(source)
    assert world.last and "password_guesser" in [found.name for found in world.last.indicators]
    assert world.actions == ["alert"]


def test_a_drip_under_the_hourly_limits_is_caught_within_the_day(world: World) -> None:
    source = home(network=99, owner=9)
    for hour in range(20):
        world.send(source, strangers(8, f"drip{hour}x"), bounce_every=4, gap=400)
        if world.status == "suspended":
            break
    assert world.status == "suspended"
    assert world.out <= 60


# -- confusers --------------------------------------------------------------------------------------------------------


def test_two_thousand_wrong_passwords_from_a_hundred_addresses_mean_nothing(world: World) -> None:
    for number in range(2000):
        world.now += 0.1
        world.login(abroad(number % 25, network=number % 4), success=False)
        if number % 100 == 0:
            assert world.login(home()).score < 0
    assert world.login(home()).indicators == ()
    assert not world.decisions


def test_a_flood_and_a_blast_trip_only_the_mailbox_that_sent(world: World) -> None:
    victim = World(host=world.host, mailbox="taro@shop.example", profile=World().live().profile, now=world.now)
    for number in range(2000):
        victim.login(abroad(number % 25), success=False)
    world.send(abroad(1), strangers(200), 3)
    assert world.status == "suspended"
    assert victim.status == "active" and not victim.decisions


def test_a_first_newsletter_from_home_is_at_most_restricted(world: World) -> None:
    world.send(home(), strangers(40, "reader"), gap=1)
    assert world.status == "active"
    world.send(home(), strangers(60, "customer"), gap=1)
    assert world.status == "restricted"
    assert not world.decisions[-1].hold


def test_a_first_newsletter_with_a_stale_list_is_restricted_never_suspended(world: World) -> None:
    world.send(home(), strangers(800, "reader"), bounce_every=4, gap=1)
    assert world.status == "restricted"
    assert not world.decisions[-1].hold
    assert world.peak > 9


def test_a_traveller_who_writes_to_his_customers_is_asked_and_nothing_else(world: World) -> None:
    for day in range(5):
        world.login(abroad(24))
        world.send(
            abroad(24), [f"customer{day * 3 + n}@elsewhere.test" for n in range(6)] + [f"host{day}@x.test"], gap=60
        )
        world.now += DAY
    assert set(world.actions) <= {"alert"}
    assert world.status == "active"


def test_a_delivery_counts_for_the_place_its_message_came_from(world: World) -> None:
    world.login(home())
    world.recipient(abroad(24), "customer1@elsewhere.test")
    for number in range(3):
        world.happen(Delivery(world.now, MAILBOX, f"r{number}@x.test", "bounced", "5.1.1", *home()))
    assert (world.profile.evidence.own.bounced, world.profile.evidence.strange.bounced) == (3, 0)
    world.delivered("r9@x.test", "bounced", "5.1.1")
    assert world.profile.evidence.strange.bounced == 1


def test_two_mistyped_addresses_on_a_journey_do_not_suspend(world: World) -> None:
    world.send(abroad(24), ["customer1@elsewhere.test", "typo1@x.test", "typo2@x.test"])
    world.delivered("typo1@x.test", "bounced", "5.1.1")
    world.delivered("typo2@x.test", "bounced", "5.1.2")
    assert world.actions == ["alert"]


def test_a_full_mailbox_is_no_bounce(world: World) -> None:
    world.send(home(), ["customer1@elsewhere.test"])
    for _ in range(20):
        world.delivered("customer1@elsewhere.test", "bounced", "5.2.2")
        world.delivered("customer1@elsewhere.test", "deferred", "4.7.1")
    assert world.profile.evidence.own.bounced == 0
    assert not world.decisions


def test_mail_from_home_during_a_takeover_does_not_suspend_by_itself(world: World) -> None:
    world.login(abroad(1))
    world.login(abroad(2))
    world.send(home(), strangers(20, "reader"))
    assert world.last and world.last.source_familiar
    assert world.status in ("active", "restricted")


def test_open_strangers_count_half_at_a_familiar_source(world: World) -> None:
    world.login(abroad(1))
    assert world.login(abroad(2)).score == pytest.approx(3.9 + 1.9)
    assert world.login(home()).score == pytest.approx(-1.5 + 5.8 / 2)


def test_a_mail_apps_cloud_is_nobodys_country(world: World) -> None:
    for country in ("IE", "US", "NL"):
        world.login(("10.250.1.1", Place(country, 8075, "Cloud", f"10.250.{len(country)}.0/24")))
    assert not world.decisions


def test_a_forward_set_at_home_or_to_a_colleague_is_no_sign(world: World) -> None:
    world.script(home(), "forward", "private@outside.test")
    assert world.last and world.last.score < 0
    world.script(abroad(3), "forward", "taro@shop.example")
    world.script(abroad(3), "vacation")
    assert world.profile.evidence.forward_weight == 0


def test_colleagues_are_never_new_recipients(world: World) -> None:
    for number in range(50):
        world.recipient(home(), f"colleague{number}@shop.example")
    assert world.profile.evidence.own.new_hour == 0


# -- without history, without address data ----------------------------------------------------------------------------


def test_a_new_mailbox_is_judged_by_its_domains_habits(world: World) -> None:
    fresh = World(host=world.host, mailbox="new@shop.example")
    fresh.login(home())
    assert fresh.last and fresh.last.source_familiar
    botnet(fresh)
    assert fresh.status == "suspended"
    assert fresh.out <= 6


def test_a_new_mailbox_in_a_new_domain_is_held_by_the_caps() -> None:
    world = World(mailbox="first@new.example")
    world.send(abroad(1), strangers(2000), gap=0.3)
    assert world.status == "suspended"
    assert world.out <= 101


def test_a_new_mailbox_cannot_be_in_six_countries_at_once() -> None:
    world = World(mailbox="first@new.example")
    botnet(world)
    assert world.status == "suspended"
    assert world.out <= 7


def test_without_address_data_networks_still_work() -> None:
    def nowhere(network: int) -> tuple[str, Place]:
        return f"10.7.{network}.9", Place(network=f"10.7.{network}.0/24")

    world = World()
    world.now -= 30 * DAY
    for _ in range(30):
        world.login(nowhere(1))
        world.now += DAY
    assert world.login(nowhere(1)).source_familiar
    assert not world.login(nowhere(2)).source_familiar
    world.send(nowhere(2), strangers(200), 3)
    assert world.status == "suspended"
    assert world.out <= 30
    assert "new_network" in names(world)


def test_the_caps_restrict_a_familiar_source_and_suspend_a_strange_one() -> None:
    limits = Limits(own_messages_hour=50, strange_messages_hour=50)
    for source, status in ((home(), "restricted"), (abroad(3), "suspended")):
        world = World(host=grown_up(limits)).live()
        for _ in range(60):
            world.submit(source)
        assert world.status == status
        assert "hard_cap" in names(world)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(strange_new_recipients_hour=5), "直近1時間の初めての宛先が5件"),
        (Limits(strange_new_recipients_day=5), "24時間の初めての宛先が5件"),
        (Limits(strange_messages_hour=5), "直近1時間の送信数が5件"),
    ],
)
def test_each_cap_says_which_it_is(limits: Limits, text: str) -> None:
    world = World(host=grown_up(limits))
    world.send(abroad(3), strangers(9))
    assert world.status == "suspended"
    assert text in next(found for found in world.decisions[-1].indicators if found.name == "hard_cap").evidence_ja


# -- generations ------------------------------------------------------------------------------------------------------


def test_evidence_of_an_older_generation_never_counts(world: World) -> None:
    world.send(abroad(5), strangers(100), 3)
    assert world.status == "suspended"
    world.profile.start_generation(1, world.now)
    world.status = "probation"
    for number in range(50):
        assert world.delivered(f"stranger{number}@target1.test", "bounced", "5.1.1").score == 0.0
    assert world.login(home()).score < 0
    late = world.now - 100
    for number in range(50):
        world.happen(
            Delivery(world.now, MAILBOX, f"s{number}@x.test", "bounced", "5.1.1", *abroad(5), submitted_at=late)
        )
    assert world.status == "probation"
    assert world.profile.generation == 1


def test_the_owner_comes_home_after_recovery_and_the_hijacker_is_a_stranger_again(world: World) -> None:
    world.send(abroad(5), strangers(100), 3)
    world.profile.start_generation(1, world.now)
    world.status = "probation"
    world.decisions.clear()
    world.send(home(), ["customer1@elsewhere.test"])
    assert not world.decisions
    assert world.login(abroad(5)).score == pytest.approx(3.9)
    world.send(abroad(5), strangers(5))
    assert world.actions == ["alert"]


def test_a_confirmed_answer_makes_the_places_and_recipients_habits(world: World) -> None:
    world.send(abroad(5), strangers(30))
    assert world.decisions
    world.profile.start_generation(1, world.now, confirmed=True)
    world.status = "active"
    world.decisions.clear()
    world.send(abroad(5), strangers(30))
    assert world.last and world.last.source_familiar
    assert not world.decisions
    assert world.profile.knows("stranger3@target3.test")


# -- what an assessment says ------------------------------------------------------------------------------------------


def test_sentences_are_written_only_when_they_are_read(world: World) -> None:
    event = Login(world.now, MAILBOX, *home(network=99, owner=9), "imap", True)
    observe(world.profile, world.host, event, world.now)
    assert assess(world.profile, world.host, event, world.now).indicators == ()
    explained = assess(world.profile, world.host, event, world.now, explain=True)
    assert [found.name for found in explained.indicators] == ["new_network"]
    assert explained.score == pytest.approx(2.2)
    assert [source.asn for source in open_sources(world.profile)] == [64_509]


def test_every_indicator_is_positive_and_speaks_both_languages(world: World) -> None:
    world.login(abroad(18))
    world.script(abroad(18), "forward", "drop@outside.test")
    world.script(abroad(18), "discard")
    world.send(abroad(19), strangers(2))
    for number in range(4):
        world.delivered(f"stranger{number}@x.test", "bounced", "5.7.1")
    found = assess(
        world.profile, world.host, Submission(world.now, MAILBOX, *abroad(19), "Q", 1), world.now, explain=True
    )
    assert {i.name for i in found.indicators} >= {"many_countries", "bounces", "forward_rule", "discard_rule"}
    assert [i.value for i in found.indicators] == sorted((i.value for i in found.indicators), reverse=True)
    for indicator in found.indicators:
        assert indicator.value > 0
        assert indicator.evidence_ja.endswith("。") and indicator.evidence_en.endswith(".")
        assert len(indicator.evidence_ja) <= 500 and len(indicator.evidence_en) <= 500
        assert indicator.evidence_en.isascii() or "…" in indicator.evidence_en


def test_old_evidence_stops_counting(world: World) -> None:
    world.login(abroad(18))
    world.script(abroad(18), "forward", "drop@outside.test")
    world.now += 25 * HOUR
    assert world.login(home()).score > 0
    world.now += 3 * DAY
    assert world.login(home()).score == pytest.approx(-1.5)


def test_an_event_of_a_stranger_before_any_login_has_no_score() -> None:
    world = World()
    assert world.delivered("x@y.test", "bounced", "5.7.1").score == 0.0
    assert not world.last.authenticated  # type: ignore[union-attr]
