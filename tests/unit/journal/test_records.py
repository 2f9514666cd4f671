"""Decisions and events as lines, and the state file."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.journal import (
    DecisionRecord,
    Event,
    IndicatorRecord,
    LoginSeen,
    MailboxState,
    RecordError,
    StateFile,
    format_record,
    parse_decision,
    parse_event,
    read_state,
    write_state,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
st.register_type_strategy(float, numbers)
st.register_type_strategy(str, text)
indicators = st.builds(IndicatorRecord)
decisions = st.builds(DecisionRecord, indicators=st.lists(indicators, max_size=3).map(tuple))
events = st.one_of(*(st.builds(kind) for kind in get_args(Event)))


@given(decisions)
def test_a_decision_is_read_back(record: DecisionRecord) -> None:
    line = format_record(record)
    assert b"\n" not in line
    assert parse_decision(line) == record


@given(events)
def test_every_kind_of_event_is_read_back(event: Event) -> None:
    line = format_record(event)
    assert b"\n" not in line
    assert parse_event(line) == event


@given(st.binary(max_size=100))
def test_arbitrary_bytes_raise_nothing_but_record_errors(data: bytes) -> None:
    for parse in (parse_decision, parse_event):
        with pytest.raises(RecordError):
            parse(data)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"type":"of the future"}', b'{"type":"login","t":null}', b"[" * 5000])
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(RecordError):
        parse_event(line)


def test_a_field_of_a_newer_guard_is_ignored() -> None:
    event = LoginSeen(t=1.0, mailbox="alice@ours.test", success=True, protocol="imap", ip="192.0.2.1")
    newer = format_record(event)[:-1] + b',"of_the_future":[1]}'
    assert parse_event(newer) == event


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_decision_nobody_could_read_is_refused_where_it_is_made(score: float) -> None:
    record = DecisionRecord(
        id="1",
        t=1.0,
        host="mx",
        mailbox="alice@ours.test",
        generation=0,
        action="suspend",
        before="active",
        after="suspended",
        limit=None,
        enforced=True,
        score=score,
        indicators=(),
    )
    with pytest.raises(RecordError):
        format_record(record)


def test_the_state_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "agent" / "state.json"
    assert read_state(path) is None
    state = StateFile(
        written_at=1.5,
        mailboxes={"alice@ours.test": MailboxState("restricted", generation=3, limit=10, since=1.0)},
        alias_domains={"alias.test": "ours.test"},
        modes={"ours.test": "observe"},
        protected=("postmaster@ours.test",),
        watched=("alice@ours.test",),
        mailbox_count=20,
        domain_mailbox_counts={"ours.test": 20},
    )
    write_state(path, state)
    assert read_state(path) == state


@pytest.mark.parametrize("content", [b"", b"{}", b'{"written_at":1,"mailboxes":{"a":{"status":"open"}}}', b"\xff"])
def test_a_spoiled_state_file_is_told_from_a_missing_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="state"):
        read_state(path)
