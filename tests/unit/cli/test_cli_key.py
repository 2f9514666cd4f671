"""`sekisho key`: shown once, never again; only for accounts and scopes that may have it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.directory import provision
from sekisho.directory.models import ApiKey
from sekisho.incidents.models import Audit

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


@pytest.fixture
def accounts(two_tenants: None) -> None:
    provision.add_admin("boss", "x", operator=True)
    provision.add_admin("kanri@ours.test", "x", domains=["ours.test"])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sekisho, ["key", *arguments])


def test_a_key_is_shown_once_and_listed_by_its_prefix(accounts: None) -> None:
    made = run("add", "billing", "--account", "boss", "--scope", "read", "--scope", "contain", "--domain", "OURS.test")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    row = ApiKey.objects.get()
    assert key.startswith(f"sekisho_{row.prefix}_") and len(key) > 55
    listed = run("list", "--json").stdout
    assert json.loads(listed)[0]["domains"] == ["ours.test"]
    assert key[17:] not in listed + run("list").stdout and row.hash not in listed
    assert (row.expires_at - row.created_at).days == 365
    line = Audit.objects.get(verb="api_key_made")
    assert (line.subject, line.via) == (row.prefix, "cli")
    assert key[17:] not in str(line.details)


def test_a_key_is_revoked_once(accounts: None) -> None:
    prefix = json.loads(run("add", "x", "--account", "boss", "--json").stdout)["prefix"]
    assert json.loads(run("revoke", prefix, "--json").stdout)["revoked_at"]
    assert "before" in run("revoke", prefix).stdout
    assert Audit.objects.filter(verb="api_key_revoked", subject=prefix).count() == 1
    assert isinstance(run("revoke", "00000000").exception, Refused)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--account", "nobody"),
        ("--account", "kanri@ours.test", "--scope", "contain"),
        ("--account", "kanri@ours.test", "--scope", "admin"),
        ("--account", "kanri@ours.test", "--domain", "theirs.test"),
        ("--account", "boss", "--domain", "nothing.test"),
    ],
)
def test_a_key_that_the_account_may_not_have_is_refused(accounts: None, arguments: tuple[str, ...]) -> None:
    assert isinstance(run("add", "x", *arguments).exception, Refused)
    assert not ApiKey.objects.exists()


def test_a_key_is_valid_for_two_years_at_most(accounts: None) -> None:
    assert run("add", "x", "--account", "boss", "--days", "731").exit_code == 2
