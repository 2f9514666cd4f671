"""The doors of suspended mailboxes are tried again and again; an open one is an alarm until it is shut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sekisho.containment import plans
from sekisho.containment.barrier import rows_of
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.door_watch import AGAIN_S, DoorWatch
from sekisho.containment.ledger import Entry, PlanRecord, StepRecord
from sekisho.containment.messages import StepRow
from sekisho.containment.status import Alarms
from sekisho.containment.work import Tools

from .conftest import ALICE, suspended
from .fake_host import Clock, FakeHost

EVERY = 3600.0


class Watch:
    """A watch whose looks happen at once, and what it said."""

    def __init__(self, tools: Tools, clock: Clock) -> None:
        self.clock, self.alarms = clock, Alarms()
        self.rows: list[StepRow] = []
        self.watch = DoorWatch(tools, self.alarms, self.run, self.rows.append, clock)
        # Past the spread at the start.
        clock.now += 61

    def run(self, job: Callable[[], object]) -> bool:
        job()
        return True

    def tick(self, *entries: Entry) -> None:
        self.watch.tick(entries)
        # The alarms tell at the next second what a look has found.
        self.watch.tick(entries)


@pytest.fixture
def watch(tools: Tools, clock: Clock) -> Watch:
    return Watch(tools, clock)


@pytest.fixture
def entry(tools: Tools, clock: Clock) -> Entry:
    entry = suspended(tools)
    tools.barrier.raise_rows(rows_of(entry))
    for step in plans.CONTAIN:
        entry.plans["contain"].steps[step.name] = StepRecord("done", 1, clock.now)
    return entry


def test_it_tries_the_doors_an_hour_after_the_plan_and_again_each_hour(watch: Watch, entry: Entry) -> None:
    watch.tick(entry)
    assert watch.rows == []
    for hour in (1, 2):
        watch.clock.now += EVERY
        watch.tick(entry)
        assert [row.state for row in watch.rows] == ["done"] * hour
    assert watch.alarms.texts() == []
    assert "refused a valid secret" in watch.rows[-1].outcome


def test_an_open_door_is_an_alarm_until_it_is_shut(watch: Watch, entry: Entry, host: FakeHost) -> None:
    host.sessions = {ALICE: 1}
    watch.tick(entry)
    watch.clock.now += EVERY
    host.broken["doveadm auth test"] = lambda: CompletedCommand(0, b"", b"")
    watch.tick(entry)
    assert watch.alarms.texts() == [f"{ALICE} is suspended, but {watch.rows[-1].outcome}"]
    assert watch.rows[-1].state == "failed"
    assert watch.rows[-1].outcome.startswith("open: IMAP")
    # Whoever came in by it is out.
    assert host.sessions == {}
    del host.broken["doveadm auth test"]
    watch.clock.now += AGAIN_S
    watch.tick(entry)
    assert watch.alarms.texts() == []
    assert watch.rows[-1].state == "done"


def test_what_cannot_be_told_is_an_alarm_too(watch: Watch, entry: Entry, host: FakeHost) -> None:
    watch.tick(entry)
    watch.clock.now += EVERY
    host.broken["doveadm auth test"] = lambda: CompletedCommand(75, b"", b"connect: refused")
    watch.tick(entry)
    assert "nobody can tell" in watch.alarms.texts()[0]


def test_a_mailbox_being_contained_or_opened_is_left_alone(watch: Watch, entry: Entry) -> None:
    watch.tick(entry)
    watch.clock.now += EVERY
    entry.plans["contain"].steps["sweep_30"] = StepRecord()
    watch.tick(entry)
    entry.plans["contain"].steps["sweep_30"] = StepRecord("done", 1, watch.clock.now)
    entry.plans["release"] = PlanRecord("release", 1, watch.clock.now)
    entry.plans["contain"].superseded = True
    watch.tick(entry)
    assert watch.rows == []


def test_after_a_start_it_looks_within_a_minute(tools: Tools, clock: Clock, entry: Entry) -> None:
    watch = Watch(tools, clock)
    clock.now -= 61
    watch.tick(entry)
    clock.now += 60
    watch.tick(entry)
    assert len(watch.rows) == 1


def test_the_alarm_ends_with_the_suspension(watch: Watch, entry: Entry, host: FakeHost) -> None:
    watch.tick(entry)
    watch.clock.now += EVERY
    host.broken["doveadm auth test"] = lambda: CompletedCommand(0, b"", b"")
    watch.tick(entry)
    assert watch.alarms.texts()
    entry.status = "released"
    watch.tick(entry)
    assert watch.alarms.texts() == []
