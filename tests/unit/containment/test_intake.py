from __future__ import annotations

import msgspec
import pytest

from sekisho.containment import plans
from sekisho.containment.barrier import wanted_rows
from sekisho.containment.intake import Intake
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.site_names import SiteNames
from sekisho.containment.state_writer import overlay
from sekisho.containment.work import Tools
from sekisho.journal import MailboxState, StateFile

from .conftest import ALICE, ALICE_ALIAS
from .test_ledger import decision


@pytest.fixture
def finished() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def intake(tools: Tools, names: SiteNames, finished: list[tuple[int, str]]) -> Intake:
    return Intake(tools.ledger, names, tools.now, lambda order, state: finished.append((order, state)))


def order(number: int, kind: str, generation: int, **details: object) -> ClaimedOrder:
    return ClaimedOrder(number, ALICE, kind, generation, 1000.0, dict(details), True)


def record(status: str, generation: int = 0) -> StateFile:
    return StateFile(0.0, {ALICE: MailboxState(status, generation, None, 950.0)})  # type: ignore[arg-type]


def test_a_decision_makes_an_entry_under_all_names(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision(queue_ids=("ABCDEF1", "../x")))
    [entry] = tools.ledger.entries()
    assert (entry.status, entry.hold_since, entry.queue_ids) == ("suspended", 900.0, ["ABCDEF1"])
    assert entry.addresses == entry.login_names == [ALICE, ALICE_ALIAS]
    assert list(entry.plans) == ["contain"]


@pytest.mark.parametrize("fields", [{"enforced": False}, {"action": "alert"}])
def test_an_alert_or_an_observed_decision_shuts_nothing(
    intake: Intake, tools: Tools, fields: dict[str, object]
) -> None:
    intake.take_decision(msgspec.structs.replace(decision(), **fields))
    assert tools.ledger.entries() == []


def test_a_later_decision_makes_it_worse_never_better(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision(action="restrict"))
    intake.take_decision(decision(action="suspend"))
    intake.take_decision(decision(action="restrict", id="another", limit=10))
    [entry] = tools.ledger.entries()
    assert entry.status == "suspended"
    assert entry.plans["restrict"].superseded
    assert not entry.plans["contain"].superseded


def test_a_stricter_limit_raises_the_barrier_again(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision(action="restrict"))
    [entry] = tools.ledger.entries()
    plans.record_of(entry.plans["restrict"], "raise_barrier").state = "done"
    intake.take_decision(decision(action="restrict", id="another", limit=0))
    assert entry.limit == 0
    assert not plans.record_of(entry.plans["restrict"], "raise_barrier").is_done
    intake.take_decision(decision(action="restrict", id="third", limit=10))
    assert entry.limit == 0


@pytest.mark.parametrize("by", ["order", "record"])
def test_an_operators_stricter_limit_raises_the_barrier_too(intake: Intake, tools: Tools, by: str) -> None:
    intake.take_order(order(1, "restrict", 0, limit=10))
    [entry] = tools.ledger.entries()
    plans.record_of(entry.plans["restrict"], "raise_barrier").state = "done"
    assert not wanted_rows([entry])["sasl"]
    for _ in range(2):
        if by == "order":
            intake.take_order(order(1, "restrict", 0, limit=0))
        else:
            intake.take_record(StateFile(0.0, {ALICE: MailboxState("restricted", 0, 0, 960.0)}))
    assert entry.limit == 0
    assert entry.plans["restrict"].order_ids == [1]
    assert wanted_rows([entry])["sasl"]
    assert not plans.record_of(entry.plans["restrict"], "raise_barrier").is_done


def test_the_workers_order_joins_the_plan_that_is_under_way(
    intake: Intake, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    intake.take_decision(decision())
    [entry] = tools.ledger.entries()
    plans.record_of(entry.plans["contain"], "hold_queue").state = "done"
    for _ in range(2):
        intake.take_order(order(7, "contain", 0, hold_since=900.0, queue_ids=[], limit=None))
    assert entry.plans["contain"].order_ids == [7]
    assert plans.record_of(entry.plans["contain"], "hold_queue").is_done
    assert finished == []


def test_an_order_that_widens_the_hold_holds_again(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision())
    [entry] = tools.ledger.entries()
    plans.record_of(entry.plans["contain"], "hold_queue").state = "done"
    intake.take_order(order(7, "contain", 0, hold_since=500.0))
    assert entry.hold_since == 500.0
    assert not plans.record_of(entry.plans["contain"], "hold_queue").is_done


def test_only_an_order_of_a_newer_generation_opens(
    intake: Intake, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    intake.take_decision(decision(generation=1))
    intake.take_order(order(8, "release", 1))
    [entry] = tools.ledger.entries()
    assert entry.opening is None
    assert finished == [(8, "done")]
    intake.take_order(order(9, "release", 2))
    assert entry.opening is not None and entry.opening.order_ids == [9]
    assert entry.plans["contain"].superseded


def test_an_opened_mailbox_is_not_shut_by_an_old_decision_but_by_a_new_one(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision())
    intake.take_order(order(9, "release", 1))
    [entry] = tools.ledger.entries()
    entry.status = "released"
    intake.take_decision(decision(id="late"))
    assert not any(wanted_rows(tools.ledger.entries()).values())
    intake.take_decision(decision(generation=1))
    assert ALICE in wanted_rows(tools.ledger.entries())["deny"]


def test_an_order_claimed_twice_is_carried_out_once_and_reported_again(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision())
    intake.take_order(order(9, "release", 1))
    [entry] = tools.ledger.entries()
    assert entry.opening is not None
    entry.opening.finished_orders = [9]
    intake.take_order(order(9, "release", 1))
    assert entry.opening.order_ids == [9]
    assert entry.opening.finished_orders == []


def test_opening_works_with_the_ledger_lost(intake: Intake, tools: Tools) -> None:
    intake.take_order(order(9, "release", 1))
    [entry] = tools.ledger.entries()
    assert entry.former_active is True
    assert entry.login_names == [ALICE, ALICE_ALIAS]
    assert not entry.is_shut


def test_an_escalation_finishes_the_order_it_overtakes(
    intake: Intake, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    intake.take_order(order(5, "restrict", 0, limit=10))
    intake.take_order(order(6, "contain", 0))
    assert finished == [(5, "done")]


def test_the_record_adds_what_the_ledger_lacks_and_takes_nothing_away(intake: Intake, tools: Tools) -> None:
    intake.take_record(record("suspended"))
    assert ALICE in wanted_rows(tools.ledger.entries())["deny"]
    intake.take_record(StateFile(0.0))
    intake.take_record(record("probation", 1))
    assert ALICE in wanted_rows(tools.ledger.entries())["deny"]
    assert intake.contradictions(record("probation", 1), older_than=2000.0) == [ALICE]
    assert intake.contradictions(record("suspended"), older_than=2000.0) == []
    assert intake.contradictions(StateFile(0.0), older_than=900.0) == []


def test_the_same_record_again_changes_nothing(intake: Intake, tools: Tools) -> None:
    for _ in range(3):
        intake.take_record(record("suspended"))
    [entry] = tools.ledger.entries()
    assert len(entry.origins) == 1


def test_a_new_alias_domain_adds_rows(intake: Intake, tools: Tools, names: SiteNames) -> None:
    intake.take_decision(decision())
    [entry] = tools.ledger.entries()
    plans.record_of(entry.plans["contain"], "raise_barrier").state = "done"
    names.take({"alias.example": "customer.example", "new.example": "customer.example"}, frozenset())
    assert intake.learn_names()
    assert entry.login_names == [ALICE, ALICE_ALIAS, "alice@new.example"]
    assert not plans.record_of(entry.plans["contain"], "raise_barrier").is_done
    assert not intake.learn_names()


# --- the state file


def status_of(state: StateFile) -> tuple[str, int]:
    known = state.mailboxes[ALICE]
    return known.status, known.generation


def test_the_guard_hears_of_a_suspension_the_record_does_not_know(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision())
    assert status_of(overlay(StateFile(0.0), tools.ledger.entries())) == ("suspended", 0)
    assert status_of(overlay(record("restricted"), tools.ledger.entries())) == ("suspended", 0)


def test_a_newer_generation_counts_for_the_guard_only_with_its_order(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision())
    reinstated = record("probation", 1)
    assert status_of(overlay(reinstated, tools.ledger.entries())) == ("suspended", 0)
    intake.take_order(order(9, "release", 1))
    assert status_of(overlay(reinstated, tools.ledger.entries())) == ("probation", 1)
    # The order can be here before the record was read again.
    assert status_of(overlay(record("suspended", 0), tools.ledger.entries())) == ("probation", 1)


def test_the_record_may_be_stricter_than_the_ledger(intake: Intake, tools: Tools) -> None:
    intake.take_decision(decision(action="restrict"))
    assert status_of(overlay(record("suspended"), tools.ledger.entries())) == ("suspended", 0)
