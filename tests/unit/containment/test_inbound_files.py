"""What rspamd and Dovecot read about inbound warnings, as the record has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sekisho.config.inbound import InboundSettings
from sekisho.containment.commands import CommandError
from sekisho.containment.inbound_files import InboundFiles, script_text
from sekisho.containment.messages import InboundRow


def row(domain: str = "a.example", level: str = "warn", place: str = "folder", *aliases: str) -> InboundRow:
    return InboundRow((domain, *aliases), level, True, place, ("x@b.example",), '{"key": "own"}')


@pytest.fixture
def compiled() -> list[str]:
    return []


@pytest.fixture
def files(tmp_path: Path, compiled: list[str]) -> InboundFiles:
    site = InboundSettings(directory=str(tmp_path / "in"), scripts=str(tmp_path / "in/scripts"))
    return InboundFiles(site, lambda path: compiled.append(path.name))


def scripts(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "in/scripts").iterdir()}


def test_it_writes_what_each_domain_wants_and_a_script_for_each_form_of_it(
    files: InboundFiles, compiled: list[str], tmp_path: Path
) -> None:
    assert files.keep([row("a.example", "warn", "folder", "alias.example"), row("b.example", "observe")])
    tenants = json.loads((tmp_path / "in/tenants.json").read_text())["tenants"]
    assert [one["domains"] for one in tenants] == [["a.example", "alias.example"], ["b.example"]]
    assert tenants[0]["own"] == {"key": "own"} and tenants[0]["level"] == "warn" and tenants[0]["tag"] is True
    assert scripts(tmp_path) == {"a.example.sieve", "alias.example.sieve"} == set(compiled)
    assert "なりすまし注意" in (tmp_path / "in/scripts/a.example.sieve").read_text()


def test_it_writes_nothing_while_nothing_changes_and_takes_away_what_nobody_wants(
    files: InboundFiles, compiled: list[str], tmp_path: Path
) -> None:
    files.keep([row()])
    assert not files.keep([row()])
    (tmp_path / "in/scripts/a.example.svbin").touch()
    assert files.keep([row(place="quarantine")])
    assert "隔離" in (tmp_path / "in/scripts/a.example.sieve").read_text() and compiled == ["a.example.sieve"] * 2
    assert files.keep([row(place="inbox")])
    assert scripts(tmp_path) == set()


def test_a_script_that_cannot_be_compiled_is_there_all_the_same(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise CommandError("sievec")

    site = InboundSettings(directory=str(tmp_path / "in"), scripts=str(tmp_path / "in/scripts"))
    InboundFiles(site, fail).keep([row()])
    assert scripts(tmp_path) == {"a.example.sieve"}


def test_a_domain_whose_name_is_a_path_gets_no_script(files: InboundFiles, tmp_path: Path) -> None:
    files.keep([row("../../etc/cron.d/x")])
    assert scripts(tmp_path) == set()


def test_without_the_setting_nothing_is_written(tmp_path: Path) -> None:
    assert not InboundFiles(InboundSettings(), lambda path: None).keep([row()])
    assert list(tmp_path.iterdir()) == []


def test_a_folders_name_cannot_end_the_string_it_stands_in() -> None:
    assert 'fileinto :create "a\\"; discard; \\\\";' in script_text('a"; discard; \\')
