"""The file of app passwords: what the record and the ledger make of it, and the steps that write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sekisho.containment import plans
from sekisho.containment.app_password_steps import app_passwords_stand, fetch_app_passwords, revoke_app_passwords
from sekisho.containment.app_passwords import AppPasswordFile
from sekisho.containment.ledger import PlanRecord
from sekisho.containment.messages import AppPasswordRow, AppPasswordsRead
from sekisho.containment.work import StepFailed, Tools, Work

from .conftest import ALICE, ALICE_ALIAS, FakeSite, suspended

BOB = "bob@customer.example"
HASH = "111b595e96b026d019c9120f55e275382a64f824b7f1cad2d250e39353faf5cb"


def row(number: int = 7, mailbox: str = ALICE, generation: int = 0, scope: Sequence[str] = ("imap",)) -> AppPasswordRow:
    return AppPasswordRow(mailbox, generation, number, "0111", HASH, tuple(scope))


def path_of(tools: Tools) -> Path:
    return Path(tools.settings.barrier) / "app-passwords"


def lines(tools: Tools) -> list[str]:
    return path_of(tools).read_text().splitlines()


def write(tools: Tools, *rows: AppPasswordRow, read_at: float = 1.0) -> None:
    tools.app_passwords.take(AppPasswordsRead(read_at, rows))
    tools.app_passwords.write()


def opened(tools: Tools, generation: int = 0) -> Work:
    """A mailbox whose suspension is over."""
    entry = suspended(tools, generation=generation)
    plan = entry.plans["release"] = PlanRecord("release", generation + 1, tools.now())
    entry.status = "released"
    tools.ledger.save(entry)
    return Work(tools, entry, plan)


def test_it_holds_a_line_for_every_door_and_login_name(tools: Tools) -> None:
    write(tools, row(scope=("imap", "smtp")), row(8, BOB))
    assert lines(tools) == [
        f"{key}/0111:{{SHA256.HEX}}{HASH}::::::user={mailbox} sekisho_app={number}"
        for key, mailbox, number in (
            (f"imap/{ALICE}", ALICE, 7),
            (f"smtp/{ALICE}", ALICE, 7),
            (f"imap/{ALICE_ALIAS}", ALICE, 7),
            (f"smtp/{ALICE_ALIAS}", ALICE, 7),
            (f"imap/{BOB}", BOB, 8),
            ("imap/bob@alias.example", BOB, 8),
        )
    ]
    assert path_of(tools).stat().st_mode & 0o777 == 0o640


def test_a_suspended_mailbox_has_no_line_whatever_the_record_says(tools: Tools) -> None:
    entry = suspended(tools)
    write(tools, row(), row(8, BOB))
    assert tools.app_passwords.standing(ALICE) == [] and len(tools.app_passwords.standing(BOB)) == 2
    work = Work(tools, entry, entry.plans["contain"])
    assert not revoke_app_passwords(work)
    assert app_passwords_stand(work) == "no app password is left in Dovecot's file"


def test_a_suspension_takes_the_lines_away_with_the_databases_down_and_after_a_restart(
    tools: Tools, site: FakeSite
) -> None:
    write(tools, row(), row(9), row(8, BOB))
    site.is_away = True
    # A new agent, which has fetched nothing yet.
    tools.app_passwords._rows = None
    entry = suspended(tools)
    work = Work(tools, entry, entry.plans["contain"])
    assert revoke_app_passwords(work)
    assert app_passwords_stand(work) == "no app password is left in Dovecot's file"
    assert len(lines(tools)) == 2 and not any(ALICE in line or ALICE_ALIAS in line for line in lines(tools))


def test_the_step_is_not_done_while_a_line_is_left(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tools, row())
    entry = suspended(tools)
    monkeypatch.setattr(AppPasswordFile, "write", lambda self: True)
    step = next(step for step in plans.CONTAIN if step.name == "revoke_app_passwords")
    record = plans.run_step(tools, entry, entry.plans["contain"], step)
    assert (record.state, record.outcome) == ("failed", "1 app password in Dovecot's file, not as wanted")


def test_rows_fetched_before_the_recovery_open_nothing_after_it(tools: Tools) -> None:
    opened(tools)
    write(tools, row(generation=0))
    assert lines(tools) == []
    write(tools, row(generation=1), read_at=2.0)
    assert len(lines(tools)) == 2


def test_what_was_fetched_earlier_never_undoes_what_a_step_fetched_later(tools: Tools) -> None:
    write(tools, row(), row(9), read_at=2.0)
    write(tools, row(), read_at=3.0)
    write(tools, row(), row(9), read_at=2.5)
    assert [line.rpartition("=")[2] for line in lines(tools)] == ["7", "7"]


def test_a_line_added_by_hand_and_a_lost_file_are_put_right(tools: Tools) -> None:
    write(tools, row())
    before = path_of(tools).read_text()
    assert not tools.app_passwords.keep()
    path_of(tools).write_text(before + f"imap/{BOB}/0222:{{PLAIN}}x::::::user={BOB} sekisho_app=1\n")
    assert tools.app_passwords.keep() and path_of(tools).read_text() == before
    path_of(tools).unlink()
    assert tools.app_passwords.keep() and path_of(tools).read_text() == before


def test_a_suspension_alone_makes_keep_write(tools: Tools) -> None:
    write(tools, row())
    suspended(tools)
    assert tools.app_passwords.keep() and lines(tools) == []


def test_there_is_an_empty_file_before_anything_is_known(tools: Tools) -> None:
    assert not path_of(tools).exists()
    tools.app_passwords.ensure()
    assert lines(tools) == []


def test_a_change_is_asked_for_anew_and_given_time_to_be_seen(tools: Tools, site: FakeSite) -> None:
    site.app_password_rows = [row(generation=1)]
    work = opened(tools)
    before = tools.now()
    assert fetch_app_passwords(work)
    assert tools.now() - before >= 1.0
    assert app_passwords_stand(work) == "1 app password in force"
    assert not fetch_app_passwords(work)
    site.is_away = True
    with pytest.raises(StepFailed):
        fetch_app_passwords(work)


def test_a_line_for_pop3_is_known_as_the_mailboxs_too(tools: Tools, site: FakeSite) -> None:
    write(tools, row(scope=("imap", "pop3", "smtp", "sieve")))
    assert len(tools.app_passwords.standing(ALICE)) == 8
    # Suspended with the databases away, after a restart: none is left.
    tools.app_passwords._rows = None
    entry = suspended(tools)
    revoke_app_passwords(Work(tools, entry, entry.plans["contain"]))
    assert lines(tools) == []
