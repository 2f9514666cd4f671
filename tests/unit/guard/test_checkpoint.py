"""Answers and decisions, with the engine's findings played where a test is not about them."""

from __future__ import annotations

import pytest

from guard.standins import ALICE, NOW, STRANGER, Bench, judge_always
from sekisho import detection
from sekisho.detection import NOWHERE, Login, Place, Recipient, ScriptChange
from sekisho.detection.recipients import fingerprint
from sekisho.guard.profiles import Profiles
from sekisho.guard.submissions import AskedRecipients
from sekisho.journal import DecisionRecord, MailboxState, MessageSubmitted, StateFile
from sekisho.wire.replies import GO_ON, SUBMISSION_RESTRICTED, SUBMISSION_STOPPED, SUBMISSION_SUSPENDED

DAY = 86_400.0


def test_a_request_without_a_login_passes_and_teaches_nothing() -> None:
    bench = Bench()
    bench.state(alice=("suspended", 0, None))
    assert bench.ask(sasl_username="", sender=ALICE) == GO_ON
    assert len(bench.checkpoint.profiles) == 0
    assert bench.checkpoint.counters.events == 0


@pytest.mark.parametrize(
    "name", [ALICE, "Alice@Shop.Test", "alice@alias.test", '"alice"@shop.test', "alice+x@shop.test"]
)
@pytest.mark.parametrize("state", ["RCPT", "DATA", "END-OF-MESSAGE", "VRFY"])
def test_a_suspended_mailbox_is_refused_under_every_name_in_every_state(name: str, state: str) -> None:
    bench = Bench()
    bench.state(alice=("suspended", 0, None))
    assert bench.ask(sasl_username=name, protocol_state=state) == SUBMISSION_SUSPENDED
    assert bench.checkpoint.counters.refused == 1


def test_others_pass_while_one_is_suspended() -> None:
    bench = Bench()
    bench.state(alice=("suspended", 0, None))
    assert bench.ask(sasl_username="bob@shop.test") == GO_ON


def test_a_trip_refuses_the_very_request_that_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 12.0)
    assert bench.ask() == SUBMISSION_SUSPENDED
    assert [record.action for record in bench.journal.records] == ["suspend"]
    assert bench.ask(instance="i.2") == SUBMISSION_SUSPENDED
    assert len(bench.journal.records) == 1


def test_a_trip_at_the_final_dot_refuses_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 12.0, types=[detection.Submission])
    assert bench.ask() == GO_ON
    assert bench.ask(protocol_state="END-OF-MESSAGE", queue_id="Q1") == SUBMISSION_SUSPENDED
    # Neither the message nor the score: the decision in the journal has told it.
    assert [record.score for record in bench.journal.records] == [12.0]
    assert bench.spooled == []


def test_a_mailbox_suspended_between_recipient_and_final_dot_is_refused_there() -> None:
    bench = Bench()
    assert bench.ask() == GO_ON
    bench.state(alice=("suspended", 0, None))
    assert bench.ask(protocol_state="END-OF-MESSAGE", queue_id="Q1") == SUBMISSION_SUSPENDED


def test_a_full_disk_does_not_open_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.journal.refuses = True
    judge_always(monkeypatch, 12.0)
    assert bench.ask() == SUBMISSION_SUSPENDED
    judge_always(monkeypatch, 0.0)
    assert bench.ask(instance="i.2") == SUBMISSION_SUSPENDED


def test_the_journal_comes_before_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    seen: list[str] = []
    keep = bench.journal.record

    def record(decision: DecisionRecord) -> bool:
        seen.append(bench.checkpoint.standing.of(ALICE).status)
        return keep(decision)

    monkeypatch.setattr(bench.journal, "record", record)
    judge_always(monkeypatch, 12.0)
    bench.ask()
    assert seen == ["active"]


def test_observe_mode_records_once_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench("observe")
    judge_always(monkeypatch, 12.0)
    assert bench.ask() == GO_ON
    assert bench.ask(instance="i.2") == GO_ON
    assert [(record.action, record.enforced) for record in bench.journal.records] == [("suspend", False)]


def test_a_domain_may_observe_on_a_host_that_enforces(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.checkpoint.standing.state.modes["shop.test"] = "observe"
    judge_always(monkeypatch, 12.0)
    assert bench.ask() == GO_ON
    assert not bench.journal.records[0].enforced


def test_postmaster_is_restricted_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 12.0)
    assert bench.ask(sasl_username="postmaster@shop.test") == SUBMISSION_STOPPED
    assert bench.journal.records[0].after == "restricted"


def test_a_restricted_mailbox_writes_to_ten_strangers_and_repeats_cost_nothing() -> None:
    bench = Bench()
    bench.state(alice=("restricted", 0, 10))
    answers = [bench.ask(recipient=f"r{n}@far.test", instance=f"i.{n}") for n in range(12)]
    assert answers == [GO_ON] * 10 + [SUBMISSION_RESTRICTED] * 2
    assert bench.ask(recipient="r3@far.test", instance="i.3") == GO_ON


def test_a_restricted_mailbox_writes_to_people_it_knows() -> None:
    bench = Bench()
    for day in range(3):
        bench.ask(NOW + day * DAY, recipient="friend@far.test", instance=f"d.{day}")
    later = NOW + 4 * DAY
    bench.state(later, alice=("restricted", 0, 1))
    assert bench.ask(later, recipient="stranger@far.test", instance="a") == GO_ON
    assert bench.ask(later, recipient="other@far.test", instance="b") == SUBMISSION_RESTRICTED
    assert bench.ask(later, recipient="friend@far.test", instance="c") == GO_ON


def test_limit_zero_stops_everything() -> None:
    bench = Bench()
    bench.state(alice=("restricted", 0, 0))
    assert bench.ask() == SUBMISSION_STOPPED
    assert bench.ask(protocol_state="END-OF-MESSAGE") == SUBMISSION_STOPPED


def test_probation_has_a_budget_a_day() -> None:
    bench = Bench()
    bench.state(alice=("probation", 1, 3))
    answers = [bench.ask(recipient=f"r{n}@far.test", instance=f"i.{n}") for n in range(4)]
    assert answers == [GO_ON] * 3 + [SUBMISSION_RESTRICTED]
    assert bench.ask(NOW + DAY + 1, recipient="r9@far.test", instance="i.9") == GO_ON


def test_a_recipient_asked_about_twice_is_counted_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.ask()
    assert bench.checkpoint.counters.events == 1
    bench.ask(instance="i.2")
    assert bench.checkpoint.counters.events == 2


def test_an_accepted_message_is_spooled_and_named_in_a_later_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.ask(NOW - 10, protocol_state="END-OF-MESSAGE", queue_id="BEFORE")
    bench.ask(NOW + 1, protocol_state="END-OF-MESSAGE", queue_id="Q1", recipient_count=2, size=99)
    submitted = bench.spooled[1]
    assert isinstance(submitted, MessageSubmitted)
    assert (submitted.queue_id, submitted.recipients, submitted.size, submitted.ip) == ("Q1", 2, 99, STRANGER)

    def assess(*_: object, **__: object) -> detection.Assessment:
        return detection.Assessment(ALICE, NOW + 2, 12.0, (), NOW, False, True, True)

    monkeypatch.setattr(detection, "assess", assess)
    bench.ask(NOW + 2, instance="i.9")
    assert bench.journal.records[0].queue_ids == ("Q1",)


def test_a_submission_names_whom_it_goes_to_and_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    hosted = StateFile(NOW, {}, {"alias.test": "shop.test"}, domain_mailbox_counts={"shop.test": 3, "other.test": 1})
    bench.checkpoint.take_state(hosted, NOW)
    bench.checkpoint.profiles.of(ALICE).habits.recipients.learn([fingerprint("partner@far.test")])
    asked = ("Bob@Shop.test", "carol@other.test", "dan@alias.test", "partner@far.test", "new@far.test", "new@far.test")
    for recipient in asked:
        bench.ask(recipient=recipient)
    bench.ask(recipient="another@far.test", instance="i.2")
    bench.ask(protocol_state="END-OF-MESSAGE", queue_id="Q1", recipient_count=5)
    told = bench.spooled[-1]
    assert isinstance(told, MessageSubmitted)
    assert told.own == ("bob@shop.test", "carol@other.test", "dan@alias.test")
    assert (told.partners, told.strangers) == (("partner@far.test",), ("new@far.test",))
    assert told.strange is False, "a host that knows nobody calls nobody a stranger"
    monkeypatch.setattr(type(bench.checkpoint.tables), "is_learning", False)
    bench.ask(protocol_state="END-OF-MESSAGE", queue_id="Q2", recipient_count=1, instance="i.3")
    told = bench.spooled[-1]
    assert isinstance(told, MessageSubmitted)
    assert told.strange is True and not (told.own or told.partners or told.strangers)


def test_a_refused_recipient_is_not_among_them() -> None:
    bench = Bench()
    bench.state(alice=("restricted", 0, 0))
    assert bench.ask() != GO_ON
    bench.state(NOW + 1, alice=("active", 1, None))
    bench.ask(NOW + 2, protocol_state="END-OF-MESSAGE", queue_id="Q1", recipient_count=1)
    told = bench.spooled[-1]
    assert isinstance(told, MessageSubmitted) and told.strangers == ()


def test_recipients_of_unfinished_messages_are_forgotten_in_time() -> None:
    asked = AskedRecipients(remembered=3)
    asked.note("i.1", "a@far.test")
    asked.note("i.2", "b@far.test")
    asked.note("i.2", "c@far.test")
    asked.note("i.2", "d@far.test")
    assert asked.take("i.2") == ("b@far.test", "c@far.test", "d@far.test"), "the older half is still there"
    for number in range(6):
        asked.note("i.3", f"{number}@far.test")
    assert asked.take("i.1") == () and asked.take("") == ()
    assert asked.take("i.3")[-1] == "5@far.test"


def test_a_new_generation_starts_without_the_old_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    with monkeypatch.context() as played:
        judge_always(played, 12.0)
        bench.ask()
    bench.state(NOW + 5, alice=("probation", 1, 20))
    assert bench.ask(NOW + 6, instance="i.2") == GO_ON
    profile = bench.checkpoint.profiles.of(ALICE)
    assert (profile.generation, profile.announced()) == (1, "")


def test_evidence_of_the_running_generation_survives_a_second_look_at_the_state() -> None:
    bench = Bench()
    bench.state(alice=("probation", 1, 20))
    bench.ask()
    bench.checkpoint.profiles.of(ALICE).announce("alert")
    packed = dict(bench.checkpoint.profiles.take_changed())
    restarted = Bench()
    restarted.checkpoint.profiles = Profiles(packed)
    restarted.state(alice=("probation", 1, 20))
    assert restarted.checkpoint.profiles.of(ALICE).announced() == "alert"


def test_a_dismissal_makes_the_places_of_the_incident_the_owners() -> None:
    bench = Bench()
    place = bench.checkpoint.places.source(STRANGER)[1]
    for day in range(10):
        t = NOW - (10 - day) * DAY
        bench.checkpoint.observe(Login(t, ALICE, "198.18.1.5", NOWHERE, "imap", success=True), t)
    bench.ask()
    vouched = StateFile(NOW + 5, {ALICE: MailboxState("active", 1, confirmed=True)})
    bench.checkpoint.take_state(vouched, NOW + 5)
    profile = bench.checkpoint.profiles.of(ALICE)
    domain = bench.checkpoint.tables.domain("shop.test")
    assert profile.is_familiar(profile.judge(place, domain))


def test_a_decision_read_back_at_the_start_is_in_force_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    tripped = Bench()
    with monkeypatch.context() as played:
        judge_always(played, 12.0)
        tripped.ask()
    restarted = Bench()
    restarted.checkpoint.replay(tripped.journal.records[0])
    assert restarted.ask() == SUBMISSION_SUSPENDED
    restarted.state(alice=("probation", 1, 20))
    assert restarted.ask(instance="i.3") == GO_ON
    restarted.checkpoint.replay(tripped.journal.records[0])
    assert restarted.ask(instance="i.4") == GO_ON
    assert restarted.checkpoint.profiles.of(ALICE).announced() == ""


def test_failed_logins_alone_never_decide_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 99.0)
    for number in range(2000):
        event = Login(NOW + number, ALICE, f"203.0.113.{number % 100}", NOWHERE, "imap", success=False)
        assert bench.checkpoint.observe(event, event.t) is None
    assert bench.journal.records == []
    assert len(bench.checkpoint.profiles) == 0
    assert bench.ask(sasl_username="") == GO_ON


def test_the_fuse_turns_the_eleventh_trip_into_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 12.0)
    answers = [bench.ask(sasl_username=f"m{number}@shop.test", instance=f"i.{number}") for number in range(11)]
    assert answers == [SUBMISSION_SUSPENDED] * 10 + [SUBMISSION_STOPPED]


def test_an_alert_comes_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    judge_always(monkeypatch, 5.0)
    for number in range(5):
        assert bench.ask(NOW + number, instance=f"i.{number}") == GO_ON
    assert [record.action for record in bench.journal.records] == ["alert"]


def test_our_own_networks_are_no_source() -> None:
    bench = Bench()
    seen: list[detection.Event] = []
    observe = detection.observe

    def watching(profile: object, host: object, event: detection.Event, now: float, *, excused: bool) -> None:
        seen.append(event)
        observe(profile, host, event, now, excused=excused)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(detection, "observe", watching)
        bench.ask(client_address="192.0.2.7")
        bench.ask(client_address="127.0.0.1", instance="i.2")
    assert [(event.ip, event.place) for event in seen] == [("", NOWHERE)] * 2


def test_a_botnet_is_stopped_by_the_real_engine_within_ten_messages() -> None:
    bench = Bench()
    home = Place("JP", 64500, "home", "198.18.1.0/24")
    for day in range(20):
        t = NOW - (20 - day) * DAY
        bench.checkpoint.observe(Login(t, ALICE, "198.18.1.5", home, "imap", success=True), t)
        bench.checkpoint.observe(Recipient(t, ALICE, "198.18.1.5", home, "friend@far.test", f"h{day}"), t)
    for number, country in enumerate(("BR", "RU", "CN", "IN", "VN", "ID", "PH", "TR", "UA", "PL")):
        ip = f"203.0.{number}.1"
        place = Place(country, 65000 + number, "", f"203.0.{number}.0/24")
        bench.checkpoint.observe(Login(NOW + number, ALICE, ip, place, "smtp", success=True), NOW + number)
        bench.checkpoint.observe(
            Recipient(NOW + number, ALICE, ip, place, f"v{number}@t.test", f"b{number}"), NOW + number
        )
    assert bench.checkpoint.standing.of(ALICE).status == "suspended"
    assert bench.checkpoint.counters.trips == 1


def test_a_forward_planted_from_abroad_restricts_and_does_not_suspend() -> None:
    bench = Bench()
    home = Place("JP", 64500, "home", "198.18.1.0/24")
    for day in range(20):
        t = NOW - (20 - day) * DAY
        bench.checkpoint.observe(Login(t, ALICE, "198.18.1.5", home, "imap", success=True), t)
    abroad = Place("BR", 65001, "", "203.0.113.0/24")
    bench.checkpoint.observe(Login(NOW, ALICE, STRANGER, abroad, "imap", success=True), NOW)
    bench.checkpoint.observe(ScriptChange(NOW + 1, ALICE, STRANGER, abroad, "forward", "evil@far.test"), NOW + 1)
    assert bench.checkpoint.standing.of(ALICE).status == "restricted"
