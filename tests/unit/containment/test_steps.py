from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.containment import plans, steps
from sekisho.containment.barrier import wanted_rows
from sekisho.containment.commands import CommandError, CompletedCommand
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.containment.work import StepFailed, Tools, Work

from .conftest import ALICE, ALICE_ALIAS, FakeSite, suspended
from .fake_host import FakeHost


def work_on(tools: Tools, entry: Entry) -> Work:
    return Work(tools, entry, entry.plans["contain"])


def raised(tools: Tools) -> Work:
    work = work_on(tools, suspended(tools))
    tools.barrier.raise_rows(wanted_rows(tools.ledger.entries()))
    return work


def test_kick_counts_sessions_and_reads_back_that_none_is_left(tools: Tools, host: FakeHost) -> None:
    host.sessions = {ALICE: 2, ALICE_ALIAS: 1, "bob@customer.example": 5}
    work = work_on(tools, suspended(tools))
    assert steps.kick_sessions(work)
    assert steps.sessions_ended(work) == "3 sessions ended"
    assert host.sessions == {"bob@customer.example": 5}
    # Nobody to kick is exit status 68, and success.
    assert not steps.kick_sessions(work)


def test_a_kick_that_only_says_so_is_not_done(tools: Tools, host: FakeHost) -> None:
    host.sessions = {ALICE: 1}
    host.broken["doveadm kick"] = lambda: CompletedCommand(0, b"", b"")
    work = work_on(tools, suspended(tools))
    steps.kick_sessions(work)
    with pytest.raises(StepFailed, match="1 session still open"):
        steps.sessions_ended(work)


def test_a_name_that_is_a_mask_kicks_nobody_else(tools: Tools, host: FakeHost) -> None:
    work = work_on(tools, suspended(tools, login_names=["a*@customer.example"]))
    with pytest.raises(CommandError, match="mask"):
        steps.kick_sessions(work)
    assert not host.count("doveadm", "kick")


def test_shut_doors_refuse_a_valid_secret_under_every_name(tools: Tools, host: FakeHost) -> None:
    work = raised(tools)
    assert steps.probe_doors(work)
    assert steps.doors_shut(work).startswith("canary got in; 8 doors refused")
    asked = {call[-1] for call in host.calls if call[:3] == ("doveadm", "auth", "test")}
    assert {ALICE, ALICE_ALIAS} <= asked
    services = {call[4] for call in host.calls if call[:3] == ("doveadm", "auth", "test")}
    assert services == {"service=imap", "service=pop3", "service=sieve", "service=smtp"}
    # The secret is gone with the probe, and was on no command line.
    assert (Path(tools.settings.barrier) / "probe").read_bytes() == b""


def test_taking_deny_away_turns_the_probe_red(tools: Tools) -> None:
    work = raised(tools)
    (Path(tools.settings.barrier) / "deny").write_text("")
    with pytest.raises(StepFailed, match="open: IMAP, POP3, ManageSieve, SMTP AUTH"):
        steps.probe_doors(work)


def test_one_login_name_without_a_row_turns_the_probe_red(tools: Tools) -> None:
    work = raised(tools)
    (Path(tools.settings.barrier) / "deny").write_text(f"{ALICE}:\n")
    with pytest.raises(StepFailed, match=f"IMAP as {ALICE_ALIAS}"):
        steps.probe_doors(work)


def test_a_missing_postfix_row_turns_the_probe_red(tools: Tools) -> None:
    work = raised(tools)
    tools.postfix.remove(tools.barrier._directory / "identity", [ALICE_ALIAS])
    steps.probe_doors(work)
    with pytest.raises(Exception, match="identity not as wanted"):
        steps.doors_shut(work)


def test_a_refused_canary_proves_nothing(tools: Tools, host: FakeHost) -> None:
    work = raised(tools)
    host.broken["doveadm auth test"] = lambda: CompletedCommand(77, b"", b"")
    with pytest.raises(CommandError, match="refuses the canary"):
        steps.probe_doors(work)


def test_a_script_that_sends_mail_away_is_switched_off_and_remembered(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {"my script": 'redirect "evil@outside.test";'}
    host.active[ALICE] = "my script"
    work = work_on(tools, suspended(tools))
    assert steps.freeze_redirects(work)
    assert steps.redirects_frozen(work) == "script 'my script' switched off"
    assert ALICE not in host.active
    assert Ledger(tools.settings.ledger_directory).entries()[0].frozen_script == "my script"
    # A second run finds nothing active and forgets nothing.
    assert not steps.freeze_redirects(work)
    assert steps.redirects_frozen(work) == "script 'my script' switched off"
    assert steps.restore_redirects(work)
    assert steps.redirects_restored(work) == "script 'my script' active again"


def test_a_script_that_stays_active_is_not_frozen(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {"fwd": 'redirect "evil@outside.test";'}
    host.active[ALICE] = "fwd"
    host.broken["doveadm sieve deactivate"] = lambda: CompletedCommand(0, b"", b"")
    work = work_on(tools, suspended(tools))
    steps.freeze_redirects(work)
    with pytest.raises(StepFailed, match="still active"):
        steps.redirects_frozen(work)


@pytest.mark.parametrize(("status", "frozen"), [("suspended", "f"), ("restricted", "")])
def test_an_intruders_discard_is_frozen_only_while_mail_waits(
    tools: Tools, host: FakeHost, status: str, frozen: str
) -> None:
    host.scripts[ALICE] = {"f": "discard;"}
    host.active[ALICE] = "f"
    work = work_on(tools, suspended(tools, status=status))
    steps.freeze_redirects(work)
    assert work.entry.frozen_script == frozen


def test_a_harmless_script_stays(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {"sort": 'if true { fileinto "Shop"; }'}
    host.active[ALICE] = "sort"
    work = work_on(tools, suspended(tools))
    assert not steps.freeze_redirects(work)
    assert steps.redirects_frozen(work) == "the active script sends nothing outside"


def test_a_script_the_owner_chose_meanwhile_is_not_replaced(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {"old": "", "new": "keep;"}
    host.active[ALICE] = "new"
    work = work_on(tools, suspended(tools, frozen_script="old"))
    assert not steps.restore_redirects(work)
    assert steps.redirects_restored(work) == "the owner has chosen another script since"


def test_active_is_mirrored_and_comes_back(tools: Tools, site: FakeSite) -> None:
    work = work_on(tools, suspended(tools))
    assert steps.mirror_active(work)
    assert steps.active_mirrored(work) == "mailbox.active is 0"
    assert not steps.mirror_active(work)
    assert work.entry.former_active is True
    assert steps.restore_active(work)
    assert steps.active_restored(work) == "mailbox.active is 1"
    assert site.active[ALICE]


@pytest.mark.parametrize(("kind", "active"), [("dismiss", False), ("release", True)])
def test_a_mailbox_that_was_inactive_before_comes_back_only_by_a_new_password(
    tools: Tools, site: FakeSite, kind: str, active: bool
) -> None:
    site.active[ALICE] = False
    work = work_on(tools, suspended(tools))
    steps.mirror_active(work)
    work.plan = PlanRecord(kind, 1, tools.now())  # type: ignore[arg-type]
    assert steps.restore_active(work) is active
    assert steps.active_restored(work) == ("mailbox.active is 1" if active else "mailbox.active was not changed")
    assert site.active[ALICE] is active


def test_the_end_of_a_mere_restriction_leaves_active_alone(tools: Tools, site: FakeSite) -> None:
    site.active[ALICE] = False
    work = work_on(tools, suspended(tools, status="restricted"))
    work.entry.plans = {"restrict": PlanRecord("restrict", 0, tools.now())}
    work.plan = PlanRecord("release", 1, tools.now())
    assert not steps.restore_active(work)
    assert not site.active[ALICE]


def test_lowering_is_durable_before_the_first_row_falls(tools: Tools, host: FakeHost) -> None:
    work = raised(tools)
    work.entry.plans["release"] = work.plan = PlanRecord("release", 1, tools.now())
    seen: list[str] = []

    def status_on_disk() -> CompletedCommand:
        seen.append(Ledger(tools.settings.ledger_directory).entries()[0].status)
        return CompletedCommand(0, b"", b"")

    host.broken["postmap -d"] = status_on_disk
    steps.lower_barrier(work)
    assert set(seen) == {"released"}
    host.broken.clear()
    steps.lower_barrier(work)
    assert steps.barrier_lowered(work) == "no row of the barrier is left"
    # smtpd and qmgr remember where the address led to.
    assert host.count("postfix", "reload") == 2


def test_open_doors_let_a_valid_secret_in(tools: Tools) -> None:
    work = raised(tools)
    with pytest.raises(StepFailed, match="still shut: IMAP, "):
        steps.probe_open(work)
    work.plan = PlanRecord("release", 1, tools.now())
    steps.lower_barrier(work)
    assert steps.probe_open(work)
    assert steps.doors_open(work).startswith("8 doors let a valid secret in")


def test_a_mailbox_shut_again_in_a_newer_generation_is_not_proved_open(tools: Tools) -> None:
    work = raised(tools)
    suspended(tools, generation=1)
    work.plan = PlanRecord("release", 1, tools.now())
    steps.lower_barrier(work)
    tools.barrier.verify(wanted_rows(tools.ledger.entries()))
    assert not steps.probe_open(work)
    assert steps.doors_open(work) == "shut again by a newer decision"


def test_every_step_of_every_plan_may_run_twice(tools: Tools, host: FakeHost, site: FakeSite) -> None:
    host.scripts[ALICE] = {"fwd": 'redirect "evil@outside.test";'}
    host.active[ALICE] = "fwd"
    host.add_message("AAAAAA1", "x@outside.test", login=ALICE)
    entry = suspended(tools)
    entry.plans["dismiss"] = PlanRecord("dismiss", 1, tools.now())
    for kind in ("contain", "dismiss"):
        plan = entry.plans[kind]
        for step in plans.steps_of(entry, plan):
            for _ in range(2):
                assert plans.run_step(tools, entry, plan, step).is_done, plan.steps[step.name].outcome
    assert site.active[ALICE]
    assert host.active[ALICE] == "fwd"
    assert host.queue["AAAAAA1"]["queue_name"] == "deferred"
    assert not any(wanted_rows(tools.ledger.entries()).values())
