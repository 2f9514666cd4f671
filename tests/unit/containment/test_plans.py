from __future__ import annotations

import pytest

from sekisho.containment import plans
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.containment.work import Step, StepFailed, Tools, Work

from .conftest import ALICE, FakeSite, suspended
from .fake_host import FakeHost


def run_due(tools: Tools, entry: Entry) -> list[str]:
    """Runs every step due now, as the pool does; their names."""
    ran = []
    while due := plans.next_step(entry, tools.now()):
        ran.append(due[1].name)
        plans.run_step(tools, entry, *due)
    return ran


def run_to_the_end(tools: Tools, entry: Entry, seconds: int = 120) -> list[str]:
    ran = []
    for _ in range(seconds):
        ran += run_due(tools, entry)
        tools.sleep(1.0)
    return ran


def test_a_suspension_runs_in_this_order_and_sweeps_twice(tools: Tools) -> None:
    entry = suspended(tools)
    assert run_due(tools, entry) == [
        "raise_barrier", "flush_auth_cache", "kick_sessions", "hold_queue", "freeze_redirects",
        "revoke_app_passwords", "end_webmail_sessions", "probe_doors", "freeze_planted", "mirror_active",
    ]  # fmt: skip
    assert plans.is_effective(entry, entry.plans["contain"])
    raised_at = entry.plans["contain"].steps["raise_barrier"].at
    assert run_to_the_end(tools, entry) == ["sweep_5", "sweep_30"]
    assert entry.plans["contain"].steps["sweep_5"].at >= raised_at + 5
    assert plans.is_complete(entry, entry.plans["contain"])
    assert Ledger(tools.settings.ledger_directory).entries() == [entry]


def test_a_failed_step_does_not_skip_the_next_and_is_tried_again(tools: Tools, host: FakeHost) -> None:
    entry = suspended(tools)
    host.broken["doveadm kick"] = lambda: CompletedCommand(75, b"", b"doveadm: Error: net_connect_unix() failed")
    ran = run_due(tools, entry)
    assert ran.index("hold_queue") > ran.index("kick_sessions")
    kick = entry.plans["contain"].steps["kick_sessions"]
    assert (kick.state, kick.outcome) == ("failed", "doveadm kick: doveadm: Error: net_connect_unix() failed")
    assert entry.plans["contain"].steps["hold_queue"].is_done
    assert not plans.is_effective(entry, entry.plans["contain"])
    host.broken.clear()
    run_to_the_end(tools, entry, 20)
    assert kick.state == "already"


def test_backoff_doubles_to_five_seconds(tools: Tools) -> None:
    def fail(work: Work) -> str:
        raise StepFailed("not yet")

    entry = suspended(tools)
    step = Step("kick_sessions", lambda work: True, fail)
    waits = []
    for _ in range(8):
        record = plans.run_step(tools, entry, entry.plans["contain"], step)
        waits.append(record.next_at - record.at)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_bug_in_a_step_is_a_failure_without_inner_words(tools: Tools) -> None:
    def broken(work: Work) -> bool:
        raise KeyError("secret detail")

    entry = suspended(tools)
    record = plans.run_step(tools, entry, entry.plans["contain"], Step("kick_sessions", broken, lambda work: ""))
    assert (record.state, record.outcome) == ("failed", "internal error, see the agent's log")


def test_mirror_waits_for_the_scripts_but_not_for_ever(tools: Tools, host: FakeHost) -> None:
    entry = suspended(tools)
    host.broken["doveadm -f tab sieve"] = lambda: CompletedCommand(75, b"", b"busy")
    assert "mirror_active" not in run_due(tools, entry)
    run_to_the_end(tools, entry, 10)
    assert entry.plans["contain"].steps["mirror_active"].is_done
    assert not entry.plans["contain"].steps["freeze_redirects"].is_done


def release(tools: Tools, entry: Entry, kind: str = "release") -> PlanRecord:
    plan = entry.plans[kind] = PlanRecord(kind, entry.generation + 1, tools.now())  # type: ignore[arg-type]
    entry.plans["contain"].superseded = True
    return plan


def test_a_reinstatement_runs_in_this_order(tools: Tools) -> None:
    entry = suspended(tools)
    run_due(tools, entry)
    plan = release(tools, entry)
    assert run_due(tools, entry) == [
        "restore_active", "flush_auth_cache", "freeze_redirects", "revoke_app_passwords", "freeze_planted",
        "file_returned", "lower_barrier", "flush_auth_cache_again", "retry_waiting", "probe_open",
    ]  # fmt: skip
    assert plans.is_effective(entry, plan)
    assert not plans.is_complete(entry, plan)
    lowered_at = plan.steps["lower_barrier"].at
    assert run_to_the_end(tools, entry) == ["retry_waiting_31"]
    assert plan.steps["retry_waiting_31"].at >= lowered_at + 31
    assert plans.is_complete(entry, plan)


def test_a_script_hidden_during_the_suspension_is_frozen_before_mail_comes_in(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE], host.active[ALICE] = {"rules": "discard;"}, "rules"
    host.broken["doveadm -f tab sieve"] = lambda: CompletedCommand(67, b"", b"")
    entry = suspended(tools)
    run_due(tools, entry)
    assert host.active[ALICE]
    host.broken.clear()
    release(tools, entry)
    done = run_due(tools, entry)
    assert done.index("freeze_redirects") < done.index("lower_barrier")
    assert ALICE not in host.active


def test_the_barrier_stands_until_active_is_restored(tools: Tools, site: FakeSite) -> None:
    # Lowered with mailbox.active = 0 the stock maps would answer 550 to everybody who waited.
    entry = suspended(tools)
    run_due(tools, entry)
    release(tools, entry)
    site.is_away = True
    assert "lower_barrier" not in run_to_the_end(tools, entry, 30)
    assert entry.is_shut
    site.is_away = False
    assert "probe_open" in run_to_the_end(tools, entry, 30)
    assert site.active[ALICE]


def test_a_dismissal_gives_back_script_and_held_mail(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {"fwd": 'redirect "me@outside.test";'}
    host.active[ALICE] = "fwd"
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    entry = suspended(tools)
    run_due(tools, entry)
    assert ALICE not in host.active
    assert host.queue["AAAAAA1"]["queue_name"] == "hold"
    release(tools, entry, "dismiss")
    run_due(tools, entry)
    assert host.active[ALICE] == "fwd"
    assert host.queue["AAAAAA1"]["queue_name"] == "deferred"


@pytest.mark.parametrize(("limit", "steps"), [(10, ["raise_barrier", "freeze_redirects"]),
                                              (0, ["raise_barrier", "hold_queue", "freeze_redirects"])])  # fmt: skip
def test_a_restriction_freezes_redirects_and_at_limit_0_stops_sending(
    tools: Tools, limit: int, steps: list[str]
) -> None:
    entry = suspended(tools, status="restricted", limit=limit)
    entry.plans = {"restrict": PlanRecord("restrict", 0, tools.now())}
    assert run_to_the_end(tools, entry) == steps
    assert plans.is_effective(entry, entry.plans["restrict"])
