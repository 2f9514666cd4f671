"""Signs besides sending: bulk reading, complaints, other customers' strangers, refusals after a restriction."""

from __future__ import annotations

import pytest

from detection.stream import DAY, HOUR, MAILBOX, World, abroad, grown_up, home, strangers
from sekisho.detection import (
    AccountChange,
    Complaint,
    Delivery,
    HostTables,
    Login,
    MailboxProfile,
    SessionEnded,
    assess,
    observe,
)
from sekisho.detection.clouds import MAIL_APP_CLOUDS


@pytest.fixture
def world() -> World:
    """A mailbox with thirty quiet days at home."""
    world = World().live()
    assert not world.decisions
    return world


def names(world: World) -> set[str]:
    assert world.last is not None
    found = assess(world.profile, world.host, last_login(world), world.now, explain=True)
    return {indicator.name for indicator in found.indicators}


def last_login(world: World) -> Login:
    ip, place = abroad(5)
    return Login(world.now, MAILBOX, ip, place, "imap", True)


def read(world: World, source: tuple, megabytes: float) -> None:
    ip, place = source
    world.happen(SessionEnded(world.now, world.mailbox, ip, place, "imap", int(megabytes * 1e6), 0))


def test_a_stranger_at_home_who_reads_everything_raises_an_alert(world: World) -> None:
    proxy = home(network=90, owner=9)
    world.login(proxy)
    assert world.decisions == []
    read(world, proxy, 400)
    assert world.actions == ["alert"]
    assert "bulk_reading" in {indicator.name for indicator in world.decisions[-1].indicators}


def test_the_owner_may_read_everything(world: World) -> None:
    read(world, home(), 4000)
    assert world.decisions == []


def test_a_reader_who_also_plants_a_forward_is_suspended_without_sending(world: World) -> None:
    thief = abroad(5)
    world.login(thief)
    read(world, thief, 200)
    assert world.actions[-1] == "restrict"
    world.script(thief, "forward", "thief@elsewhere.test")
    assert world.actions[-1] == "suspend"
    assert world.out == sum(5 + day % 2 for day in range(30))


def test_a_forward_alone_from_abroad_still_asks(world: World) -> None:
    world.login(abroad(5))
    world.script(abroad(5), "forward", "me@elsewhere.test")
    assert world.actions[-1] == "restrict"


def test_a_source_that_is_new_to_two_customers_says_so(world: World) -> None:
    ip, place = abroad(5)
    other = MailboxProfile()
    observe(other, world.host, Login(world.now, "taro@office.test", ip, place, "imap", True), world.now)
    world.login(abroad(5))
    assert "shared_stranger" in names(world)


def test_a_mail_apps_cloud_is_shared_by_everybody_and_says_nothing(world: World) -> None:
    ip, place = abroad(5)
    cloud = type(place)("IE", min(MAIL_APP_CLOUDS), "cloud", place.network)
    other = MailboxProfile()
    observe(other, world.host, Login(world.now, "taro@office.test", ip, cloud, "imap", True), world.now)
    world.happen(Login(world.now, MAILBOX, ip, cloud, "imap", True))
    assert "shared_stranger" not in names(world)


def test_strangers_are_forgotten_after_a_day_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = HostTables()
    assert tables.note_stranger("203.0.113.1", "a.test", 0.0) == 0
    assert tables.note_stranger("203.0.113.1", "b.test", HOUR) == 1
    assert tables.note_stranger("203.0.113.1", "b.test", 30 * HOUR) == 0
    assert tables.note_stranger("", "b.test", 0.0) == 0
    monkeypatch.setattr("sekisho.detection.host.MAX_STRANGERS", 10)
    for number in range(100):
        tables.note_stranger(f"203.0.113.{number}", "a.test", 30 * HOUR)
    assert len(HostTables.from_bytes(tables.to_bytes())._strangers) <= 10


def test_forged_complaints_alone_never_restrict(world: World) -> None:
    world.send(home(), ["customer1@elsewhere.test"])
    for _ in range(500):
        world.happen(Complaint(world.now, world.mailbox, "anybody"))
    assert world.status == "active"
    assert "restrict" not in world.actions


def test_complaints_before_anything_was_sent_count_nothing() -> None:
    profile, tables = MailboxProfile(), HostTables()
    for _ in range(50):
        observe(profile, tables, Complaint(0.0, MAILBOX, "anybody"), 0.0)
    assert profile.evidence.complaints == 0


@pytest.mark.parametrize(("days", "counted"), [(2.9, 1), (4.1, 0)])
def test_a_complaint_counts_for_three_days_after_the_last_mails_day(world: World, days: float, counted: int) -> None:
    world.send(home(), strangers(3))
    world.now += days * 86_400
    observe(world.profile, world.host, Complaint(world.now, world.mailbox, "fbl"), world.now)
    assert world.profile.evidence.complaints == counted


def test_a_new_password_is_no_sign(world: World) -> None:
    world.happen(AccountChange(world.now, world.mailbox, "pwchange"))
    assert world.decisions == []


def refused_as_spam(world: World, number: int, submitted_after: float) -> None:
    ip, place = home()
    for count in range(number):
        at = world.now + submitted_after
        event = Delivery(at + 1, world.mailbox, f"x{count}@target.test", "bounced", "5.7.1", ip, place, at)
        world.now = at + 1
        world.happen(event)


def own_pc_restricted(world: World) -> None:
    world.send(home(), strangers(300), bounce_every=3)
    assert world.status == "restricted"
    # The next event finds the restriction in force.
    world.login(home())


def test_spam_from_the_owners_computer_is_suspended_once_others_go_on_refusing_it(world: World) -> None:
    own_pc_restricted(world)
    refused_as_spam(world, 9, 60)
    assert world.status == "restricted"
    refused_as_spam(world, 1, 60)
    assert world.status == "suspended"


def test_refusals_of_mail_sent_before_the_restriction_do_not_suspend(world: World) -> None:
    own_pc_restricted(world)
    restricted_at = world.profile.evidence.restricted_at
    ip, place = home()
    for count in range(40):
        address = f"x{count}@target.test"
        event = Delivery(world.now, world.mailbox, address, "bounced", "5.7.1", ip, place, restricted_at - 1)
        world.happen(event)
    assert world.status == "restricted"


def test_a_hijacker_who_settled_in_for_a_week_is_no_owner(world: World) -> None:
    proxy = home(network=90, owner=9)
    for _ in range(7):
        world.login(home())
        world.login(proxy)
        world.now += DAY
    assert world.decisions == []
    world.send(proxy, strangers(300), bounce_every=3)
    assert world.status == "suspended"


def test_the_same_from_where_the_owner_always_was_is_restricted(world: World) -> None:
    world.send(home(), strangers(300), bounce_every=3)
    assert world.status == "restricted"


def test_an_address_book_emptied_from_a_new_country_is_stopped(world: World) -> None:
    world.send(abroad(5), [f"customer{number}@elsewhere.test" for number in range(40)], gap=5.0)
    assert world.actions[0] == "alert" and "restrict" in world.actions
    assert "message_burst" in {found.name for found in world.decisions[-1].indicators}


def test_a_notice_from_home_to_known_and_unknown_customers_is_no_run_of_strangers(world: World) -> None:
    known = [f"customer{number}@elsewhere.test" for number in range(40)]
    world.send(home(), [one for pair in zip(known, strangers(40), strict=True) for one in pair], gap=2.0)
    assert world.decisions == []


def test_spam_that_is_sent_twice_to_everybody_is_still_a_run_of_strangers(world: World) -> None:
    world.send(home(), [one for one in strangers(100) for _ in range(2)], gap=1.0)
    assert world.status == "restricted"


def test_a_list_its_owner_confirmed_is_known_the_next_time_however_long_it_is(world: World) -> None:
    readers = strangers(900, "reader")
    world.send(home(), readers, gap=2.0)
    assert world.status == "restricted"
    world.profile.start_generation(1, world.now, confirmed=True)
    world.status = "active"
    for _ in range(4):
        world.decisions.clear()
        world.now += 7 * DAY
        world.send(home(), readers, gap=2.0)
        assert world.decisions == []


def test_a_source_an_open_alert_is_about_gains_no_days(world: World) -> None:
    world.now = world.now // DAY * DAY + 2 * HOUR
    for _ in range(5):
        world.login(abroad(5))
        world.login(abroad(6))
        world.now += DAY
    assert world.actions[0] == "alert"
    assert abroad(5)[1].country not in world.profile.habits.home_countries()


def test_an_alert_nobody_answered_is_over_after_a_week(world: World) -> None:
    world.login(abroad(5))
    world.login(abroad(6))
    assert world.profile.announced() == "alert"
    for _ in range(8):
        world.now += DAY
        world.login(home())
    assert world.profile.announced() == ""


def test_the_owners_telephone_does_not_make_his_newsletter_a_strangers(world: World) -> None:
    world.send(home(), strangers(300), bounce_every=8, gap=1.0)
    assert world.status == "restricted"
    world.login(home(network=2, owner=2), "smtp")
    assert world.status == "restricted"


def test_a_country_two_mailboxes_stayed_in_weighs_less_for_the_third(world: World) -> None:
    for name in ("a@x.test", "b@y.test"):
        world.host.note_visit("TW", name, int(world.now // DAY))
    tables = HostTables.from_bytes(world.host.to_bytes())
    assert tables.is_visited("TW", int(world.now // DAY))
    assert not tables.is_visited("TW", int(world.now // DAY) + 200)
    world.host = tables
    ip, place = abroad(27)
    assert place.country == "TW"
    assert world.login((ip, place)).score == pytest.approx(3.2)


def test_a_quiet_stay_abroad_makes_the_country_a_visited_one(world: World) -> None:
    world.now = world.now // DAY * DAY + 2 * HOUR
    world.login(abroad(27))
    world.now += 10 * HOUR
    world.login(abroad(27))
    world.now += DAY
    world.login(home())
    assert "TW" in world.host._visited


def test_visited_countries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.detection.host.MAX_VISITED", 10)
    tables = HostTables()
    for number in range(100):
        tables.note_visit(f"{number:02d}", MAILBOX, 1)
    assert len(tables._visited) == 10


def test_an_office_whose_new_people_mistype_is_no_guesser_to_the_next_of_them() -> None:
    """A tenant that has just moved here: nobody knows its office, and each of ten types the new password wrong once."""
    host = grown_up()
    for number in range(10):
        person = World(mailbox=f"new{number}@moved.example", host=host)
        person.login(home(host=10, network=9, owner=9), success=False)
        person.login(home(host=10, network=9, owner=9))
        assert "password_guesser" not in names(person)
        person.send(home(host=10, network=9, owner=9), strangers(3, f"s{number}"))
        assert person.actions == []


def test_a_guesser_who_gets_in_where_he_is_remarkable_stays_one() -> None:
    host = grown_up()
    for number in range(4):
        victim = World(mailbox=f"m{number}@shop.example", host=host).live()
        victim.login(abroad(1), success=False)
        victim.login(abroad(1))
    assert "password_guesser" in names(victim)
