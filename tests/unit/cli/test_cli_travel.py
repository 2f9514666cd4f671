"""Travel passes, countries and allowances at the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents import decisions
from sekisho.incidents.models import Allowance
from sekisho.journal import DecisionRecord

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE = "alice@ours.test"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sekisho, list(arguments), catch_exceptions=True)


def ask(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_pass_is_added_listed_shown_and_removed(two_tenants: None) -> None:
    [made] = ask("travel", "add", ALICE, "th", "--days", "5")
    assert (made["address"], made["country"]) == (ALICE, "TH")
    assert [row["country"] for row in ask("travel", "list")] == ["TH"]
    assert [row["country"] for row in ask("mailbox", "show", ALICE)["travel"]] == ["TH"]
    assert "Travel pass: TH" in run("mailbox", "show", ALICE).stdout
    assert run("travel", "remove", ALICE, "TH").exit_code == 0
    assert ask("travel", "list", ALICE) == []


def test_a_pass_for_no_country_or_for_a_day_that_has_passed_is_refused(two_tenants: None) -> None:
    for wrong in (("ZZ", "--days", "5"), ("TH", "--days", "0"), ("TH", "--days", "5", "--from", "2020-01-01")):
        assert isinstance(run("travel", "add", ALICE, *wrong).exception, Refused)
    assert isinstance(run("travel", "remove", ALICE, "TH").exception, Refused)


def test_countries_are_set_shown_and_cleared(two_tenants: None) -> None:
    assert ask("mailbox", "countries", ALICE)["countries"] is None
    found = ask("mailbox", "countries", ALICE, "JP", "th", "--only-on-probation")["countries"]
    assert found == {"countries": ["JP", "TH"], "only_on_probation": True}
    assert "While on probation used only from: JP, TH" in run("mailbox", "show", ALICE).stdout
    assert ask("mailbox", "countries", ALICE, "--clear")["countries"] is None
    assert run("mailbox", "countries", ALICE, "JP", "--clear").exit_code == 2


def test_an_answer_names_how_long_and_to_how_many(two_tenants: None) -> None:
    record = DecisionRecord(
        id="d1", t=1_790_000_000.0, host="mx", mailbox=ALICE, generation=0, action="restrict", before="active",
        after="restricted", limit=10, enforced=True, score=7.0, indicators=(), first_risk_at=1_789_999_990.0,
    )  # fmt: skip
    incident = decisions.record_detection(record)
    assert incident is not None
    assert ask("incident", "show", str(incident.pk))["question"]["state"] == "open"
    assert "no answer yet" in run("incident", "show", str(incident.pk)).stdout
    refused = run("incident", "answer", str(incident.pk), "--recipients", "1000000")
    assert isinstance(refused.exception, Refused) and not Allowance.objects.exists()
    assert (
        "800 new recipients"
        in run("incident", "answer", str(incident.pk), "--hours", "6", "--recipients", "800").stdout
    )
    allowed = ask("mailbox", "show", ALICE)["allowance"]
    assert allowed["recipients"] == 800
    told = ask("incident", "show", str(incident.pk))["question"]
    assert told["state"] == "yes" and told["answered_by"].endswith("@terminal")
    assert "it was the owner" in run("incident", "show", str(incident.pk)).stdout
