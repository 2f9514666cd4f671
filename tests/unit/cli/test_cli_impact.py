"""`sekisho incident report`: the figures in words, as JSON, and the rows behind one."""

from __future__ import annotations

import json

import pytest
from test_cli import ask, run

from sekisho.cli import impact
from sekisho.incidents.models import Incident, QueueIdLogin, SentRecipient, SignIn

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def sent(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> Incident:
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    at = incident.first_risk_at
    source = {"ip": "203.0.113.9", "country": "VN", "strange": True}
    SignIn.objects.create(mailbox=incident.mailbox, at=at, success=True, protocol="imap", **source)
    QueueIdLogin.objects.create(queue_id="4A", mailbox=incident.mailbox, at=at, recipients=1, **source)
    SentRecipient.objects.create(
        queue_id="4A", mailbox=incident.mailbox, at=at, recipient="a@far.test", domain="far.test", relation="stranger",
        outcome="delivered",
    )  # fmt: skip
    return incident


def test_the_report_says_what_was_sent_and_from_where(sent: Incident) -> None:
    told = run("incident", "report", str(sent.pk)).output
    assert "203.0.113.9 (VN), imap, smtp: 1 logins" in told
    assert "Sent: 1 messages to 1 recipients" in told and "far.test 1" in told
    assert "a@far.test" not in told


def test_the_json_is_the_report_and_the_evidence_has_its_rows(sent: Incident) -> None:
    report = ask("incident", "report", str(sent.pk))
    assert report["sent"]["outcomes"]["delivered"] == {
        "name": "sent.outcome:delivered", "value": 1, "at_least": False
    }  # fmt: skip
    lines = run("incident", "report", str(sent.pk), "--evidence", "sent.outcome:delivered").output.splitlines()
    assert [json.loads(line)["facts"]["recipient"] for line in lines] == ["a@far.test"]


def test_an_incident_that_is_not_there_is_refused(sent: Incident) -> None:
    assert run("incident", "report", "999").exit_code != 0


def test_every_word_of_a_report_can_be_said() -> None:
    from typing import get_args

    from sekisho.impact import model

    assert set(impact.RELATIONS) == set(get_args(model.Relation))
    assert set(impact.OUTCOMES) == set(get_args(model.Outcome))
    assert set(impact.LIMITS) == set(get_args(model.LimitName))
