"""The mail an incident put on hold, at the terminal."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents import held_mail
from sekisho.incidents.held_rows import HeldRow
from sekisho.incidents.models import Incident, Order

pytestmark = pytest.mark.django_db(databases=["default", "site"])

HOST = "mx01.provider.example"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


@pytest.fixture
def held(incident: Incident) -> Incident:
    now = timezone.now().timestamp()
    recipients = tuple(f"r{n}@outside.test" for n in range(5))
    rows = [
        HeldRow(incident.mailbox, 0, f"AAAAAA{n}", "held", now, None, int(now), "x@y.test", 700, 5, recipients)
        for n in (1, 2)
    ]
    held_mail.record(HOST, [*rows, HeldRow(incident.mailbox, 0, "AAAAAA3", "escaped", now)])
    return incident


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(sekisho, ["incident", *arguments], input=given, catch_exceptions=True)


def ask(*arguments: str) -> dict[str, object]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_list_names_each_message_and_what_escaped(held: Incident) -> None:
    text = run("queue", str(held.pk)).output
    assert "2 messages on hold (1400 octets, 10 recipients), 1 escaped in flight" in text
    assert "AAAAAA1" in text and "r0@outside.test, r1@outside.test, r2@outside.test (+2)" in text
    facts = ask("queue", str(held.pk))
    assert (facts["held"], facts["escaped"], len(facts["messages"])) == (2, 1, 3)  # type: ignore[arg-type]


def test_show_says_that_held_mail_stays_until_somebody_decides(held: Incident) -> None:
    assert "2 messages of the intruder are on hold" in run("show", str(held.pk)).output


def test_a_purge_says_until_when_it_can_be_taken_back(held: Incident) -> None:
    assert "2 messages will be deleted at" in run("purge", str(held.pk)).output
    assert "undo-purge keeps them" in run("queue", str(held.pk)).output
    assert ask("undo-purge", str(held.pk)) == {"incident": held.pk, "kept": 2}
    assert isinstance(run("undo-purge", str(held.pk)).exception, Refused)
    assert Order.objects.get(kind="purge_held").state == "obsolete"


def test_one_message_is_sent_on_and_another_deleted(held: Incident) -> None:
    assert ask("requeue", str(held.pk), "--id", "AAAAAA1")["messages"] == 1
    placed = ask("purge", str(held.pk))
    assert placed["messages"] == 1
    assert Order.objects.get(kind="purge_held").details == {"queue_ids": ["AAAAAA2"]}
    assert isinstance(run("requeue", str(held.pk), "--id", "ZZZZZZ1").exception, Refused)
    assert isinstance(run("hold-again", str(held.pk)).exception, Refused)


def test_a_domain_is_summed_up_and_deleted_when_its_name_was_typed(held: Incident) -> None:
    facts = ask("queue", "--domain", "ours.test")
    assert (facts["messages"], facts["incidents"]) == (2, 1)
    assert ask("queue", "--domain", "theirs.test")["messages"] == 0
    refused = run("purge", "--domain", "ours.test", given="theirs.test\n")
    assert isinstance(refused.exception, Refused)
    assert not Order.objects.filter(kind="purge_held").exists()
    assert run("purge", "--domain", "OURS.test", given="ours.test\n").exit_code == 0
    order = Order.objects.get(kind="purge_held")
    assert order.not_before is not None and order.not_before > timezone.now() + timedelta(minutes=9)


def test_a_number_or_a_domain_is_needed(held: Incident) -> None:
    for verb in ("queue", "purge"):
        assert run(verb).exit_code == 2
        assert run(verb, str(held.pk), "--domain", "ours.test").exit_code == 2
