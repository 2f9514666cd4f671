"""The command line about app passwords."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.incidents.app_passwords import LETTERS, verifier_of
from sekisho.incidents.models import AppPassword, Incident

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, BOB = "alice@ours.test", "bob@ours.test"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sekisho, ["app-password", *arguments], catch_exceptions=True)


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, (result.output, result.exception)
    return result.output


def refusal(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, Refused), result.output
    return str(result.exception)


def test_it_prints_the_secret_once_and_lists_it_without(two_tenants: None) -> None:
    secret = done("add", "Alice@alias.test", "--name", "iPhone", "--scope", "smtp, IMAP").splitlines()[-1]
    assert set(secret) <= set(LETTERS) | {"-"}
    row = AppPassword.objects.get(mailbox=ALICE)
    assert (row.verifier, row.scope) == (verifier_of(secret), "imap,smtp")
    table, listed = done("list", ALICE), done("list", ALICE, "--json")
    assert "iPhone" in table and "imap,smtp" in table
    assert not any(part in text for text in (table, listed) for part in (secret, row.verifier))
    [told] = json.loads(listed)["app_passwords"]
    assert (told["name"], told["state"], told["last_used_at"]) == ("iPhone", "on", None)


def test_one_or_all_are_revoked_and_one_of_the_two_must_be_said(two_tenants: None) -> None:
    for name in ("iPhone", "printer", "old phone"):
        done("add", ALICE, "--name", name)
    assert "1 app password of" in done("revoke", ALICE, "printer")
    assert json.loads(done("revoke", ALICE, "--all", "--json")) == {"address": ALICE, "revoked": 2}
    for arguments in (["revoke", ALICE], ["revoke", ALICE, "iPhone", "--all"]):
        assert isinstance(run(*arguments).exception, SystemExit | click.UsageError)
    assert "not found" in refusal("revoke", ALICE, "iPhone")


def test_one_that_a_suspension_switched_off_is_renewed_after_the_recovery(incident: Incident) -> None:
    from sekisho.recovery import flow

    assert "suspended mailbox gets no app password" in refusal("add", ALICE, "--name", "iPhone")
    flow.reinstate(ALICE, "hoshi-7f3a91c2-umi-d04b88e1", "operator")
    done("add", ALICE, "--name", "iPhone")
    AppPassword.objects.update(disabled_at="2026-01-01T00:00Z", disabled_in=0)
    assert "off since the suspension" in done("list", ALICE)
    renewed = json.loads(done("renew", ALICE, "iPhone", "--json"))
    assert (renewed["state"], renewed["name"]) == ("on", "iPhone")
    assert AppPassword.objects.get(revoked_at=None).verifier == verifier_of(renewed["password"])


def test_a_new_mailbox_password_takes_them_away_only_when_asked_to(two_tenants: None) -> None:
    done("add", ALICE, "--name", "iPhone")
    for flags, left in (([], 1), (["--revoke-app-passwords"], 0)):
        new = f"hoshi-7f3a91c2-umi-d04b88e{left}"
        arguments = ["mailbox", "password", ALICE, "--password-stdin", *flags]
        assert CliRunner().invoke(sekisho, arguments, input=new).exit_code == 0
        assert AppPassword.objects.filter(revoked_at=None).count() == left


def test_it_says_in_words_what_cannot_be(two_tenants: None) -> None:
    assert "at least one thing" in refusal("add", ALICE, "--name", "x", "--scope", "fax")
    assert "no mailbox" in refusal("add", "nobody@ours.test", "--name", "x")
    done("add", ALICE, "--name", "x")
    assert "already" in refusal("add", ALICE, "--name", "x")
