"""Mail on hold: what the record is told of it, and what people's orders do to it, and to nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.config import Settings
from sekisho.containment import plans, queue_steps
from sekisho.containment.agent import Agent
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.held_orders import HeldOrders
from sekisho.containment.ledger import ARCHIVE_KEPT_S, Entry, Ledger, PlanRecord
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.work import Tools, Work

from .conftest import ALICE, FakeSite, suspended
from .fake_host import FakeHost
from .test_refreshes import Inline

BOB = "bob@customer.example"
IDS = ("AAAAAA1", "AAAAAA2", "AAAAAA3")


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.containment.step_runner.ThreadPoolExecutor", lambda *a, **k: Inline())


@pytest.fixture
def work(tools: Tools, host: FakeHost) -> Work:
    """Three messages of the incident on hold, each to two recipients."""
    entry = suspended(tools)
    for queue_id in IDS:
        host.add_message(queue_id, "x@outside.test", "y@outside.test", login=ALICE)
        host.queue[queue_id]["message_size"] = 1234
    work = Work(tools, entry, entry.plans["contain"])
    hold(work)
    return work


@pytest.fixture
def finished() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def orders(tmp_path: Path, tools: Tools, work: Work, finished: list[tuple[int, str]]) -> HeldOrders:
    return HeldOrders(tmp_path / "held", tools, lambda number, state: finished.append((number, state)))


def hold(work: Work) -> str:
    queue_steps.hold_queue(work)
    return queue_steps.queue_held(work)


def order(kind: str, *queue_ids: str, number: int = 7, mailbox: str = ALICE) -> ClaimedOrder:
    return ClaimedOrder(number, mailbox, kind, 0, 1000.0, {"queue_ids": list(queue_ids)}, None)


def states(site: FakeSite) -> dict[str, str]:
    """The last word on every message."""
    return {row.queue_id: row.state for row in site.held_rows}


def queued(host: FakeHost) -> dict[str, str]:
    return {queue_id: message["queue_name"] for queue_id, message in host.queue.items()}


def archived(tools: Tools, entry: Entry) -> None:
    """The mailbox was recovered, and everything about it is done."""
    entry.status = "released"
    entry.plans["release"] = PlanRecord("release", 1, tools.now())
    tools.ledger.archive(entry)


# --- what the record is told


def test_the_record_learns_what_is_held_with_its_details(work: Work, site: FakeSite, host: FakeHost) -> None:
    assert states(site) == dict.fromkeys(IDS, "held")
    row = site.held_rows[0]
    assert (row.mailbox, row.generation, row.sender, row.size) == (ALICE, 0, "anybody@elsewhere.example", 1234)
    assert (row.recipients, row.addresses) == (2, ("x@outside.test", "y@outside.test"))
    assert row.arrived_at == host.queue["AAAAAA1"]["arrival_time"]


def test_nothing_is_told_twice(work: Work, site: FakeSite) -> None:
    hold(work)
    assert len(site.held_rows) == 3


@pytest.mark.parametrize("leaves_a_file", [False, True])
def test_a_message_that_escaped_is_told_with_what_was_seen_of_it(
    leaves_a_file: bool, tools: Tools, host: FakeHost, site: FakeSite
) -> None:
    entry = suspended(tools)
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE, queue="active")
    work = Work(tools, entry, entry.plans["contain"])
    host.in_flight = {"AAAAAA1"}
    queue_steps.hold_queue(work)
    if not leaves_a_file:
        del host.queue["AAAAAA1"]
    queue_steps.queue_held(work)
    [row] = site.held_rows
    assert (row.state, row.recipients, row.addresses) == ("escaped", 1, ("x@outside.test",))


def test_of_many_recipients_twenty_are_named_and_all_are_counted(tools: Tools, host: FakeHost, site: FakeSite) -> None:
    entry = suspended(tools)
    host.add_message("AAAAAA1", *(f"r{n}@outside.test" for n in range(30)), login=ALICE)
    hold(Work(tools, entry, entry.plans["contain"]))
    [row] = site.held_rows
    assert (row.recipients, len(row.addresses)) == (30, 20)


def test_a_successor_tells_everything_once_more(work: Work, tools: Tools, settings: Settings, host: FakeHost) -> None:
    from sekisho.containment.held_mail import HeldMail

    told: list[str] = []
    successor = HeldMail(Ledger(settings.ledger_directory), lambda row: told.append(row.queue_id), tools.now)
    successor.look(tools.postfix.queue)
    successor.look(tools.postfix.queue)
    assert sorted(told) == sorted(IDS)


def test_what_another_hand_deletes_or_lets_go_is_noticed(
    work: Work, tools: Tools, host: FakeHost, site: FakeSite
) -> None:
    del host.queue["AAAAAA1"]
    host.queue["AAAAAA2"]["queue_name"] = "deferred"
    tools.held.look(tools.postfix.queue)
    assert states(site) == {"AAAAAA1": "vanished", "AAAAAA2": "released", "AAAAAA3": "held"}
    assert (work.entry.held, work.entry.vanished) == (["AAAAAA2", "AAAAAA3"], ["AAAAAA1"])
    # A later sweep does not call it escaped in flight, and holds what was let go again.
    assert hold(work) == "2 messages held, 0 escaped in flight"


def test_a_message_in_flight_is_not_missed_before_the_plan_has_counted_it(
    tools: Tools, host: FakeHost, site: FakeSite
) -> None:
    entry = suspended(tools)
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE, queue="active")
    work = Work(tools, entry, entry.plans["contain"])
    queue_steps.hold_queue(work)
    del host.queue["AAAAAA1"]
    tools.held.look(tools.postfix.queue)
    assert queue_steps.queue_held(work) == "0 messages held, 1 escaped in flight"


def test_a_dismissal_is_told_as_released_and_left(work: Work, tools: Tools, host: FakeHost, site: FakeSite) -> None:
    queue_steps.release_held(work)
    assert queue_steps.held_released(work) == "3 messages released"
    assert states(site) == dict.fromkeys(IDS, "released")
    del host.queue["AAAAAA1"]
    tools.held.look(tools.postfix.queue)
    assert states(site)["AAAAAA1"] == "left"
    assert tools.ledger.held_ids() == set()


# --- orders


def test_a_purge_deletes_exactly_what_was_chosen(
    orders: HeldOrders, work: Work, host: FakeHost, site: FakeSite, finished: list[tuple[int, str]]
) -> None:
    orders.take_order(order("purge_held", "AAAAAA1", "AAAAAA3"))
    orders.tick()
    assert queued(host) == {"AAAAAA2": "hold"}
    assert states(site) == {"AAAAAA1": "purged", "AAAAAA2": "held", "AAAAAA3": "purged"}
    assert site.held_rows[-1].order_id == 7
    assert (finished, orders.entries()) == ([(7, "done")], [])


def test_no_message_but_the_incidents_own_is_touched_whatever_the_order_names(
    orders: HeldOrders, work: Work, tools: Tools, host: FakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    bob = suspended(tools, BOB)
    host.add_message("BBBBBB1", "x@outside.test", login=BOB)
    hold(Work(tools, bob, bob.plans["contain"]))
    host.add_message("CCCCCC1", ALICE, queue="hold")
    work.entry.kept = ["CCCCCC1"]
    orders.take_order(order("purge_held", "AAAAAA1", "BBBBBB1", "CCCCCC1", "ALL", "-r", number=7))
    orders.take_order(order("requeue_held", "BBBBBB1", "CCCCCC1", number=8))
    orders.tick()
    assert queued(host) == {"AAAAAA2": "hold", "AAAAAA3": "hold", "BBBBBB1": "hold", "CCCCCC1": "hold"}
    assert bob.held == ["BBBBBB1"]
    assert "not its to touch" in caplog.text


def test_an_order_about_an_incident_nobody_knows_fails(
    orders: HeldOrders, host: FakeHost, finished: list[tuple[int, str]]
) -> None:
    orders.take_order(order("purge_held", "AAAAAA1", mailbox=BOB))
    orders.tick()
    assert finished == [(7, "failed")]
    assert queued(host) == dict.fromkeys(IDS, "hold")


def test_a_purge_without_effect_is_not_done(
    orders: HeldOrders, host: FakeHost, tools: Tools, site: FakeSite, finished: list[tuple[int, str]]
) -> None:
    host.broken["postsuper -d"] = lambda: CompletedCommand(0, b"", b"postsuper: Deleted: 1 message")
    orders.take_order(order("purge_held", "AAAAAA1"))
    orders.tick()
    assert (finished, states(site)["AAAAAA1"]) == ([], "held")
    [entry] = orders.entries()
    assert entry.plans["purge_held"].steps["purge_held"].outcome == "1 message still there"
    host.broken.clear()
    tools.sleep(5)
    orders.tick()
    assert (finished, states(site)["AAAAAA1"]) == ([(7, "done")], "purged")


def test_mail_is_purged_long_after_the_mailbox_was_recovered(
    orders: HeldOrders, work: Work, tools: Tools, settings: Settings, host: FakeHost, site: FakeSite
) -> None:
    archived(tools, work.entry)
    tools.ledger.prune_archive(tools.now() + 100 * ARCHIVE_KEPT_S)
    orders.take_order(order("purge_held", *IDS))
    orders.tick()
    assert (queued(host), states(site)) == ({}, dict.fromkeys(IDS, "purged"))
    # Nothing of it is on hold any more: now its file may go, also for a successor.
    assert Ledger(settings.ledger_directory).prune_archive(tools.now() + 100 * ARCHIVE_KEPT_S) == 1


def test_what_a_person_purged_does_not_come_back_with_a_dismissal(
    orders: HeldOrders, work: Work, host: FakeHost, site: FakeSite
) -> None:
    orders.take_order(order("purge_held", "AAAAAA1"))
    orders.tick()
    queue_steps.release_held(work)
    assert queue_steps.held_released(work) == "2 messages released"
    assert queued(host) == {"AAAAAA2": "deferred", "AAAAAA3": "deferred"}
    assert states(site)["AAAAAA1"] == "purged"


def test_what_is_sent_on_stays_off_hold_when_the_incident_grows(
    orders: HeldOrders, work: Work, host: FakeHost, finished: list[tuple[int, str]]
) -> None:
    orders.take_order(order("requeue_held", "AAAAAA1"))
    orders.tick()
    assert (queued(host)["AAAAAA1"], finished) == ("deferred", [(7, "done")])
    assert host.count("postqueue", "-i", "AAAAAA1") == 1
    assert hold(work) == "2 messages held, 0 escaped in flight"
    assert queued(host)["AAAAAA1"] == "deferred"


def test_mail_held_for_half_its_lifetime_is_sent_on_anew(
    orders: HeldOrders, work: Work, host: FakeHost, site: FakeSite
) -> None:
    host.clock.now += 3 * 86400
    orders.take_order(order("requeue_held", "AAAAAA1"))
    orders.tick()
    assert set(host.queue) == {"AAAAAA1NEW", "AAAAAA2", "AAAAAA3"}
    assert states(site)["AAAAAA1"] == "left"


def test_what_was_sent_on_is_held_again_as_far_as_it_is_still_there(
    orders: HeldOrders, work: Work, host: FakeHost, site: FakeSite
) -> None:
    orders.take_order(order("requeue_held", *IDS, number=7))
    orders.tick()
    del host.queue["AAAAAA1"]
    host.in_flight = {"AAAAAA2"}
    orders.take_order(order("hold_held", *IDS, number=8))
    orders.tick()
    assert queued(host) == {"AAAAAA3": "hold"}
    assert states(site) == {"AAAAAA1": "left", "AAAAAA2": "left", "AAAAAA3": "held"}
    assert work.entry.held == ["AAAAAA3"]
    assert hold(work) == "1 message held, 0 escaped in flight"


def test_a_successor_goes_on_where_the_agent_was_killed(
    orders: HeldOrders, tmp_path: Path, tools: Tools, host: FakeHost, finished: list[tuple[int, str]]
) -> None:
    def killed() -> CompletedCommand:
        raise KeyboardInterrupt

    host.broken["postsuper -d"] = killed
    orders.take_order(order("purge_held", "AAAAAA1"))
    with pytest.raises(KeyboardInterrupt):
        orders.tick()
    host.broken.clear()
    successor = HeldOrders(tmp_path / "held", tools, lambda number, state: finished.append((number, state)))
    successor.tick()
    assert (set(host.queue), finished) == ({"AAAAAA2", "AAAAAA3"}, [(7, "done")])


def test_a_hijackers_held_mail_stays_his_after_the_ledger_has_archived_it(work: Work, tools: Tools) -> None:
    archived(tools, work.entry)
    bob = suspended(tools, BOB)
    assert tools.ledger.held_ids() == set(IDS)
    assert queue_steps.waiting_messages(tools.postfix.queue(), bob, tools) == []


@pytest.mark.parametrize("kind", sorted(plans.HELD))
def test_the_agent_carries_every_kind_of_order_out(kind: str, settings: Settings, host: FakeHost) -> None:
    from .test_agent import FakeLink

    link = FakeLink()
    agent = Agent(settings, host, link)  # type: ignore[arg-type]
    entry = suspended(agent.tools, status="released", plans={})
    host.add_message("AAAAAA1", "x@outside.test", queue="hold" if kind != "hold_held" else "deferred")
    (entry.held if kind != "hold_held" else entry.requeued).append("AAAAAA1")
    agent.ledger.save(entry)
    link.inbox.put(order(kind, "AAAAAA1"))
    agent.tick()
    after = {"purge_held": {}, "requeue_held": {"AAAAAA1": "deferred"}, "hold_held": {"AAAAAA1": "hold"}}
    assert (queued(host), link.finished) == (after[kind], [(7, "done")])
