"""From where mail is sent by SMTP AUTH: observed, refused, exempt, told once an hour."""

from __future__ import annotations

from guard.standins import ALICE, NOW, Bench
from sekisho import detection
from sekisho.detection import Login
from sekisho.journal import OpenCountry, SendingRule, SentFromElsewhere, StateFile
from sekisho.wire.replies import GO_ON, SUBMISSION_ELSEWHERE

HOUR, DAY = 3600.0, 86_400.0
HOME, BANGKOK, OUTLOOK = "203.0.113.7", "198.51.100.9", "198.51.101.9"
DATA = ("203.0.113.0/24,JP,4713,Home", "198.51.100.0/24,TH,65100,Thai", "198.51.101.0/24,US,8075,Microsoft")
ENFORCE, OBSERVE, OFF = (SendingRule(mode, ("JP",)) for mode in ("enforce", "observe", "off"))


def bench(rules: dict[str, SendingRule], **state: object) -> Bench:
    """A mailbox that has lived ten days in Japan."""
    made = Bench()
    made.checkpoint.places.table = detection.AddressTable.from_lines(DATA)
    made.checkpoint.tables.days = 30
    for day in range(10, 0, -1):
        at = NOW - day * DAY
        place = made.checkpoint.places.source(HOME)[1]
        made.checkpoint.observe(Login(at, ALICE, HOME, place, "imap", True), at)
    made.checkpoint.take_state(StateFile(NOW, sending=rules, **state), NOW)  # type: ignore[arg-type]
    return made


def mail(made: Bench, ip: str, now: float = NOW, number: int = 1) -> str:
    return made.ask(now, client_address=ip, recipient=f"reader{number}@elsewhere.test", instance=f"i.{number}")


def told(made: Bench) -> list[SentFromElsewhere]:
    return [event for event in made.spooled if isinstance(event, SentFromElsewhere)]


def test_a_rule_in_force_refuses_sending_from_elsewhere_and_nothing_from_home() -> None:
    made = bench({"shop.test": ENFORCE})
    assert mail(made, HOME) == GO_ON
    assert told(made) == []
    assert mail(made, BANGKOK, number=2) == SUBMISSION_ELSEWHERE
    assert told(made) == [SentFromElsewhere(NOW, ALICE, BANGKOK, "TH", 65100, True)]


def test_observing_refuses_nothing_and_tells_whom_it_would_refuse() -> None:
    made = bench({"shop.test": OBSERVE})
    assert mail(made, BANGKOK) == GO_ON
    assert told(made) == [SentFromElsewhere(NOW, ALICE, BANGKOK, "TH", 65100, False)]


def test_it_tells_once_an_hour() -> None:
    made = bench({"shop.test": OBSERVE})
    for number, minute in enumerate((0, 1, 59, 60, 61)):
        mail(made, BANGKOK, NOW + minute * 60, number)
    assert [event.t for event in told(made)] == [NOW, NOW + HOUR]


def test_a_mailbox_has_its_own_word_and_a_domain_without_a_rule_the_hosts() -> None:
    assert mail(bench({"shop.test": ENFORCE, ALICE: OFF}), BANGKOK) == GO_ON
    assert mail(bench({"shop.test": OFF, ALICE: ENFORCE}), BANGKOK) == SUBMISSION_ELSEWHERE
    made = bench({"other.test": ENFORCE})
    assert mail(made, BANGKOK) == GO_ON
    assert told(made) == []


def test_the_hosts_rule_holds_for_a_domain_without_one() -> None:
    from sekisho.guard.sending import SendingPlaces

    made = bench({"other.test": OFF})
    place = made.checkpoint.places.source(BANGKOK)[1]
    places = SendingPlaces(made.spooled.append, made.checkpoint.permissions, ENFORCE)
    assert places.refuses(ALICE, BANGKOK, place, NOW)
    places.take_state(StateFile(NOW, sending={"shop.test": OBSERVE}))
    assert not places.refuses(ALICE, BANGKOK, place, NOW)


def test_clouds_of_mail_apps_own_networks_and_unknown_addresses_are_exempt() -> None:
    made = bench({"shop.test": ENFORCE})
    assert mail(made, OUTLOOK) == GO_ON
    assert mail(made, "192.0.2.5", number=2) == GO_ON
    assert mail(made, "100.64.1.1", number=3) == GO_ON
    assert told(made) == []


def test_a_travel_pass_and_an_excepted_network_let_through() -> None:
    going = {ALICE: (OpenCountry("TH", NOW, NOW + DAY),)}
    made = bench({"shop.test": ENFORCE}, travel=going)
    assert mail(made, BANGKOK) == GO_ON
    assert mail(made, BANGKOK, NOW + DAY, 2) == SUBMISSION_ELSEWHERE
    excepted = SendingRule("enforce", ("JP",), ("no network", "198.51.100.0/28"))
    assert mail(bench({"shop.test": excepted}), BANGKOK) == GO_ON


def test_what_is_refused_is_judged_all_the_same() -> None:
    made = bench({"shop.test": ENFORCE})
    answers = [mail(made, BANGKOK, NOW + number, number) for number in range(120)]
    assert set(answers[:5]) == {SUBMISSION_ELSEWHERE}
    assert made.journal.records, "a hijacker abroad is noticed although nothing of his left"
