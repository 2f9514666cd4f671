"""A new password while the doors are open: the old one is forgotten, its sessions end, nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sekisho.config import Settings
from sekisho.containment.agent import Agent
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.refreshes import Refreshes
from sekisho.containment.site_names import SiteNames
from sekisho.containment.work import Tools

from .conftest import ALICE, ALICE_ALIAS
from .fake_host import FakeHost

FAILED = CompletedCommand(1, b"", b"connect: Connection refused")


class Inline:
    """A pool that works at once."""

    def submit(self, job: Callable[..., object], *arguments: object) -> None:
        job(*arguments)

    def shutdown(self, **options: object) -> None: ...


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.containment.step_runner.ThreadPoolExecutor", lambda *a, **k: Inline())


@pytest.fixture
def finished() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def refreshes(tmp_path: Path, tools: Tools, names: SiteNames, finished: list[tuple[int, str]]) -> Refreshes:
    return begin(tmp_path, tools, names, finished)


def begin(tmp_path: Path, tools: Tools, names: SiteNames, finished: list[tuple[int, str]]) -> Refreshes:
    return Refreshes(tmp_path / "refreshes", tools, names, lambda number, state: finished.append((number, state)))


def order(number: int = 7) -> ClaimedOrder:
    return ClaimedOrder(number, ALICE, "refresh", 0, 1000.0, {}, None)


def test_the_cache_is_flushed_before_the_sessions_of_all_login_names_end(
    refreshes: Refreshes, host: FakeHost, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    host.sessions = {ALICE: 2, ALICE_ALIAS: 1}
    refreshes.take_order(order())
    refreshes.tick()
    acts = [call[1:] for call in host.calls if call[1] in ("auth", "kick")]
    assert acts == [
        ("auth", "cache", "flush", "--", ALICE, ALICE_ALIAS),
        ("kick", "--", ALICE),
        ("kick", "--", ALICE_ALIAS),
    ]
    assert host.sessions == {}
    assert finished == [(7, "done")]
    assert refreshes.entries() == [] == tools.ledger.entries()


def test_it_is_not_done_before_the_old_sessions_are_gone(
    refreshes: Refreshes, host: FakeHost, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    host.sessions = {ALICE: 1}
    host.broken["doveadm kick"] = lambda: CompletedCommand(0, b"", b"")
    refreshes.take_order(order())
    refreshes.tick()
    assert finished == []
    [entry] = refreshes.entries()
    assert entry.plans["refresh"].steps["kick_sessions"].outcome == "1 session still open"
    host.broken.clear()
    tools.sleep(5)
    refreshes.tick()
    assert finished == [(7, "done")]


def test_the_owners_new_session_is_not_taken_for_an_old_one(
    refreshes: Refreshes, host: FakeHost, finished: list[tuple[int, str]]
) -> None:
    def kicked_and_back() -> CompletedCommand:
        host.pids[ALICE] = 2
        return CompletedCommand(0, b"", b"")

    host.sessions = {ALICE: 1}
    host.broken["doveadm kick"] = kicked_and_back
    refreshes.take_order(order())
    refreshes.tick()
    assert finished == [(7, "done")]
    assert host.sessions == {ALICE: 1}


def test_a_cache_that_cannot_be_flushed_is_tried_again_and_does_not_keep_the_sessions(
    refreshes: Refreshes, host: FakeHost, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    host.sessions = {ALICE: 1}
    host.broken["doveadm auth cache"] = lambda: FAILED
    refreshes.take_order(order())
    refreshes.tick()
    assert (host.sessions, finished) == ({}, [])
    host.broken.clear()
    tools.sleep(5)
    refreshes.tick()
    assert finished == [(7, "done")]


def test_a_successor_goes_on_where_the_agent_was_killed(
    refreshes: Refreshes,
    tmp_path: Path,
    host: FakeHost,
    tools: Tools,
    names: SiteNames,
    finished: list[tuple[int, str]],
) -> None:
    def killed() -> CompletedCommand:
        raise KeyboardInterrupt

    host.sessions = {ALICE: 1}
    host.broken["doveadm kick"] = killed
    refreshes.take_order(order())
    with pytest.raises(KeyboardInterrupt):
        refreshes.tick()
    host.broken.clear()
    begin(tmp_path, tools, names, finished).tick()
    assert (host.sessions, finished) == ({}, [(7, "done")])
    assert host.count("doveadm", "auth", "cache", "flush") == 1


def test_an_order_claimed_again_is_carried_out_once_and_a_second_order_again(
    refreshes: Refreshes, host: FakeHost, finished: list[tuple[int, str]]
) -> None:
    refreshes.take_order(order(7))
    refreshes.take_order(order(7))
    refreshes.take_order(order(8))
    refreshes.tick()
    assert sorted(finished) == [(7, "done"), (8, "done")]
    assert host.count("doveadm", "auth", "cache", "flush") == 2


def test_a_mailbox_being_shut_meanwhile_is_shut_and_refreshed(
    refreshes: Refreshes, tools: Tools, finished: list[tuple[int, str]]
) -> None:
    from .conftest import suspended

    entry = suspended(tools, generation=7)
    refreshes.take_order(order(7))
    refreshes.tick()
    assert finished == [(7, "done")]
    assert tools.ledger.entries() == [entry] and entry.is_shut


def test_the_agent_carries_it_out_without_a_word_to_the_record(settings: Settings, host: FakeHost) -> None:
    from .test_agent import FakeLink

    link = FakeLink()
    agent = Agent(settings, host, link)  # type: ignore[arg-type]
    host.sessions = {ALICE: 1}
    link.inbox.put(order())
    agent.tick()
    assert host.sessions == {}
    # What was read back is reported in the same tick.
    assert (link.finished, link.rows, agent.ledger.entries()) == ([(7, "done")], [], [])
