"""Dovecot's events: the recordings of 2.3 and 2.4, and what must not be taken for something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.dovecot_event import RedirectSent, ScriptActivated, ScriptStored, SessionFinished, parse_event

GOLDEN = Path(__file__).parents[2] / "golden"
# 2026-11-24T02:25:52Z
MOMENT = 1795487152.0


def recorded(version: str) -> list[object]:
    return [parse_event(line) for line in (GOLDEN / f"dovecot-events-{version}.jsonl").read_bytes().splitlines()]


def event(name: str, **fields: object) -> bytes:
    return json.dumps({"event": name, "end_time": "2026-11-24T02:25:52Z", "fields": fields}).encode()


def test_it_finds_the_planted_forward_in_the_recording_of_dovecot_2_3() -> None:
    found = [event for event in recorded("2.3") if event is not None]
    session = "nw3ubfxgEI5/AAAB"
    assert ScriptStored(MOMENT + 0.616775, "alice@ours.test", session, "fwd") in found
    assert ScriptActivated(MOMENT + 0.617499, "alice@ours.test", session, "fwd") in found
    redirects = [event for event in found if isinstance(event, RedirectSent)]
    assert [(e.user, e.target) for e in redirects] == [("alice@ours.test", "evil@internet.test")]


def test_only_persons_sessions_count_as_sessions() -> None:
    sessions = [event for event in recorded("2.3") if isinstance(event, SessionFinished)]
    assert [(s.user, s.protocol, s.ip) for s in sessions] == [("alice@ours.test", "imap", "127.0.0.1")]


def test_dovecot_2_4_says_how_much_was_read() -> None:
    sessions = [event for event in recorded("2.4") if isinstance(event, SessionFinished)]
    assert [(s.bytes_in, s.bytes_out, s.seconds) for s in sessions] == [(153, 982, 0.014278)]


def test_a_refused_script_changed_nothing() -> None:
    assert parse_event(event("managesieve_command_finished", user="a@b", cmd_name="PUTSCRIPT", error="quota")) is None


def test_an_empty_name_says_that_no_script_is_active() -> None:
    found = parse_event(event("managesieve_command_finished", user="a@b", cmd_name="SETACTIVE", cmd_args='""'))
    assert found == ScriptActivated(MOMENT, "a@b", "", "")


@pytest.mark.parametrize(
    "body",
    [
        event("mail_user_session_finished", user="raw mail user"),
        event("sieve_action_finished", user="a@b", action_name="keep"),
        event("managesieve_command_finished", user="a@b", cmd_name="LISTSCRIPTS"),
        event("managesieve_command_finished", cmd_name="PUTSCRIPT"),
        event("of_the_future", user=["anything"]),
    ],
)
def test_other_events_say_nothing(body: bytes) -> None:
    assert parse_event(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b'{"fields":{}}',
        b'{"event":"sieve_action_finished","fields":{"user":1}}',
        b'{"event":"sieve_action_finished","end_time":"yesterday"}',
        b'{"event":"sieve_action_finished","end_time":"2026-11-24T02:25:52"}',
        b'{"event":"' + b"a" * 70000 + b'"}',
    ],
)
def test_it_refuses_what_dovecot_does_not_send(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_event(body)


names = st.sampled_from(["managesieve_command_finished", "sieve_action_finished", "mail_user_session_finished"])
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=10)


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda name, end, fields: json.dumps({"event": name, "end_time": end, "fields": fields}).encode(),
        names,
        st.text(max_size=30) | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
        st.dictionaries(st.sampled_from(["user", "cmd_name", "duration", "error"]), scalars) | scalars,
    )
)
def test_arbitrary_bodies_raise_nothing_but_wire_errors(body: bytes) -> None:
    try:
        parse_event(body)
    except WireError:
        pass
