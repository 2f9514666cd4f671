"""The thread that looks at settings: what it notes, whom it watches, how decisions about scripts are carried out."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from sekisho.containment.commands import CommandError, CompletedCommand
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.settings_watch import ROUND_S, WATCH_S, SettingsWatch
from sekisho.containment.work import Tools
from sekisho.incidents.planted import Frozen, ScriptDecision

from .conftest import ALICE, FakePlanted, FakeSite
from .fake_host import FakeHost
from .saga_world import FAULTS, Fault, Killed

BOB = "bob@customer.example"


class Record(FakePlanted):
    """incidents.planted with a memory and no database."""

    def __init__(self) -> None:
        super().__init__()
        self.probation: list[tuple[str, float]] = []
        self.names = [ALICE, BOB]
        self.noted: list[tuple[str, list[str]]] = []
        self.decisions: list[ScriptDecision] = []
        self.settled: list[tuple[int, bool]] = []

    def on_probation(self) -> list[tuple[str, float]]:
        return self.probation

    def mailboxes_after(self, name: str, most: int) -> list[str]:
        return [other for other in self.names if other > name][:most]

    def note_scripts(self, mailbox: str, scripts: list[Any], at: object) -> None:
        self.noted.append((mailbox, [item.what["script"] for item in scripts]))

    def carry_out(self, host: str) -> list[ScriptDecision]:
        return [decision for decision in self.decisions if (decision.item, decision.keep) not in self.settled]

    def settle(self, item: int, keep: bool) -> None:
        self.settled.append((item, keep))


@pytest.fixture
def record(site: FakeSite) -> Record:
    site.planted = Record()
    return site.planted


@pytest.fixture
def finished() -> list[int]:
    return []


@pytest.fixture
def watch(tools: Tools, record: Record, finished: list[int]) -> SettingsWatch:
    def finish(order_id: int, state: str) -> None:
        finished.append(order_id)

    watch = SettingsWatch(tools, lambda mailbox: [mailbox], finish)
    # Pauses are the fake clock's business.
    watch._stopping = SimpleNamespace(wait=lambda seconds: False)  # type: ignore[assignment]
    return watch


def order(number: int = 1) -> ClaimedOrder:
    return ClaimedOrder(number, ALICE, "planted", 0, 0.0, {}, None)


def test_each_mailbox_is_looked_at_once_a_day(watch: SettingsWatch, record: Record, host: FakeHost) -> None:
    host.scripts = {ALICE: {"rules": "keep;"}, BOB: {}}
    for second in range(10):
        watch.turn(float(second))
    assert record.noted == [(ALICE, ["rules"]), (BOB, [])]
    watch.turn(ROUND_S)
    assert len(record.noted) == 3


def test_a_changed_mailbox_is_looked_at_at_once_and_a_hidden_one_is_no_trouble(
    watch: SettingsWatch, record: Record, host: FakeHost
) -> None:
    record.names = []
    host.scripts = {ALICE: {"rules": "keep;"}}
    for mailbox in (ALICE, ALICE, "gone@customer.example"):
        watch.changed(mailbox)
    watch.turn(0.0)
    assert record.noted == [(ALICE, ["rules"])]


def test_on_probation_a_planted_script_is_switched_off_after_its_change(
    watch: SettingsWatch, record: Record, host: FakeHost
) -> None:
    record.names, record.probation = [], [(ALICE, 1000.0)]
    host.scripts, host.active = {ALICE: {"rules": 'redirect "a@b.example";'}}, {ALICE: "rules"}
    record.frozen = Frozen(("rules",), ())
    watch.turn(0.0)
    # The tables only: nobody said that a script had changed.
    assert host.active == {ALICE: "rules"}
    watch.changed(ALICE)
    watch.turn(1.0)
    assert host.active == {}
    assert [call[0] for call in record.calls].count("freeze") == 2
    watch.turn(WATCH_S)
    assert [call[0] for call in record.calls].count("freeze") == 3


def decided(watch: SettingsWatch, record: Record, keep: bool, active: bool = True) -> ScriptDecision:
    [item] = watch._look_at(ALICE)
    decision = ScriptDecision(7, ALICE, "rules", item.key, keep, active)
    record.decisions = [decision]
    watch.take_order(order())
    return decision


def test_a_kept_script_is_active_again_and_a_deleted_one_is_gone(
    watch: SettingsWatch, record: Record, host: FakeHost, finished: list[int]
) -> None:
    host.scripts = {ALICE: {"rules": "discard;"}}
    decided(watch, record, keep=True)
    watch.turn(0.0)
    assert host.active == {ALICE: "rules"}
    decided(watch, record, keep=False)
    watch.turn(1.0)
    assert host.scripts == {ALICE: {}}
    assert record.settled == [(7, True), (7, False)]
    assert finished == [1, 1]


def test_a_decision_about_a_hidden_mailbox_is_carried_out_later(
    watch: SettingsWatch, record: Record, host: FakeHost, finished: list[int]
) -> None:
    host.scripts = {ALICE: {"rules": "discard;"}}
    decided(watch, record, keep=False)
    hidden = host.scripts.pop(ALICE)
    watch.turn(0.0)
    assert (record.settled, finished) == ([], [])
    host.scripts[ALICE] = hidden
    watch.turn(1.0)
    assert (record.settled, finished) == ([(7, False)], [1])


def test_a_script_rewritten_since_is_not_the_one_that_was_decided_about(
    watch: SettingsWatch, record: Record, host: FakeHost
) -> None:
    host.scripts = {ALICE: {"rules": "discard;"}}
    decided(watch, record, keep=False)
    host.scripts[ALICE]["rules"] = 'fileinto "Mine";'
    watch.turn(0.0)
    assert host.scripts[ALICE] == {"rules": 'fileinto "Mine";'}
    assert record.settled == [(7, False)]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_decision_is_settled_once_and_only_when_it_was_carried_out(
    watch: SettingsWatch, record: Record, host: FakeHost, finished: list[int], keep: bool, fault: Fault
) -> None:
    answers = {"exits 75": CompletedCommand(75, b"", b"busy"), "exits 0 without effect": CompletedCommand(0, b"", b"")}

    def spoilt() -> CompletedCommand:
        if fault == "killed":
            raise Killed
        if fault == "hangs":
            raise CommandError("doveadm did not answer in time")
        return answers[fault]

    host.scripts = {ALICE: {"rules": "discard;"}}
    if not keep:
        host.active[ALICE] = "rules"
    decided(watch, record, keep)
    for verb in ["activate"] if keep else ["deactivate", "delete"]:
        host.broken = {f"doveadm sieve {verb}": spoilt}
        for turn in range(3):
            with suppress(Killed):
                watch.turn(turn * WATCH_S)
            if fault == "killed":
                # The successor claims the order again.
                watch = SettingsWatch(watch._tools, watch._forms_of, watch._finish)
                watch.take_order(order())
        assert (record.settled, finished) == ([], [])
    host.broken.clear()
    for turn in range(3, 6):
        watch.turn(turn * WATCH_S)
    assert (record.settled, finished) == ([(7, keep)], [1])
    assert (host.active, host.scripts) == (
        ({ALICE: "rules"}, {ALICE: {"rules": "discard;"}}) if keep else ({}, {ALICE: {}})
    )
