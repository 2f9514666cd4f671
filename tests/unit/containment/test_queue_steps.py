from __future__ import annotations

import pytest

from sekisho.containment import keep_waiting, queue_steps
from sekisho.containment.commands import CommandError, CompletedCommand
from sekisho.containment.ledger import PlanRecord
from sekisho.containment.postfix import Postfix, is_queue_id, parse_time
from sekisho.containment.work import StepFailed, Tools, Work
from sekisho.journal import MessageSubmitted, QueueIdPaired

from .conftest import ALICE, ALICE_ALIAS, suspended
from .fake_host import FakeHost

BOB = "bob@customer.example"


@pytest.fixture
def work(tools: Tools) -> Work:
    entry = suspended(tools)
    return Work(tools, entry, entry.plans["contain"])


def hold(work: Work) -> str:
    queue_steps.hold_queue(work)
    return queue_steps.queue_held(work)


def held_ids(host: FakeHost) -> set[str]:
    return {queue_id for queue_id, message in host.queue.items() if message["queue_name"] == "hold"}


def test_it_holds_exactly_the_messages_of_the_login(work: Work, tools: Tools, host: FakeHost) -> None:
    # All have the same envelope sender; only the login tells.
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    host.add_message("AAAAAA2", "x@outside.test", login=ALICE_ALIAS)
    host.add_message("AAAAAA3", "x@outside.test", login=ALICE.upper())
    host.add_message("BBBBBB1", "x@outside.test", login=BOB)
    host.add_message("CCCCCC1", "x@outside.test")
    assert hold(work) == "3 messages held, 0 escaped in flight"
    assert held_ids(host) == {"AAAAAA1", "AAAAAA2", "AAAAAA3"}


def test_mail_from_before_the_first_risky_event_is_the_owners(work: Work, host: FakeHost) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE, age=601)
    host.add_message("AAAAAA2", "x@outside.test", login=ALICE, age=600)
    assert hold(work) == "1 message held, 0 escaped in flight"
    assert held_ids(host) == {"AAAAAA2"}


def test_known_pairs_spare_reading_queue_files(work: Work, tools: Tools, host: FakeHost) -> None:
    host.add_message("AAAAAA1", "x@outside.test")
    host.add_message("AAAAAA2", "x@outside.test")
    host.add_message("AAAAAA3", "x@outside.test")
    work.entry.queue_ids = ["AAAAAA1"]
    tools.pairs.note(MessageSubmitted(0, ALICE, "OLDOLD2", "", 1, 1))
    # A content filter handed the message on under a new id.
    tools.pairs.note(QueueIdPaired(0, "", "AAAAAA2", "OLDOLD2"))
    tools.pairs.note(MessageSubmitted(0, BOB, "AAAAAA3", "", 1, 1))
    hold(work)
    assert held_ids(host) == {"AAAAAA1", "AAAAAA2"}
    assert not host.count("postcat")


def test_what_left_although_it_was_put_on_hold_is_counted_as_escaped(work: Work, host: FakeHost) -> None:
    for queue_id in ("AAAAAA1", "AAAAAA2", "AAAAAA3"):
        host.add_message(queue_id, "x@outside.test", login=ALICE, queue="active")
    host.in_flight = {"AAAAAA2"}
    queue_steps.hold_queue(work)
    del host.queue["AAAAAA3"]
    assert queue_steps.queue_held(work) == "1 message held, 2 escaped in flight"
    assert work.entry.held == ["AAAAAA1"]
    # The empty file does not stay behind, and a later sweep counts nothing twice.
    assert set(host.queue) == {"AAAAAA1"}
    assert hold(work) == "1 message held, 2 escaped in flight"


def test_a_hold_without_effect_is_not_done(work: Work, host: FakeHost) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    host.broken["postsuper -h"] = lambda: CompletedCommand(0, b"", b"postsuper: Placed on hold: 1 message")
    with pytest.raises(StepFailed, match="1 message not on hold"):
        hold(work)


def test_more_unknown_files_than_one_run_reads_are_read_in_the_next(
    work: Work, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_steps, "MOST_FILES_READ", 2)
    for number in range(5):
        host.add_message(f"AAAAAA{number}", "x@outside.test", login=ALICE)
    with pytest.raises(StepFailed, match="3 queue files not looked at yet"):
        hold(work)
    with pytest.raises(StepFailed, match="1 queue file not looked at yet"):
        hold(work)
    assert hold(work) == "5 messages held, 0 escaped in flight"


def test_no_text_but_a_queue_id_reaches_a_command(host: FakeHost) -> None:
    for text in ("ALL", "../../etc/passwd", "ALL; rm", "-r", "", "A" * 41, "ABCDEF\n"):
        assert not is_queue_id(text)
    postfix = Postfix("/etc/postfix", host)
    host.calls.clear()
    postfix.hold(["ALL", "deferred"[:3]])
    postfix.purge([])
    postfix.retry("-f")
    assert postfix.login_of("../x") == ""
    assert host.calls == []


def test_a_dismissal_releases_the_held_mail(work: Work, host: FakeHost, tools: Tools) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    hold(work)
    assert queue_steps.release_held(work)
    assert queue_steps.held_released(work) == "1 message released"
    assert host.queue["AAAAAA1"]["queue_name"] == "deferred"


def test_mail_held_for_half_its_lifetime_starts_anew(work: Work, host: FakeHost, tools: Tools) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    hold(work)
    host.clock.now += 3 * 86400
    queue_steps.release_held(work)
    assert set(host.queue) == {"AAAAAA1NEW"}
    assert host.count("postkick", "public", "pickup", "W") == 1


def test_times_of_postfix_are_read() -> None:
    assert [parse_time(t) for t in ("8s", "2m", "1h", "5d", "1w", "5")] == [8, 120, 3600, 432000, 604800, 432000]
    with pytest.raises(CommandError):
        parse_time("soon")


# --- waiting mail


@pytest.mark.parametrize("address", [ALICE, ALICE_ALIAS, "alice+tag@customer.example", "Alice@Customer.Example"])
def test_waiting_mail_is_kept_before_the_lifetime_returns_it(
    work: Work, tools: Tools, host: FakeHost, address: str
) -> None:
    host.parameters["maximal_queue_lifetime"] = "8s"
    host.add_message("WAITING1", address, "other@outside.test")
    host.add_message("INNOCENT", BOB)
    kept_at = None
    for second in range(9):
        if "WAITING1" in held_ids(host) and kept_at is None:
            kept_at = second
        assert keep_waiting.look(tools, [work.entry]) == 1.0
        host.clock.now += 1
    assert kept_at is not None and kept_at <= 5
    assert work.entry.kept == ["WAITING1"]
    assert held_ids(host) == {"WAITING1"}


def test_with_the_usual_lifetime_the_queue_is_read_once_a_minute(work: Work, tools: Tools, host: FakeHost) -> None:
    host.add_message("WAITING1", ALICE, age=86400)
    assert keep_waiting.look(tools, [work.entry]) == 60.0
    assert held_ids(host) == set()
    host.clock.now += 2 * 86400
    keep_waiting.look(tools, [work.entry])
    assert held_ids(host) == {"WAITING1"}


def test_the_shorter_lifetime_of_bounces_counts(work: Work, tools: Tools, host: FakeHost) -> None:
    host.parameters["bounce_queue_lifetime"] = "10s"
    assert queue_steps.lifetime(tools) == 10


def test_mail_is_watched_until_qmgr_has_forgotten_the_address(work: Work) -> None:
    entry = work.entry
    assert keep_waiting.awaits_mail(entry)
    entry.status = "released"
    entry.plans["release"] = PlanRecord("release", 1, 0.0)
    assert keep_waiting.awaits_mail(entry)
    entry.plans["release"].let_go = True
    assert not keep_waiting.awaits_mail(entry)
    entry.status = "restricted"
    assert not keep_waiting.awaits_mail(entry)


def test_released_mail_goes_at_once_and_again(work: Work, tools: Tools, host: FakeHost) -> None:
    host.add_message("WAITING1", ALICE)
    host.add_message("WAITING2", ALICE, queue="hold")
    work.entry.kept = ["WAITING2"]
    assert queue_steps.retry_waiting(work)
    assert queue_steps.waiting_let_go(work) == "2 waiting messages sent on"
    assert host.count("postqueue", "-i", "WAITING1") == 1
    assert "WAITING2NEW" in host.queue
    assert queue_steps.retry_waiting_again(work)
    assert host.count("postqueue", "-i", "WAITING1") == 2
    assert not host.count("postqueue", "-f")


def test_with_a_very_short_lifetime_mail_goes_only_after_31_seconds(work: Work, tools: Tools, host: FakeHost) -> None:
    host.parameters["maximal_queue_lifetime"] = "8s"
    host.add_message("WAITING1", ALICE)
    queue_steps.retry_waiting(work)
    assert queue_steps.waiting_let_go(work) == "1 message kept until the queue manager forgets the address"
    assert held_ids(host) == {"WAITING1"}
    again = Work(tools, work.entry, work.plan)
    assert queue_steps.retry_waiting_again(again)
    assert queue_steps.waiting_let_go(again) == "1 waiting message sent on"
    assert set(host.queue) == {"WAITING1NEW"}


def test_a_message_delivered_while_it_was_put_on_hold_is_not_waiting(work: Work, tools: Tools, host: FakeHost) -> None:
    host.parameters["maximal_queue_lifetime"] = "8s"
    host.add_message("WAITING1", ALICE, age=6, queue="active")
    host.in_flight = {"WAITING1"}
    keep_waiting.look(tools, [work.entry])
    assert host.queue["WAITING1"]["recipients"] == []
    queue_steps.retry_waiting_again(work)
    assert queue_steps.waiting_let_go(work) == "0 waiting messages sent on"
    assert host.queue == {}


def test_what_was_let_go_is_not_caught_again(work: Work, tools: Tools, host: FakeHost) -> None:
    host.parameters["maximal_queue_lifetime"] = "8s"
    host.add_message("WAITING1", ALICE, age=6)
    work.plan = work.entry.plans["release"] = PlanRecord("release", 1, 0.0)
    queue_steps.retry_waiting_again(work)
    keep_waiting.look(tools, [work.entry])
    assert held_ids(host) == set()


def test_a_hijackers_held_mail_to_another_suspended_mailbox_is_not_let_go(
    work: Work, tools: Tools, host: FakeHost
) -> None:
    host.add_message("AAAAAA1", BOB, login=ALICE)
    hold(work)
    bob = suspended(tools, BOB, kept=["AAAAAA1"])
    release = Work(tools, bob, bob.plans["contain"])
    assert not queue_steps.retry_waiting(release)
    assert held_ids(host) == {"AAAAAA1"}


def test_a_queue_file_that_cannot_be_read_is_looked_at_again_and_keeps_no_other_from_being_held(
    work: Work, host: FakeHost
) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    host.add_message("AAAAAA2", "x@outside.test", login=ALICE)
    host.broken["postcat -e -q AAAAAA1"] = lambda: CompletedCommand(1, b"", b"postcat: fatal: Permission denied")
    with pytest.raises(StepFailed, match="1 queue file not looked at yet"):
        hold(work)
    assert held_ids(host) == {"AAAAAA2"}
    host.broken.clear()
    assert hold(work) == "2 messages held, 0 escaped in flight"


def test_a_postcat_that_hangs_is_not_waited_for_message_by_message(work: Work, host: FakeHost) -> None:
    def hangs() -> CompletedCommand:
        raise CommandError("postcat did not answer in time")

    for number in range(9):
        host.add_message(f"AAAAAA{number}", "x@outside.test", login=ALICE)
    host.broken["postcat"] = hangs
    with pytest.raises(StepFailed, match="9 queue files not looked at yet"):
        hold(work)
    assert host.count("postcat") == queue_steps.MOST_FILES_FAILED


def test_a_message_that_has_left_meanwhile_is_nobodys(work: Work, host: FakeHost) -> None:
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    gone = b"postcat: fatal: open queue file AAAAAA1: No such file or directory"
    host.broken["postcat"] = lambda: CompletedCommand(1, b"", gone)
    assert hold(work) == "0 messages held, 0 escaped in flight"
