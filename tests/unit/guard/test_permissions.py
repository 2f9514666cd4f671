"""What people permit for a time: mailings, journeys, countries; and what is told of budgets."""

from __future__ import annotations

from guard.standins import ALICE, NOW, Bench, judge_always
from sekisho import detection
from sekisho.detection import Complaint, Login, Recipient
from sekisho.journal import MailboxState, NewRecipientAsked, OpenCountry, StateFile
from sekisho.wire.replies import GO_ON, SUBMISSION_ELSEWHERE, SUBMISSION_RESTRICTED

HOUR, DAY = 3600.0, 86_400.0
HOME, BANGKOK, LAGOS = "203.0.113.7", "198.51.100.9", "198.51.101.9"
DATA = ("203.0.113.0/24,JP,4713,Home", "198.51.100.0/24,TH,65100,Thai", "198.51.101.0/24,NG,65018,Naija")


def bench(**state: object) -> Bench:
    """A mailbox that has lived ten days in Japan on a host that knows its people."""
    made = Bench()
    made.checkpoint.places.table = detection.AddressTable.from_lines(DATA)
    made.checkpoint.tables.days = 30
    for day in range(10, 0, -1):
        login(made, HOME, NOW - day * DAY)
    take(made, **state)
    return made


def take(made: Bench, **state: object) -> None:
    made.checkpoint.take_state(StateFile(NOW, **state), NOW)  # type: ignore[arg-type]


def login(made: Bench, ip: str, now: float) -> None:
    made.checkpoint.observe(Login(now, ALICE, ip, made.checkpoint.places.source(ip)[1], "imap", True), now)


def mail(made: Bench, number: int, now: float, ip: str = HOME) -> str:
    return made.ask(now, client_address=ip, recipient=f"reader{number}@elsewhere.test", instance=f"i.{number}")


def trip(country: str = "TH", since: float = NOW, until: float = NOW + 5 * DAY) -> dict[str, tuple[OpenCountry, ...]]:
    return {ALICE: (OpenCountry(country, since, until),)}


def weight(made: Bench, now: float) -> float:
    profile = made.checkpoint.profiles.of(ALICE)
    return profile.open_weight(now)


def test_a_travel_pass_makes_its_country_known_for_its_time_and_no_other() -> None:
    without, with_pass, late = bench(), bench(travel=trip()), bench(travel=trip(until=NOW))
    for made in (without, with_pass, late):
        login(made, BANGKOK, NOW + 60)
    assert weight(with_pass, NOW + 60) < weight(without, NOW + 60) - 1
    assert weight(late, NOW + 60) == weight(without, NOW + 60)
    early = bench(travel=trip(since=NOW + 61))
    login(early, BANGKOK, NOW + 60)
    assert weight(early, NOW + 60) == weight(without, NOW + 60)
    other = bench(travel=trip())
    login(other, LAGOS, NOW + 60)
    assert weight(other, NOW + 60) == weight(without, NOW + 60)


def test_a_pass_that_ends_does_not_leave_the_country_open() -> None:
    made = bench(travel=trip(until=NOW + 100))
    profile, domain = made.checkpoint.profiles.of(ALICE), made.checkpoint.tables.domain("shop.test")
    login(made, BANGKOK, NOW + 60)
    place = made.checkpoint.places.source(BANGKOK)[1]
    assert not profile.judge(place, domain).foreign
    login(made, BANGKOK, NOW + 200)
    assert profile.judge(place, domain).foreign


def allowed(until: float = NOW + HOUR, recipients: int = 700, generation: int = 1) -> dict[str, MailboxState]:
    return {ALICE: MailboxState("active", generation, allowed_until=until, allowed_recipients=recipients)}


def test_an_allowed_mailing_is_not_restricted_and_one_without_is() -> None:
    free, bound = bench(mailboxes=allowed()), bench(mailboxes={ALICE: MailboxState("active", 1)})
    for made in (free, bound):
        for number in range(600):
            mail(made, number, NOW + 60 + number)
    assert not free.journal.records
    assert {"restrict", "suspend"} & {record.action for record in bound.journal.records}


def test_beyond_its_number_or_its_time_a_mailing_is_judged_as_usual() -> None:
    many = bench(mailboxes=allowed(recipients=100))
    for number in range(700):
        mail(many, number, NOW + 60 + number)
    assert many.journal.records and many.journal.records[0].t > NOW + 160
    late = bench(mailboxes=allowed(until=NOW + 300))
    for number in range(240):
        mail(late, number, NOW + 60 + number)
    assert not late.journal.records
    # What was allowed does not count afterwards.
    assert late.checkpoint.profiles.of(ALICE).evidence.own.new_day == 0
    for number in range(1000, 1600):
        mail(late, number, NOW + 300 + number - 1000)
    assert late.journal.records


def test_an_allowance_excuses_no_place_and_ends_with_a_restriction() -> None:
    made = bench(mailboxes=allowed())
    login(made, LAGOS, NOW + 60)
    assert weight(made, NOW + 60) > 3
    take(made, mailboxes={ALICE: MailboxState("restricted", 1, 0, allowed_until=NOW + HOUR, allowed_recipients=700)})
    assert mail(made, 1, NOW + 90) != GO_ON


def test_complaints_about_an_allowed_mailing_count() -> None:
    made = bench(mailboxes=allowed())
    mail(made, 1, NOW + 60)
    made.checkpoint.observe(Complaint(NOW + 90, ALICE, "reporter"), NOW + 90)
    assert made.checkpoint.profiles.of(ALICE).evidence.complaints == 1


def test_an_allowance_of_another_generation_excuses_nothing() -> None:
    made = bench(mailboxes=allowed())
    stand = made.checkpoint.standing.of(ALICE)
    assert made.checkpoint.permissions.is_mailing(ALICE, stand, NOW)
    assert not made.checkpoint.permissions.is_mailing(ALICE, stand._replace(generation=2), NOW)
    assert not made.checkpoint.permissions.is_mailing(ALICE, stand, NOW + HOUR)


def test_on_probation_an_allowed_mailing_is_not_held_back_by_the_budget() -> None:
    state = MailboxState("probation", 1, 2, allowed_until=NOW + HOUR, allowed_recipients=50)
    made = bench(mailboxes={ALICE: state})
    assert {mail(made, number, NOW + 60) for number in range(40)} == {GO_ON}
    bound = bench(mailboxes={ALICE: MailboxState("probation", 1, 2)})
    assert [mail(bound, number, NOW + 60) for number in range(3)] == [GO_ON, GO_ON, SUBMISSION_RESTRICTED]


def test_a_mailbox_kept_to_countries_is_used_from_nowhere_else() -> None:
    made = bench(countries={ALICE: ("JP",)})
    assert made.checkpoint.allows_login(ALICE, HOME, NOW)
    assert not made.checkpoint.allows_login(ALICE, LAGOS, NOW)
    assert mail(made, 1, NOW, LAGOS) == SUBMISSION_ELSEWHERE
    assert mail(made, 2, NOW) == GO_ON
    # What has no country is not judged: own networks, addresses nobody knows.
    assert made.checkpoint.allows_login(ALICE, "192.0.2.5", NOW)
    assert made.checkpoint.allows_login("bob@shop.test", LAGOS, NOW)


def test_a_travel_pass_opens_a_pinned_mailbox_for_its_time() -> None:
    made = bench(countries={ALICE: ("JP",)}, travel=trip())
    assert made.checkpoint.allows_login(ALICE, BANGKOK, NOW)
    assert not made.checkpoint.allows_login(ALICE, BANGKOK, NOW + 5 * DAY)
    assert not made.checkpoint.allows_login(ALICE, LAGOS, NOW)


def test_each_new_recipient_of_a_budget_is_told_and_refusals_once_a_minute() -> None:
    made = bench(mailboxes={ALICE: MailboxState("probation", 1, 2)})
    for number in range(6):
        mail(made, number, NOW + number)
    mail(made, 6, NOW + 70)
    told = [(event.allowed, event.generation) for event in made.spooled if isinstance(event, NewRecipientAsked)]
    assert told == [(True, 1), (True, 1), (False, 1), (False, 1)]


def test_a_recipient_of_an_allowed_mailing_is_known_afterwards() -> None:
    made = bench(mailboxes=allowed())
    mail(made, 1, NOW + 60)
    login(made, HOME, NOW + 2 * DAY)
    assert made.checkpoint.profiles.of(ALICE).knows("reader1@elsewhere.test")


def test_a_trip_on_probation_says_what_it_was_before(monkeypatch) -> None:
    made = bench(mailboxes={ALICE: MailboxState("probation", 1, 20)})
    judge_always(monkeypatch, 6.0, types=[Recipient])
    mail(made, 1, NOW + 60, LAGOS)
    [record] = made.journal.records
    assert (record.before, record.after, record.action) == ("probation", "suspended", "suspend")
