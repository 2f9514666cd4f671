from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.directory.models import DomainMode
from sekisho.incidents import decisions
from sekisho.incidents.models import Audit, Incident
from sekisho.incidents.state import build_state
from sekisho.journal import DecisionRecord, IndicatorRecord

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE, BOB, CAROL = "alice@ours.test", "bob@ours.test", "carol@theirs.test"


@pytest.fixture(autouse=True)
def english(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def run(*arguments, given=""):
    return CliRunner().invoke(sekisho, list(arguments), input=given)


def ask(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def trip(mailbox, action="suspend", enforced=True, ago=timedelta(minutes=5), limit=None):
    t = (timezone.now() - ago).timestamp()
    after = {"suspend": "suspended", "restrict": "restricted", "alert": "active"}[action]
    return decisions.record_detection(
        DecisionRecord(
            id=f"{mailbox}{action}{t}", t=t, host="mx01.provider.test", mailbox=mailbox, generation=0, action=action,
            before="active", after=after, limit=limit, enforced=enforced, score=9.5,
            indicators=(
                IndicatorRecord("weak", 1.0, "弱い", "weak sign"),
                IndicatorRecord("new_country", 3.0, "初めての国 BR", "first login from BR"),
            ),
            first_risk_at=t,
        )
    )  # fmt: skip


def test_a_mode_reaches_the_guards_state_with_an_audit_row(two_tenants):
    assert ask("domain", "mode", "OURS.test", "enforce")["changed"] is True
    assert build_state(timezone.now()).modes == {"ours.test": "enforce"}
    row = Audit.objects.get(verb="mode")
    assert (row.subject, row.domain, row.details["after"]) == ("ours.test", "ours.test", "enforce")
    assert ask("domain", "mode", "ours.test", "enforce")["changed"] is False
    assert Audit.objects.filter(verb="mode").count() == 1
    modes = {r["domain"]: r["mode"] for r in ask("domain", "list")}
    assert modes["ours.test"] == modes["alias.test"] == "enforce"
    assert run("domain", "mode", "ours.test", "observe").exit_code == 0
    assert build_state(timezone.now()).modes == {"ours.test": "observe"}
    assert "observe" in run("domain", "list").output


def test_an_alias_domain_and_a_foreign_one_have_no_mode(two_tenants):
    for name in ("alias.test", "nowhere.test", "ALL"):
        assert isinstance(run("domain", "mode", name, "enforce").exception, Refused)
    assert not DomainMode.objects.exists() and not Audit.objects.filter(verb="mode").exists()


def test_a_preview_counts_only_what_was_not_enforced_in_its_days(two_tenants):
    trip(ALICE, "suspend", enforced=False)
    trip(BOB, "alert", enforced=False, ago=timedelta(days=40))
    trip(CAROL, "suspend", enforced=False)
    found = ask("domain", "preview", "ours.test")
    assert (found["suspend"], found["restrict"], found["alert"]) == (1, 0, 0)
    assert [(r["mailbox"], r["evidence"], r["score"]) for r in found["incidents"]] == [
        (ALICE, "first login from BR", 9.5)
    ]
    assert ask("domain", "preview", "ours.test", "--days", "60")["alert"] == 1
    assert "first login from BR" in run("domain", "preview", "ours.test").output
    trip(ALICE, "suspend", enforced=True, ago=timedelta(minutes=1))
    assert ask("domain", "preview", "ours.test")["suspend"] == 1


def test_one_command_dismisses_the_automatic_suspensions_of_the_hour(two_tenants):
    trip(ALICE), trip(CAROL, ago=timedelta(hours=2))
    decisions.suspend(BOB, "x", "operator")
    assert run("incident", "dismiss", "--suspended-since", "1h", "--no-wait", given="n\n").exit_code != 0
    assert decisions.current_status(ALICE).status == "suspended"
    result = run("incident", "dismiss", "--suspended-since", "1h", "--yes", "--no-wait")
    assert result.exit_code == 0 and ALICE in result.output and BOB not in result.output and CAROL not in result.output
    assert decisions.current_status(ALICE).status == "active"
    assert decisions.current_status(BOB).status == decisions.current_status(CAROL).status == "suspended"
    again = run("incident", "dismiss", "--suspended-since", "1h", "--yes", "--no-wait")
    assert again.exit_code == 0 and "No automatic suspension" in again.output
    assert ask("incident", "dismiss", "--suspended-since", "3h", "--domain", "ours.test", "--yes", "--no-wait") == []
    assert decisions.current_status(CAROL).status == "suspended"


def test_one_that_cannot_be_dismissed_is_told_and_keeps_no_other(two_tenants, monkeypatch):
    trip(ALICE), trip(BOB)
    real = decisions.dismiss

    def sometimes(row, *rest, **named):
        if row.mailbox == ALICE:
            raise decisions.Overtaken("changed")
        return real(row, *rest, **named)

    monkeypatch.setattr(decisions, "dismiss", sometimes)
    result = run("incident", "dismiss", "--suspended-since", "1h", "--yes", "--no-wait")
    assert isinstance(result.exception, Refused) and "NOT dismissed" in result.output
    assert decisions.current_status(BOB).status == "active"


def test_stopped_sending_is_dismissed_only_when_asked(two_tenants):
    trip(ALICE, "restrict", limit=0), trip(BOB, "restrict", limit=10)
    assert ask("incident", "dismiss", "--suspended-since", "1h", "--yes", "--no-wait") == []
    done = ask("incident", "dismiss", "--suspended-since", "1h", "--with-stopped", "--yes", "--no-wait")
    assert [r["mailbox"] for r in done] == [ALICE]
    assert decisions.current_status(BOB).status == "restricted"


def test_a_number_or_a_span(two_tenants):
    assert run("incident", "dismiss").exit_code == 2
    assert run("incident", "dismiss", "--suspended-since", "soon").exit_code == 2
    assert Incident.objects.count() == 0


def test_an_alert_is_answered_by_yes_or_no(two_tenants):
    """Yes makes its sources familiar and dismisses it; no suspends; a second answer is refused."""
    alert = trip(ALICE, "alert")
    Incident.objects.filter(pk=alert.pk).update(ip="192.0.2.7")
    alert.decisions.update(record={"ip": "192.0.2.7", "enforced": True})
    result = run("incident", "answer", str(alert.pk))
    assert (result.exit_code, "familiar from now on: 192.0.2.7" in result.output) == (0, True)
    assert isinstance(run("incident", "answer", str(alert.pk)).exception, Refused)
    other = trip(BOB, "alert")
    assert ask("incident", "answer", str(other.pk), "--no")["action"] == "suspend"
    assert ask("mailbox", "show", BOB)["status"] == "suspended"


def test_explain_says_what_is_usual(two_tenants):
    from sekisho.incidents.usual import keep
    from sekisho.journal import UsualSeen

    assert ask("explain", ALICE)["usual"] is None
    keep(UsualSeen(timezone.now().timestamp(), ALICE, ("JP",), (4713,), ("imap",), 12, 30, ((4713, "OCN"),)))
    assert ask("explain", ALICE)["usual"].startswith("Usually: Japan, OCN; 12 new recipients on the busiest day")
    assert "Usually: Japan, OCN" in run("explain", ALICE).output


def test_a_preview_keeps_what_was_observed_before_it_was_enforced(two_tenants):
    """A later enforced decision, or an operator's suspension, once took the mailbox out of the preview."""
    trip(ALICE, "suspend", enforced=False, ago=timedelta(hours=2))
    trip(BOB, "alert", enforced=False, ago=timedelta(hours=2))
    trip(BOB, "suspend", enforced=True, ago=timedelta(hours=1))
    decisions.suspend(ALICE, "complaints", "operator")
    found = ask("domain", "preview", "ours.test")
    assert (found["suspend"], found["alert"]) == (1, 1)
    assert [(row["mailbox"], row["action"]) for row in found["incidents"]] == [(ALICE, "suspend"), (BOB, "alert")]


def test_a_mailbox_at_limit_nought_is_not_said_to_send(two_tenants):
    assert "is stopped" in run("mailbox", "restrict", ALICE, "--reason", "x", "--limit", "0", "--no-wait").output
    assert "5 new recipients" in run("mailbox", "restrict", ALICE, "--reason", "x", "--limit", "5", "--no-wait").output
