"""The script that files what comes back for a hijacker's mail: what it asks for, and what cannot get into it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sekisho.containment import returned
from sekisho.containment.commands import CompletedCommand
from sekisho.containment.intake import Intake
from sekisho.containment.messages import ClaimedOrder
from sekisho.containment.work import Tools, Work

from .conftest import ALICE, suspended
from .fake_host import FakeHost

ID, MESSAGE_ID = "4jYZ224PJXzJHbl", "<1.2@shop.test>"


def with_scripts(tools: Tools, directory: str) -> Tools:
    dovecot = msgspec.structs.replace(tools.settings.dovecot, returned_mail_scripts=directory)
    return replace(tools, settings=msgspec.structs.replace(tools.settings, dovecot=dovecot))


@pytest.fixture
def sorting(tools: Tools, tmp_path: Path) -> Tools:
    """Tools of a site that has set the folder up."""
    return with_scripts(tools, str(tmp_path / "returned"))


def released(tools: Tools, ids: list[str] | None = None, message_ids: list[str] | None = None) -> Work:
    entry = suspended(tools)
    entry.sent_ids, entry.sent_message_ids = [ID] if ids is None else ids, message_ids or [MESSAGE_ID]
    return Work(tools, entry, entry.plans["contain"])


def test_the_script_is_written_compiled_and_read_back(sorting: Tools, host: FakeHost) -> None:
    work = released(sorting)
    # An agent whose system gives new files to itself alone.
    before = os.umask(0o077)
    try:
        assert returned.file_returned(work)
    finally:
        os.umask(before)
    assert returned.returned_filed(work) == "what comes back for 1 message goes to 不正送信の不達通知"
    path = Path(sorting.settings.dovecot.returned_mail_scripts) / f"{ALICE}.sieve"
    text = path.read_text()
    assert ID in text and MESSAGE_ID in text and 'envelope :is "from" ""' in text
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert path.with_suffix(".svbin").exists()
    # The same again changes nothing.
    assert not returned.file_returned(work)


def test_a_script_that_cannot_be_compiled_keeps_nobody_shut_out(sorting: Tools, host: FakeHost) -> None:
    host.broken["sievec"] = lambda: CompletedCommand(1, b"", b"sievec: Fatal: no")
    work = released(sorting)
    assert returned.file_returned(work)
    assert returned.returned_filed(work).endswith("; not compiled")


def test_a_site_without_the_folder_gets_no_script(tools: Tools) -> None:
    work = released(with_scripts(tools, ""))
    assert not returned.file_returned(work)
    assert "no folder" in returned.returned_filed(work)


def test_an_incident_that_sent_nothing_gets_no_script(sorting: Tools) -> None:
    work = released(sorting, ids=[])
    assert not returned.file_returned(work)
    assert returned.returned_filed(work) == "nothing was sent that could come back"
    assert not Path(sorting.settings.dovecot.returned_mail_scripts).exists()


@pytest.mark.parametrize(
    "bad",
    [
        '<a"]; discard; #@x>',
        "<a\\@x>",
        "<a@x>\r\nstop;",
        "< a@x>",
        "<a>",
        "a@x",
        "<>",
        "<@>",
        "<" + "a" * 300 + "@x>",
        "<ä@x>",
    ],
)
def test_a_message_id_that_could_mean_something_else_stays_out(bad: str) -> None:
    text = returned.script_text([ID], [bad, MESSAGE_ID], "x")
    assert text == returned.script_text([ID], [MESSAGE_ID], "x")


def test_only_queue_ids_get_in_and_not_without_bound() -> None:
    many = [f"4jY{number:05d}zzzz" for number in range(900)]
    text = returned.script_text(['4j"; discard;', "../x", *many], [], 'a"b\\c')
    assert "discard" not in text and "../x" not in text
    assert len(set(re.findall(r"4jY\d{5}zzzz", text))) == returned.MOST_MESSAGES
    assert r'"a\"b\\c"' in text


@pytest.mark.parametrize("name", ["../../etc/x@shop.test", "a/b@shop.test", "", ".x@shop.test", "a\0b@shop.test"])
def test_a_mailbox_that_names_another_file_gets_none(sorting: Tools, name: str) -> None:
    assert returned.script_path(sorting, name) is None


def test_scripts_go_after_a_month(sorting: Tools) -> None:
    work = released(sorting)
    returned.file_returned(work)
    directory = Path(sorting.settings.dovecot.returned_mail_scripts)
    written = (directory / f"{ALICE}.sieve").stat().st_mtime
    returned.prune_scripts(sorting, written + 29 * 86_400)
    assert len(list(directory.iterdir())) == 2
    returned.prune_scripts(sorting, written + 31 * 86_400)
    assert not list(directory.iterdir())


def test_the_order_to_open_says_what_was_sent(tools: Tools) -> None:
    suspended(tools)
    details = {"sent_ids": [ID, 7], "sent_message_ids": "no list"}
    intake = Intake(tools.ledger, tools.names, tools.now, lambda *_: None)  # type: ignore[arg-type]
    intake.take_order(ClaimedOrder(1, ALICE, "release", 9, tools.now(), details, None))
    [entry] = tools.ledger.entries()
    assert (entry.sent_ids, entry.sent_message_ids) == ([ID], [])
