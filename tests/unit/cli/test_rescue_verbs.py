"""`mailbox rescue`, `domain rescue` and the clock of `deferred`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents import rescue
from sekisho.incidents.deferred import note_waiting
from sekisho.incidents.models import Incident, MailboxStatus, Order
from sekisho.journal import SenderDeferred

ALICE = "alice@ours.test"

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sekisho, list(arguments), env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})


def ask(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.output)


def wait(sender: str, hours_ago: float, where: str = "sender") -> None:
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    note_waiting(SenderDeferred(at.timestamp(), ALICE, sender, ALICE, "out.far.test[192.0.2.9]", where))


def test_the_switch_places_an_order_and_says_so(incident: Incident) -> None:
    answer = ask("mailbox", "rescue", ALICE.upper(), "on", "--no-wait")
    assert answer == {"address": ALICE, "rescue": True, "changed": True, "done": False}
    assert MailboxStatus.objects.get(mailbox=ALICE).rescue_since is not None
    assert ask("mailbox", "show", ALICE)["rescue_since"]
    assert "accepted and kept for its owner since" in run("mailbox", "show", ALICE).output
    assert "accepts and keeps" in run("mailbox", "rescue", ALICE, "on").output
    assert ask("mailbox", "rescue", ALICE, "off", "--no-wait")["changed"]
    assert Order.objects.get(kind="rescue_off").state == "open"


def test_a_host_that_does_not_answer_is_told_with_an_exit_status(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.cli.rescue.SWITCH_S", 0)
    result = run("mailbox", "rescue", ALICE, "on")
    assert isinstance(result.exception, Refused) and "not read back" in str(result.exception)


def test_an_open_mailbox_is_refused(two_tenants: None) -> None:
    assert isinstance(run("mailbox", "rescue", ALICE, "on").exception, Refused)


def test_a_domain_gets_its_rule_and_loses_it(two_tenants: None) -> None:
    assert ask("domain", "rescue", "OURS.test", "12") == {"domain": "ours.test", "hours_before": 12, "changed": True}
    assert rescue.rule_of("ours.test") == 12
    listed = {row["domain"]: row["rescue_hours_before"] for row in ask("domain", "list")}
    assert (listed["ours.test"], listed["alias.test"], listed["theirs.test"]) == (12, 12, None)
    assert "12 h before" in run("domain", "rescue", "ours.test", "12").output
    assert ask("domain", "rescue", "ours.test", "off")["changed"] and rescue.rule_of("ours.test") is None
    assert run("domain", "rescue", "ours.test", "soon").exit_code == 2
    assert isinstance(run("domain", "rescue", "ours.test", "72").exception, Refused)


def test_deferred_says_in_how_many_hours_the_first_may_give_up(incident: Incident) -> None:
    wait("first@far.test", 16.5)
    wait("colleague@ours.test", 20, where="ours")
    told = run("deferred", ALICE).output
    assert "may give up in 31 h" in told and "in our queue" in told and "not known yet" in told
    facts = ask("deferred", ALICE)
    assert [pair["style"] for pair in facts["pairs"]] == ["", ""]
    assert [bool(pair["give_up_at"]) for pair in facts["pairs"]] == [False, True]


def test_deferred_says_what_never_came_back(incident: Incident) -> None:
    wait("lost@far.test", 49)
    told = run("deferred", ALICE).output
    assert "may have given up since" in told and "1 have not come back" in told
    assert ask("deferred", ALICE)["overdue"] == 1
