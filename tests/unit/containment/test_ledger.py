from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.config import Settings
from sekisho.containment.barrier import wanted_rows
from sekisho.containment.intake import Intake
from sekisho.containment.ledger import ARCHIVE_KEPT_S, Entry, Ledger, PlanRecord, entry_name
from sekisho.containment.work import Tools
from sekisho.journal import DecisionRecord

from .conftest import ALICE, suspended


def decision(mailbox: str = ALICE, generation: int = 0, action: str = "suspend", **fields: object) -> DecisionRecord:
    base: dict[str, object] = {
        "id": f"{mailbox}-{generation}-{action}", "t": 1000.0, "host": "mx", "mailbox": mailbox,
        "generation": generation, "action": action, "before": "active",
        "after": "suspended" if action == "suspend" else "restricted", "limit": None if action == "suspend" else 10,
        "enforced": True, "score": 9.0, "indicators": (), "first_risk_at": 900.0,
    }  # fmt: skip
    return DecisionRecord(**(base | fields))  # type: ignore[arg-type]


def test_an_entry_is_the_same_after_reading_it_again(tools: Tools, settings: Settings) -> None:
    entry = suspended(tools, held=["ABCDEF1"], frozen_script="fwd")
    again = Ledger(settings.ledger_directory).get(ALICE, 0)
    assert again == entry
    file = settings.ledger_directory / entry_name(ALICE, 0)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_read_is_told_and_the_others_count(tools: Tools, settings: Settings) -> None:
    suspended(tools)
    (settings.ledger_directory / "broken.json").write_text("{")
    again = Ledger(settings.ledger_directory)
    assert again.unreadable == ["broken.json"]
    assert again.get(ALICE, 0) is not None


def test_an_archived_entry_keeps_old_decisions_from_counting(tools: Tools, settings: Settings) -> None:
    entry = suspended(tools)
    entry.plans["release"] = PlanRecord("release", 1, 0.0)
    assert tools.ledger.is_history(ALICE, 0)
    tools.ledger.archive(entry)
    again = Ledger(settings.ledger_directory)
    assert again.entries() == []
    assert again.is_history(ALICE, 0)
    assert not again.is_history(ALICE, 1)


def put_away(settings: Settings, ledger: Ledger, mailbox: str, at: float) -> Path:
    """An entry that was archived at that time; its file."""
    entry = Entry(mailbox, 0, "released", None, 0.0, 0.0, [mailbox], [mailbox])
    entry.plans["release"] = PlanRecord("release", 1, 0.0)
    ledger.save(entry)
    ledger.archive(entry)
    path = settings.ledger_directory / "archive" / entry_name(mailbox, 0)
    os.utime(path, (at, at))
    return path


def test_an_archived_entry_goes_after_ninety_days_and_a_live_one_never(tools: Tools, settings: Settings) -> None:
    now = 1_900_000_000.0
    live = suspended(tools)
    old = put_away(settings, tools.ledger, "old@customer.example", now - ARCHIVE_KEPT_S - 1)
    young = put_away(settings, tools.ledger, "young@customer.example", now - ARCHIVE_KEPT_S + 1)
    os.utime(settings.ledger_directory / entry_name(ALICE, 0), (0, 0))
    assert tools.ledger.prune_archive(now) == 1
    assert not old.exists() and young.exists()
    again = Ledger(settings.ledger_directory)
    assert again.entries() == [live]
    assert again.is_history("young@customer.example", 0) and not again.is_history("old@customer.example", 0)


def test_what_was_opened_stays_known_while_the_agent_runs(tools: Tools, settings: Settings) -> None:
    put_away(settings, tools.ledger, ALICE, 0.0)
    tools.ledger.prune_archive(ARCHIVE_KEPT_S + 1)
    assert tools.ledger.is_history(ALICE, 0)


def test_of_too_many_archived_entries_the_newest_stay(
    tools: Tools, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.containment.ledger.MOST_ARCHIVED", 3)
    files = [put_away(settings, tools.ledger, f"m{at}@customer.example", float(at)) for at in (3, 1, 5, 2, 4)]
    assert tools.ledger.prune_archive(6.0) == 2
    assert [path.exists() for path in files] == [True, False, True, False, True]


def test_what_a_kill_left_half_written_in_the_archive_goes_too(tools: Tools, settings: Settings) -> None:
    torn = settings.ledger_directory / "archive" / f".{entry_name(ALICE, 0)}.17.18"
    torn.write_bytes(b"{")
    os.utime(torn, (0, 0))
    tools.ledger.prune_archive(ARCHIVE_KEPT_S)
    assert torn.exists()
    tools.ledger.prune_archive(ARCHIVE_KEPT_S + 1)
    assert not torn.exists()


@pytest.fixture
def intake(tools: Tools) -> Intake:
    return Intake(tools.ledger, tools.names, tools.now, lambda order, state: None)  # type: ignore[arg-type]


mailboxes = st.sampled_from(["a@customer.example", "b@customer.example"])
decisions = st.builds(
    lambda m, g, a, limit, e: decision(m, g, a, limit=limit if a == "restrict" else None, enforced=e),
    mailboxes, st.integers(0, 2), st.sampled_from(["alert", "restrict", "suspend"]), st.sampled_from([0, 10]),
    st.booleans(),
)  # fmt: skip


@given(st.lists(decisions, max_size=8))
@settings(max_examples=50, deadline=None)
def test_the_journal_read_twice_gives_the_same_barrier(
    tmp_path_factory: pytest.TempPathFactory, journal: list[DecisionRecord]
) -> None:
    from sekisho.containment.site_names import SiteNames

    directory: Path = tmp_path_factory.mktemp("ledger")
    names = SiteNames("+", directory / "domains.json")
    barriers = []
    for _ in range(2):
        ledger = Ledger(directory / "ledger")
        intake = Intake(ledger, names, lambda: 2000.0, lambda order, state: None)
        for record in journal:
            intake.take_decision(record)
        barriers.append(wanted_rows(ledger.entries()))
    assert barriers[0] == barriers[1]
    shut = {r.mailbox for r in journal if r.enforced and r.action == "suspend"}
    assert shut == set(barriers[0]["deny"])
