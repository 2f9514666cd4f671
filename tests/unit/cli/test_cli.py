from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sekisho import cli
from sekisho.cli import sekisho
from sekisho.cli.output import Refused, print_table, say
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents import decisions, orders
from sekisho.incidents.models import Incident, Order
from sekisho.recovery import flow

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
NEW = "kT9-vmQ4-xuZ7-rpL2-hdW8"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow.time, "sleep", lambda _: None)
    monkeypatch.setattr("sekisho.cli.mailbox.CONTAIN_S", 0.0)
    monkeypatch.setattr("sekisho.cli.mailbox.RELEASE_S", 0.0)
    monkeypatch.setattr("sekisho.cli.incident.RELEASE_S", 0.0)


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(sekisho, list(arguments), input=given, catch_exceptions=True)


def ask(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_active_mailbox_is_shown_with_every_field(two_tenants: None) -> None:
    facts = ask("mailbox", "show", ALICE)
    assert {"address", "status", "since", "reason", "incident", "generation"} <= set(facts)
    assert (facts["address"], facts["status"], facts["incident"], facts["generation"]) == (ALICE, "active", None, 0)


def test_a_suspended_mailbox_is_shown_with_reason_and_incident(incident: Incident) -> None:
    facts = ask("mailbox", "show", "Alice+x@ALIAS.test")
    assert (facts["status"], facts["reason"], facts["incident"]) == ("suspended", "spam complaints", incident.pk)
    assert facts["since"].startswith("20")


def test_an_unknown_mailbox_is_refused(two_tenants: None) -> None:
    for verb in (["mailbox", "show"], ["explain"], ["deferred"], ["mailbox", "suspend", "--reason", "x"]):
        result = run(*verb, "nobody@ours.test")
        assert isinstance(result.exception, Refused), verb


def test_suspending_without_an_agent_says_that_it_waits(two_tenants: None, nobody_waits: None) -> None:
    result = run("mailbox", "suspend", ALICE, "--reason", "complaints")
    assert isinstance(result.exception, Refused)
    assert decisions.current_status(ALICE).status == "suspended"


def test_suspending_without_waiting_is_done_at_once(two_tenants: None) -> None:
    result = run("mailbox", "suspend", ALICE, "--reason", "complaints", "--no-wait")
    assert result.exit_code == 0
    assert Order.objects.get().kind == "contain"


def test_suspending_returns_when_the_doors_were_probed(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.utils import timezone

    def agent_works(_: float) -> None:
        [order] = orders.claim_orders("mx01.provider.example", timezone.now())
        orders.record_step(ALICE, 0, "contain", order.host, "probe_doors", 5, "done", "", timezone.now())

    monkeypatch.setattr(flow.time, "sleep", agent_works)
    result = run("mailbox", "suspend", ALICE, "--reason", "complaints")
    assert result.exit_code == 0, result.output
    assert "on every door" in result.output


def test_reinstating_takes_the_password_from_standard_input(incident: Incident) -> None:
    result = run("mailbox", "reinstate", ALICE, "--password-stdin", "--no-wait", given=NEW + "\n")
    assert result.exit_code == 0, result.output
    assert verify_password(NEW, SiteMailbox.objects.get(username=ALICE).password)
    assert decisions.current_status(ALICE).status == "probation"


@pytest.mark.parametrize("given", [f"first password of {ALICE}\n", "short\n", f" {NEW}\n", f"{NEW} \n", "\n", ""])
def test_reinstating_with_an_old_weak_or_spoilt_password_is_refused(incident: Incident, given: str) -> None:
    result = run("mailbox", "reinstate", ALICE, "--password-stdin", given=given)
    assert isinstance(result.exception, Refused)
    assert "refused" in str(result.exception)
    assert decisions.current_status(ALICE).status == "suspended"


def test_reinstating_an_active_mailbox_is_refused(two_tenants: None) -> None:
    result = run("mailbox", "reinstate", ALICE, "--password-stdin", given=NEW)
    assert isinstance(result.exception, Refused)


def test_a_mailbox_can_be_added_with_its_password_from_standard_input(two_tenants: None) -> None:
    assert run("mailbox", "add", "dave@ours.test", "--password-stdin", given="weak\n").exit_code == 0
    assert verify_password("weak", SiteMailbox.objects.get(username="dave@ours.test").password)
    assert isinstance(run("mailbox", "add", "dave@ours.test", "--password-stdin", given="x\n").exception, Refused)


def test_domains_aliases_and_admins_can_be_added(two_tenants: None) -> None:
    assert run("domain", "add", "new.test", "--server-name", "mx02.provider.test").exit_code == 0
    assert run("domain", "alias", "neu.test", "new.test").exit_code == 0
    assert run("mailbox", "add", "eve@new.test", "--password-stdin", given=NEW).exit_code == 0
    assert run("alias", "add", "info@new.test", "eve@new.test", "x@outside.test").exit_code == 0
    assert run("admin", "add", "boss", "--domain", "new.test", "--password-stdin", given="x").exit_code == 0
    assert run("contact", "add", "new.test", "a@outside.test").exit_code == 0
    verbs = [row["verb"] for row in ask("audit", "list")]
    assert verbs == [
        "contact_added",
        "admin_added",
        "alias_added",
        "mailbox_added",
        "alias_domain_added",
        "domain_added",
    ]
    listed = {row["domain"]: row for row in ask("domain", "list")}
    assert listed["new.test"]["server_name"] == "mx02.provider.test"
    assert listed["neu.test"]["alias_of"] == "new.test"


def test_lists_print_json(incident: Incident) -> None:
    assert {row["address"]: row["status"] for row in ask("mailbox", "list")}[ALICE] == "suspended"
    assert [row["address"] for row in ask("mailbox", "list", "--status", "suspended")] == [ALICE]
    assert [row["id"] for row in ask("incident", "list")] == [incident.pk]
    assert ask("incident", "list", "--open", "--domain", "theirs.test") == []
    assert ask("deferred", ALICE) == {
        "address": ALICE,
        "waited": 0,
        "arrived": 0,
        "tries": 0,
        "oldest_at": None,
        "earliest_return": None,
        "overdue": 0,
        "pairs": [],
    }


def test_an_incident_tells_its_story(incident: Incident) -> None:
    story = ask("incident", "show", str(incident.pk))
    assert [change["after"] for change in story["transitions"]] == ["suspended"]
    assert [order["state"] for order in story["orders"]] == ["open"]
    assert "alice@ours.test" in run("incident", "show", str(incident.pk)).output
    assert ask("explain", ALICE)["story"]["id"] == incident.pk


def test_dismissing_reopens_and_closing_files(incident: Incident) -> None:
    assert isinstance(run("incident", "close", str(incident.pk)).exception, Refused)
    assert run("incident", "dismiss", str(incident.pk), "--reason", "newsletter", "--no-wait").exit_code == 0
    assert decisions.current_status(ALICE).status == "active"
    assert isinstance(run("incident", "dismiss", str(incident.pk)).exception, Refused)
    assert isinstance(run("incident", "show", "999").exception, Refused)


def test_restricting_takes_a_limit(two_tenants: None) -> None:
    assert run("mailbox", "restrict", ALICE, "--reason", "x", "--limit", "3", "--no-wait").exit_code == 0
    assert ask("mailbox", "show", ALICE)["limit"] == 3


def test_a_locked_database_is_one_line(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(decisions, "suspend", locked)
    result = run("mailbox", "suspend", ALICE, "--reason", "x")
    assert isinstance(result.exception, Refused)
    assert "nothing was changed" in str(result.exception)


def test_status_says_what_is_shut_and_what_is_silent(incident: Incident) -> None:
    facts = ask("status")
    assert facts["suspended"] == 1
    assert facts["address_data"] is False
    assert any("agent" in alarm for alarm in facts["alarms"])


def test_status_without_the_database_still_tells_of_the_processes(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from sekisho.cli import status

    def gone() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(status, "_heartbeats", gone)
    facts = ask("status")
    assert "gone" in facts["database"]
    assert facts["database"] in facts["alarms"]
    assert "suspended" not in facts
    assert "ALARM" in run("status").output


def test_it_speaks_japanese_when_asked_to(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert "利用中" in run("mailbox", "show", ALICE).output


def test_columns_of_wide_letters_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["状態", "x"], [["利用中", "1"], ["ab", "2"]])
    assert capsys.readouterr().out.splitlines() == ["状態    x", "利用中  1", "ab      2"]


def test_every_verb_of_the_design_is_there() -> None:
    wanted = (
        "up guard agent worker web status domain admin alias mailbox incident explain deferred rehearse learn evaluate"
    )
    result = run("--help")
    assert result.exit_code == 0
    assert set(wanted.split()) <= set(result.output.split())


@pytest.mark.parametrize(
    ("error", "code"),
    [(Refused("no"), 1), (SystemExit(3), 3)],
)
def test_a_refusal_is_exit_code_one(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr(sekisho, "main", refuse)
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert leaving.value.code == code


def _process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sekisho.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_wrong_usage_is_exit_code_two() -> None:
    assert _process("mailbox", "suspend", "a@b.test").returncode == 2
    assert _process("nosuchverb").returncode == 2


def test_no_configuration_is_one_line_and_exit_code_one(tmp_path: Callable[[], str]) -> None:
    done = _process("status", SEKISHO_CONFIG=f"{tmp_path}/none.toml")
    assert done.returncode == 1
    assert "none.toml" in done.stderr and "Traceback" not in done.stderr


def test_the_guard_starts_without_django() -> None:
    code = "import sys, sekisho.cli.processes, sekisho.cli, sekisho.guard.main; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
    assert say("a", "b") in ("a", "b")


def test_status_names_the_address_data_with_its_age(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from sekisho.cli import status

    source = {"kind": "tor-geoipdb", "path": "/usr/share/tor/geoip", "made_at": time.time() - 40.5 * 86_400}
    monkeypatch.setattr(status, "_heartbeats", lambda: [("mx01", "guard", 1.0, {"address_sources": [source]})])
    facts = ask("status")
    assert facts["address_data"] is True
    assert [(row["host"], row["age_days"]) for row in facts["address_sources"]] == [("mx01", 40)]
    assert "tor-geoipdb of" in run("status").output and "40 days old  /usr/share/tor/geoip" in run("status").output
