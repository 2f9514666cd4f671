"""The command line about passwords: `sekisho pwned`, `mailbox password`, and what `mailbox add` refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import settings
from sekisho.directory.models import SiteAlias, SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents.models import Incident
from sekisho.recovery.flow import PasswordRefused, password_problems, set_password

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE = "alice@ours.test"
OLD = f"first password of {ALICE}"
NEW, LISTED = "kT9-vmQ4-xuZ7-rpL2-hdW8", "Wq3-bnT8-yeK5-jfM6-scG1"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[None]:
    """A list that holds LISTED, where the settings say."""
    (tmp_path / "leaked.txt").write_text(f"hunter2hunter2hunter2\n{LISTED}\n")
    result = run("pwned", "build", str(tmp_path / "leaked.txt"))
    assert result.exit_code == 0 and "2 passwords" in result.output
    yield
    settings().breached_list_file.unlink(missing_ok=True)


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(sekisho, list(arguments), input=given, catch_exceptions=True)


def refusal(*arguments: str, given: str = "") -> str:
    result = run(*arguments, given=given)
    assert isinstance(result.exception, Refused), result.output
    assert not given or given.strip() not in result.output + str(result.exception)
    return str(result.exception)


def stored(mailbox: str = ALICE) -> str:
    return SiteMailbox.objects.get(username=mailbox).password


def test_a_listed_password_is_refused_wherever_one_is_set(incident: Incident, listed: None) -> None:
    assert "leaked" in refusal("mailbox", "password", ALICE, "--password-stdin", given=LISTED + "\n")
    assert "leaked" in refusal("mailbox", "reinstate", ALICE, "--password-stdin", given=LISTED + "\n")
    with pytest.raises(PasswordRefused):
        set_password(ALICE, LISTED, "panel")
    assert verify_password(OLD, stored())


def test_without_a_list_the_rule_is_off_and_status_says_so(two_tenants: None) -> None:
    assert password_problems(ALICE, LISTED) == []
    for verb in (("pwned", "status"), ("status",)):
        result = run(*verb)
        assert result.exit_code == 0 and "rule off" in result.output and "sekisho pwned build" in result.output
    assert json.loads(run("pwned", "status", "--json").output)["state"] == "off"


def test_a_damaged_list_is_told_and_keeps_nobody_out(
    two_tenants: None, listed: None, caplog: pytest.LogCaptureFixture
) -> None:
    path = settings().breached_list_file
    path.write_bytes(path.read_bytes()[:-7])
    assert password_problems(ALICE, LISTED) == []
    assert "not used" in caplog.text and LISTED not in caplog.text
    result = run("pwned", "status")
    assert isinstance(result.exception, Refused) and "incomplete" in result.output
    told = run("status")
    assert told.exit_code == 0 and re.search(rf"(?m)^ALARM +{re.escape(str(path))} is incomplete", told.output)
    assert "nobody knows" in refusal("pwned", "check", given=LISTED)


def test_status_tells_how_many_are_refused(listed: None) -> None:
    assert "2 refused" in run("pwned", "status", "--verify").output
    facts = json.loads(run("pwned", "status", "--json").output)
    assert (facts["state"], facts["sums"]) == ("on", 2)


def test_check_answers_from_standard_input(listed: None) -> None:
    assert "on the list" in refusal("pwned", "check", given=LISTED + "\n")
    free = run("pwned", "check", given=NEW + "\n")
    assert free.exit_code == 0 and "not on the list" in free.output
    assert run("pwned", "check", NEW).exit_code == 2


def test_a_list_that_cannot_be_made_leaves_the_former(listed: None, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert "former list stays" in refusal("pwned", "build", str(tmp_path / "empty.txt"))
    assert "on the list" in refusal("pwned", "check", given=LISTED)


def test_a_mailbox_gets_a_new_password_by_the_same_rules(two_tenants: None) -> None:
    for bad, says in (("short", "15 characters"), (OLD, "used before"), (NEW + " ", "at the end")):
        assert says in refusal("mailbox", "password", ALICE, "--password-stdin", given=bad + "\n")
    result = run("mailbox", "password", "ALICE@alias.test", "--password-stdin", given=NEW + "\n")
    assert result.exit_code == 0 and verify_password(NEW, stored())


def test_a_new_password_does_not_open_a_suspended_mailbox(incident: Incident) -> None:
    result = run("mailbox", "password", ALICE, "--password-stdin", given=NEW)
    assert result.exit_code == 0 and "stays suspended" in result.output


def test_a_burned_password_does_not_come_back_with_a_mailbox_made_anew(incident: Incident) -> None:
    SiteMailbox.objects.filter(username=ALICE).delete()
    SiteAlias.objects.filter(address=ALICE).delete()
    assert "used before" in refusal("mailbox", "add", " Alice@OURS.test", "--password-stdin", given=OLD)
    weak = run("mailbox", "add", ALICE, "--password-stdin", given="short-one")
    assert weak.exit_code == 0 and "warning: Use at least 15" in weak.output
