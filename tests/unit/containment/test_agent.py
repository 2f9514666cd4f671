from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sekisho.config import Settings
from sekisho.containment.agent import Agent, _sole_agent
from sekisho.containment.database_link import Fetched
from sekisho.containment.messages import ClaimedOrder, StepRow
from sekisho.containment.step_runner import StepRunner
from sekisho.journal import (
    AppendLog,
    Cursor,
    MailboxState,
    ScriptChanged,
    StateFile,
    format_record,
    parse_event,
    read_cursor,
    read_state,
)
from sekisho.journal.files import Follower

from .conftest import ALICE, ALICE_ALIAS, FakeSite
from .fake_host import FakeHost
from .test_ledger import decision


class FakeLink(FakeSite):
    """The database thread without a thread or a database."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox: queue.SimpleQueue[ClaimedOrder | Fetched] = queue.SimpleQueue()
        self.rows: list[StepRow] = []
        self.finished: list[tuple[int, str]] = []
        self.facts: dict[str, dict[str, Any]] = {}
        self.heard: dict[str, float] = {}
        self.away_since: float | None = None

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def record(self, row: StepRow) -> None:
        self.rows.append(row)

    def finish(self, order_id: int, state: str) -> None:
        self.finished.append((order_id, state))

    def set_facts(self, process: str, at: float, facts: dict[str, Any]) -> None:
        self.facts[process] = facts
        self.heard[process] = at


class Inline:
    """A pool that works at once."""

    def submit(self, job: Callable[..., object], *arguments: object) -> None:
        job(*arguments)

    def shutdown(self, **options: object) -> None: ...


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def agent(settings: Settings, host: FakeHost, link: FakeLink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setattr("sekisho.containment.step_runner.ThreadPoolExecutor", lambda *a, **k: Inline())
    agent = Agent(settings, host, link)  # type: ignore[arg-type]
    monkeypatch.setattr("sekisho.containment.settings_watch.SettingsWatch.start", lambda watch: None)
    # Waiting is the fake clock's business.
    agent._stop.wait = lambda timeout=None: False  # type: ignore[method-assign,assignment]
    object.__setattr__(agent.tools, "sleep", lambda seconds: None)
    agent.tools.probes._sleep = lambda seconds: None
    agent._begin()
    yield agent


@pytest.fixture
def journal(settings: Settings) -> AppendLog:
    return AppendLog(settings.journal_directory, fsync=False, max_total_bytes=2**26)


def deny(settings: Settings) -> str:
    return (Path(settings.barrier) / "deny").read_text()


def test_one_tick_leads_from_the_journal_to_a_contained_mailbox(
    agent: Agent, journal: AppendLog, settings: Settings, host: FakeHost, link: FakeLink
) -> None:
    host.sessions = {ALICE: 1}
    journal.append(format_record(decision()))
    agent.tick()
    assert ALICE in deny(settings)
    done = {row.name: row for row in link.rows if row.state in ("done", "already")}
    assert set(done) >= {"raise_barrier", "kick_sessions", "hold_queue", "probe_doors", "mirror_active"}
    assert (done["kick_sessions"].outcome, done["kick_sessions"].position) == ("1 session ended", 3)
    state = read_state(settings.state_file)
    assert state is not None and state.mailboxes[ALICE].status == "suspended"
    assert not link.active[ALICE]


def test_the_database_may_be_away_for_all_of_it(
    agent: Agent, journal: AppendLog, settings: Settings, link: FakeLink
) -> None:
    link.is_away = True
    journal.append(format_record(decision()))
    agent.tick()
    assert ALICE in deny(settings)
    [entry] = agent.ledger.entries()
    assert entry.plans["contain"].steps["probe_doors"].is_done
    assert not entry.plans["contain"].steps["mirror_active"].is_done


def test_the_cursor_moves_only_when_the_ledger_has_it(
    agent: Agent, journal: AppendLog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    cursor = Path(settings.var) / "agent" / "journal.cursor"
    journal.append(format_record(decision()))
    with monkeypatch.context() as patch:
        patch.setattr("sekisho.containment.ledger.replace_file", full)
        with pytest.raises(OSError, match="No space"):
            agent.tick()
        assert read_cursor(cursor) == Cursor(0, 0)
    agent.tick()
    assert read_cursor(cursor).offset > 0
    assert ALICE in deny(settings)


def test_a_successor_finds_everything_in_the_ledger(
    agent: Agent, journal: AppendLog, settings: Settings, host: FakeHost, link: FakeLink
) -> None:
    host.broken["doveadm kick"] = lambda: (_ for _ in ()).throw(KeyboardInterrupt)  # the process is killed here
    journal.append(format_record(decision()))
    with pytest.raises(KeyboardInterrupt):
        agent.tick()
    host.broken.clear()
    for path in Path(settings.barrier).glob("*"):
        path.unlink()
    second = Agent(settings, host, link)  # type: ignore[arg-type]
    second.tools.probes._sleep = lambda seconds: None
    second._begin()
    # The barrier stands before the journal is looked at.
    assert ALICE in deny(settings) and ALICE_ALIAS not in deny(settings)
    second.tick()
    [entry] = second.ledger.entries()
    assert entry.plans["contain"].steps["kick_sessions"].is_done
    assert entry.plans["contain"].steps["probe_doors"].is_done


def test_an_order_is_finished_when_its_effect_was_read_back(
    agent: Agent, journal: AppendLog, settings: Settings, link: FakeLink
) -> None:
    journal.append(format_record(decision()))
    agent.tick()
    link.inbox.put(ClaimedOrder(4, ALICE, "contain", 0, 1000.0, {"hold_since": 900.0}, None))
    agent.tick()
    assert link.finished == [(4, "done")]
    link.inbox.put(ClaimedOrder(5, ALICE, "release", 1, 1100.0, {}, True))
    link.inbox.put(Fetched(StateFile(0.0, {ALICE: MailboxState("probation", 1, 20)}), frozenset()))
    agent.tick()
    assert link.finished == [(4, "done"), (5, "done")]
    assert deny(settings) == ""
    assert link.active[ALICE]
    state = read_state(settings.state_file)
    assert state is not None and state.mailboxes[ALICE] == MailboxState("probation", 1, 20)


def test_names_learnt_from_the_database_are_shut_too(
    agent: Agent, journal: AppendLog, settings: Settings, link: FakeLink
) -> None:
    journal.append(format_record(decision()))
    agent.tick()
    assert ALICE_ALIAS not in deny(settings)
    state = StateFile(0.0, {ALICE: MailboxState("suspended", 0)}, {"alias.example": "customer.example"})
    link.inbox.put(Fetched(state, frozenset({"customer.example"})))
    agent.tick()
    assert f"{ALICE_ALIAS}:" in deny(settings)


def test_the_record_cannot_open_a_mailbox(agent: Agent, journal: AppendLog, settings: Settings, link: FakeLink) -> None:
    journal.append(format_record(decision()))
    agent.tick()
    link.active[ALICE] = True
    link.inbox.put(Fetched(StateFile(0.0, {ALICE: MailboxState("active", 3)}), frozenset()))
    agent.tick()
    assert ALICE in deny(settings)
    assert any("stays shut" in alarm for alarm in agent._alarms.texts())


def test_a_changed_script_is_looked_into_for_the_guard(agent: Agent, settings: Settings, host: FakeHost) -> None:
    host.scripts[ALICE] = {"fwd": 'redirect "evil@outside.test";'}
    host.active[ALICE] = "fwd"
    spool = AppendLog(settings.spool_directory, fsync=False, max_total_bytes=2**26)
    spool.append(format_record(ScriptChanged(5.0, ALICE, "filter", script="fwd", ip="198.51.100.7")))
    agent.tick()
    [line] = Follower(Path(settings.var) / "agent" / "findings").read()
    assert parse_event(line) == ScriptChanged(5.0, ALICE, "forward", "evil@outside.test", "fwd", "198.51.100.7")


def test_what_the_agent_says_about_itself(agent: Agent, journal: AppendLog, settings: Settings, link: FakeLink) -> None:
    journal.append(format_record(decision()), b'{"type":"decision","nonsense":1}')
    agent.tick()
    agent._each_second()
    facts = json.loads((Path(settings.var) / "agent" / "status.json").read_bytes())
    assert (facts["suspended"], facts["database"]) == (1, "ok")
    assert any("journal could not be read" in alarm for alarm in facts["alarms"])
    assert link.facts["agent"]["suspended"] == 1
    assert "guard" not in link.facts


def test_it_passes_on_the_guards_sign_of_life_with_its_own_time(
    agent: Agent, settings: Settings, link: FakeLink
) -> None:
    path = Path(settings.var) / "guard" / "status.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"at": 1234.5, "mode": "enforce", "alarms": ["the journal cannot be written"], "pid": 7}')
    agent._each_second()
    assert link.heard["guard"] == 1234.5
    assert link.facts["guard"]["alarms"] == ["the journal cannot be written"]
    path.write_text("{")
    agent._each_second()


def test_a_lifetime_made_shorter_counts_from_the_next_second(
    agent: Agent, journal: AppendLog, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = [1, 1, 1, 2]
    monkeypatch.setattr("sekisho.containment.keep_waiting.configuration_stamp", lambda tools: stamps.pop(0))
    journal.append(format_record(decision()))
    agent.tick()
    host.clock.now = time.time()
    host.add_message("WAITING1", ALICE, age=6)
    agent._keep_waiting()
    host.parameters["maximal_queue_lifetime"] = "8s"
    agent._keep_waiting()
    assert host.queue["WAITING1"]["queue_name"] == "deferred"
    agent._keep_waiting()
    assert host.queue["WAITING1"]["queue_name"] == "hold"


def test_the_archive_is_pruned_at_the_start_and_once_a_day(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    pruned: list[float] = []
    monkeypatch.setattr(agent.ledger, "prune_archive", pruned.append)
    for now in (1000.0, 1001.0, 87_399.0, 87_400.0, 87_401.0):
        agent._prune_archive(now)
    assert pruned == [1000.0, 87_400.0]


def test_the_loop_does_not_wait_for_the_pruning(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Callable[[], object]] = []
    monkeypatch.setattr(agent._runner, "submit", lambda job: handed.append(job) or True)
    monkeypatch.setattr(agent.ledger, "prune_archive", lambda now: pytest.fail("carried out in the loop"))
    agent.tick()
    assert len(handed) == 1


def test_a_second_agent_is_refused(tmp_path: Path) -> None:
    with _sole_agent(tmp_path) as first, _sole_agent(tmp_path) as second:
        assert (first, second) == (True, False)
    with _sole_agent(tmp_path) as third:
        assert third


def test_the_pool_counts_its_odd_jobs(agent: Agent) -> None:
    runner: StepRunner = agent._runner
    for _ in range(1000):
        assert runner.submit(lambda: 1 / 0)
