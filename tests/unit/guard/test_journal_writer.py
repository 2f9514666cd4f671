"""The two pens: what is on disk when they return, and what happens when the disk refuses."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from sekisho.guard.journal_writer import DecisionJournal, Spool
from sekisho.journal import (
    AppendLog,
    DecisionRecord,
    Follower,
    GuardGap,
    IndicatorRecord,
    MailArrived,
    parse_decision,
    parse_event,
)


def decision(name: str) -> DecisionRecord:
    return DecisionRecord(name, 1.0, "mx", "a@x.test", 0, "suspend", "active", "suspended", None, True, 12.0, ())


def on_disk(directory: Path) -> list[str]:
    return [parse_decision(line).id for line in Follower(directory).read()]


def test_a_decision_is_on_disk_when_record_returns(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path)
    assert journal.record(decision("one"))
    assert on_disk(tmp_path) == ["one"]
    journal.close()


def test_a_full_disk_raises_an_alarm_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = threading.Event()
    full.set()
    append = AppendLog.append

    def refusing(log: AppendLog, *records: bytes) -> None:
        if full.is_set():
            raise OSError(28, "No space left on device")
        append(log, *records)

    monkeypatch.setattr(AppendLog, "append", refusing)
    journal = DecisionJournal(tmp_path, wait=0.01, retry=0.01)
    assert not journal.record(decision("one"))
    assert not journal.record(decision("two"))
    assert "No space left" in journal.alarm
    assert journal.unwritten == 2
    full.clear()
    journal.close()
    assert on_disk(tmp_path) == ["one", "two"]
    assert journal.alarm == ""


def test_a_hanging_disk_holds_up_one_answer_only_briefly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    append = AppendLog.append

    def hanging(log: AppendLog, *records: bytes) -> None:
        go_on.wait(5)
        append(log, *records)

    monkeypatch.setattr(AppendLog, "append", hanging)
    journal = DecisionJournal(tmp_path, wait=0.01)
    assert not journal.record(decision("one"))
    assert "does not answer" in journal.alarm
    go_on.set()
    journal.close()
    assert on_disk(tmp_path) == ["one"]


def test_the_spool_keeps_the_order_of_events(tmp_path: Path) -> None:
    spool = Spool(tmp_path, flush_every=60)
    for number in range(2500):
        spool.put(GuardGap(float(number), 0.0, 0.0))
    spool.close()
    follower = Follower(tmp_path)
    times = [parse_event(line).t for line in follower.read(5000)]
    assert times == [float(number) for number in range(2500)]


def test_events_wait_for_a_disk_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, flush_every=60)
    spool.put(GuardGap(1.0, 0.0, 0.0))
    with monkeypatch.context() as broken:
        broken.setattr(AppendLog, "append", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        spool.flush()
    assert "full" in spool.alarm
    spool.put(GuardGap(2.0, 0.0, 0.0))
    spool.close()
    assert [parse_event(line).t for line in Follower(tmp_path).read()] == [1.0, 2.0]
    assert spool.alarm == ""


def test_a_decision_that_cannot_be_written_as_it_is_loses_its_findings_only(tmp_path: Path) -> None:
    journal = DecisionJournal(tmp_path)
    assert journal.record(msgspec.structs.replace(decision("odd"), score=float("nan")))
    half = msgspec.structs.replace(decision("half"), indicators=(IndicatorRecord("x", 1.0, "\ud800", ""),))
    assert journal.record(half)
    assert journal.record(decision("next"))
    journal.close()
    assert on_disk(tmp_path) == ["odd", "half", "next"]


def test_an_event_that_cannot_be_written_does_not_stop_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path, flush_every=60)
    spool.put(MailArrived(1.0, "a@x.test", "\ud800", "Q"))
    spool.put(GuardGap(2.0, 0.0, 0.0))
    spool.close()
    assert [parse_event(line).t for line in Follower(tmp_path).read()] == [2.0]
    assert spool.dropped == 1
