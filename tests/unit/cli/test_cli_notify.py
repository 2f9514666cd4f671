"""`sekisho notify`: ways, tests, case numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from sekisho.cli import notify, sekisho
from sekisho.config import AppriseChannel, Settings, settings
from sekisho.directory.provision import add_contact
from sekisho.incidents import channels, decisions, notices
from sekisho.incidents.case_numbers import case_number

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    # Nobody listens on port 9 of this machine (discard).
    (tmp_path / "url").write_text("json://127.0.0.1:9/T0K3N")
    (tmp_path / "url").chmod(0o600)
    found = (AppriseChannel("chat", str(tmp_path / "url"), domains=("ours.test",)),)
    changed = msgspec.structs.replace(settings(), channels=found)
    for module in (notify, channels):
        monkeypatch.setattr(module, "settings", lambda: changed)
    yield changed


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sekisho, list(arguments), catch_exceptions=True)


def ask(*arguments: str, code: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_the_ways_are_listed_without_their_addresses(two_tenants: None, configured: Settings) -> None:
    decisions.suspend("alice@ours.test", "x", "operator")
    rows = {row["name"]: row for row in ask("notify", "channels")}
    assert (rows["mail"]["kind"], rows["mail"]["open"]) == ("mail", 1)
    assert (rows["chat"]["kind"], rows["chat"]["domains"], rows["chat"]["open"]) == ("apprise", ["ours.test"], 1)
    shown = run("notify", "channels").stdout
    assert "chat" in shown and "T0K3N" not in shown


def test_a_channel_that_does_not_answer_fails_its_test_and_names_no_secret(
    two_tenants: None, configured: Settings
) -> None:
    [result] = ask("notify", "test", "--channel", "chat", code=1)
    assert (result["channel"], result["ok"]) == ("chat", False)
    assert "T0K3N" not in json.dumps(result)
    assert run("notify", "test", "--channel", "nosuch").exit_code == 1


def test_a_test_mail_goes_to_the_operators_contacts(
    two_tenants: None, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    monkeypatch.setattr(notices, "_relay", lambda _, message, recipient: sent.append((recipient, message["Subject"])))
    assert ask("notify", "test", "--channel", "mail", code=1)[0]["failure"].startswith("the operator has no contact")
    add_contact("ALL", "duty@outside.test", "en")
    assert ask("notify", "test", "--channel", "mail") == [{"channel": "mail", "ok": True, "failure": ""}]
    assert sent == [("duty@outside.test", "This is a test of notices")]


def test_a_case_number_is_checked_as_on_the_page(two_tenants: None) -> None:
    incident = decisions.suspend("alice@ours.test", "x", "operator")
    assert ask("notify", "case", case_number(incident))["incident"] == incident.pk
    assert run("notify", "case", "SK-1-000000").exit_code == 1
