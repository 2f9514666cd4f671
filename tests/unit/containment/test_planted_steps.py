from __future__ import annotations

import pytest

from sekisho.containment import plans
from sekisho.containment.planted_steps import freeze_planted, planted_frozen, read_scripts
from sekisho.containment.work import StepFailed, Tools, Work
from sekisho.incidents.planted import Frozen, Tally

from .conftest import ALICE, FakeSite, suspended
from .fake_host import FakeHost
from .test_plans import release, run_due

AWAY = 'redirect "thief@elsewhere.example";'


def work_on(tools: Tools) -> Work:
    entry = suspended(tools)
    return Work(tools, entry, entry.plans["contain"])


def test_it_says_what_a_script_does_and_calls_another_customers_address_outside(tools: Tools, host: FakeHost) -> None:
    host.scripts[ALICE] = {
        "rules": 'fileinto "Archive/2026"; include :personal "more"; redirect "office@alias.example";',
        "more": 'discard; redirect "bob@neighbour.example";',
    }
    host.active[ALICE] = "rules"
    rules, more = read_scripts(tools, ALICE, ["alice@customer.example", "alice@alias.example"])
    assert rules.what == {
        "script": "rules", "active": True, "targets": ["bob@neighbour.example"], "discards": True,
        "folders": ["Archive/2026"], "vacation": False,
    }  # fmt: skip
    assert (more.what["script"], more.what["active"]) == ("more", False)
    # What it includes is part of it: another script under the same name.
    host.scripts[ALICE]["more"] = "keep;"
    assert read_scripts(tools, ALICE, [ALICE])[0].key != rules.key


def test_a_planted_script_is_switched_off_and_its_name_remembered(tools: Tools, host: FakeHost, site: FakeSite) -> None:
    host.scripts[ALICE], host.active[ALICE] = {"rules": 'fileinto "Hidden";'}, "rules"
    site.planted.frozen = Frozen(("rules",), ())
    work = work_on(tools)
    assert freeze_planted(work)
    assert ALICE not in host.active
    assert work.entry.frozen_script == "rules"


def test_the_owners_script_comes_back_before_the_doors_open(tools: Tools, host: FakeHost, site: FakeSite) -> None:
    host.scripts[ALICE], host.active[ALICE] = {"own": AWAY}, "own"
    site.planted.frozen = Frozen((), ("own",))
    entry = suspended(tools)
    run_due(tools, entry)
    assert host.active[ALICE] == "own"
    release(tools, entry)
    done = run_due(tools, entry)
    assert host.active[ALICE] == "own"
    assert done.index("freeze_planted") < done.index("lower_barrier")


def test_the_script_in_whose_place_the_intruder_put_his_own_comes_back_on_release(
    tools: Tools, host: FakeHost, site: FakeSite
) -> None:
    host.scripts[ALICE], host.active[ALICE] = {"own": 'fileinto "Lists";', "hide": AWAY}, "hide"
    site.planted.frozen = Frozen(("hide",), ("own",), "own")
    entry = suspended(tools)
    run_due(tools, entry)
    # A dismissal may still want the other one back.
    assert ALICE not in host.active
    release(tools, entry)
    run_due(tools, entry)
    assert host.active[ALICE] == "own"


def test_no_mail_is_let_in_while_a_planted_setting_is_in_force(tools: Tools, site: FakeSite) -> None:
    entry = suspended(tools)
    run_due(tools, entry)
    site.planted.tally = Tally(1, 0, 0, 1)
    release(tools, entry)
    assert "lower_barrier" not in run_due(tools, entry)
    assert entry.plans["release"].steps["freeze_planted"].outcome == "1 planted setting still in force"
    site.planted.tally = Tally(2, 1, 1, 0)
    tools.sleep(10)
    assert "lower_barrier" in run_due(tools, entry)
    outcome = entry.plans["release"].steps["freeze_planted"].outcome
    assert outcome == "2 settings switched off and read back; 1 of unknown age; 1 listed only"


def test_it_says_that_there_was_something_to_do_without_any_script(tools: Tools, site: FakeSite) -> None:
    site.planted.frozen = Frozen((), (), "", True)
    assert freeze_planted(work_on(tools))


def test_it_waits_for_the_record_of_the_incident(tools: Tools, site: FakeSite) -> None:
    site.planted.frozen = None
    with pytest.raises(StepFailed, match="not recorded yet"):
        freeze_planted(work_on(tools))


def test_a_restriction_leaves_settings_alone(tools: Tools, site: FakeSite) -> None:
    entry = suspended(tools)
    entry.plans["restrict"] = entry.plans.pop("contain")
    work = Work(tools, entry, entry.plans["restrict"])
    assert not freeze_planted(work)
    assert planted_frozen(work) == "a restriction leaves settings alone"
    assert site.planted.calls == []


def test_a_dismissal_gives_everything_back(tools: Tools, site: FakeSite) -> None:
    entry = suspended(tools)
    run_due(tools, entry)
    site.planted.tally = Tally(3, 0, 0, 0)
    release(tools, entry, "dismiss")
    run_due(tools, entry)
    assert entry.plans["dismiss"].steps["restore_planted"].outcome == "3 settings as before"
    assert plans.record_of(entry.plans["dismiss"], "restore_planted").state == "done"
