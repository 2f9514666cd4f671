"""Dovecot's auth policy: recorded dialogues of 2.3 and 2.4, and the answer Dovecot can read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.dovecot_policy import (
    LoginQuestion,
    LoginReport,
    format_verdict,
    parse_allow,
    parse_report,
    password_hash,
    program_of,
)

GOLDEN = Path(__file__).parents[2] / "golden"


def recorded(name: str) -> list[tuple[str, bytes]]:
    pairs = [line.split(b" ", 1) for line in (GOLDEN / name).read_bytes().splitlines()]
    return [(command.decode(), body) for command, body in pairs]


ALL = [(name, *pair) for name in ("2.3", "2.3-rich", "2.4") for pair in recorded(f"dovecot-policy-{name}.txt")]


@pytest.mark.parametrize(("version", "command", "body"), ALL)
def test_it_reads_every_recorded_request(version: str, command: str, body: bytes) -> None:
    sent = json.loads(body)
    parsed = parse_allow(body) if command == "allow" else parse_report(body)
    for name, value in sent.items():
        assert getattr(parsed, name) == value


def test_the_recordings_hold_the_quirks_this_room_names() -> None:
    reports = [parse_report(body) for _, command, body in ALL if command == "report"]
    assert any(report.login == "" for report in reports), "a name with a forbidden character"
    assert any(report.success and report.protocol == "smtp" and report.session_id == "" for report in reports)
    assert any(report.fail_type == "credentials" for report in reports), "2.4"
    assert any(report.policy_reject and not report.success for report in reports)
    assert any(report.attrs.get("secured") == "secured" and not report.tls for report in reports)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
questions = st.builds(LoginQuestion, login=text, remote=text, protocol=text, attrs=st.dictionaries(text, text))
reports = st.builds(
    LoginReport, login=text, pwhash=text, success=st.booleans(), policy_reject=st.booleans(), fail_type=text
)


@given(questions)
def test_a_question_is_read_back(question: LoginQuestion) -> None:
    assert parse_allow(msgspec.json.encode(question)) == question


@given(reports)
def test_a_report_is_read_back(report: LoginReport) -> None:
    assert parse_report(msgspec.json.encode(report)) == report


def test_a_report_without_success_is_a_failure() -> None:
    assert parse_report(b'{"login":"alice@ours.test"}').success is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}x",
        b'{"login":1}',
        b'{"success":"true"}',
        b'{"login":"\xff"}',
        b'{"attrs":{"x":["a"]}}',
        b'{"a":' * 5000,
        b'{"login":"' + b"a" * 70000 + b'"}',
    ],
)
def test_it_refuses_what_dovecot_does_not_send(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_report(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["login", "remote", "tls", "success", "attrs", "session_id"])


@given(st.binary(max_size=200) | st.dictionaries(names, json_values).map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bodies_raise_nothing_but_wire_errors(body: bytes) -> None:
    for parse in (parse_allow, parse_report):
        try:
            parse(body)
        except WireError:
            pass


@given(st.integers(-1, 9), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_a_verdict_is_status_and_msg_and_nothing_nested(status: int, message: str) -> None:
    body = json.loads(format_verdict(status, message))
    assert body == {"status": status, "msg": message}
    assert type(body["status"]) is int


@pytest.mark.parametrize(("status", "message"), [(-2, ""), (10, ""), (-1, "停止"), (-1, "a\r\nb")])
def test_it_refuses_verdicts_that_dovecot_or_postfix_cannot_carry(status: int, message: str) -> None:
    with pytest.raises(WireError):
        format_verdict(status, message)


def test_it_finds_the_programs_name_in_a_recorded_id() -> None:
    ids = {parse_report(body).device_id for name, command, body in ALL if command == "report"}
    assert "Thunderbird" in {program_of(device_id) for device_id in ids}


@pytest.mark.parametrize("device_id", ["", "NIL", '"version" "1"', '"name" NIL', '"name" "a\x1b[2J"'])
def test_a_program_without_a_printable_name_has_none(device_id: str) -> None:
    assert program_of(device_id) == ""


def test_a_passwords_hash_is_what_dovecot_sends() -> None:
    # The formula is Dovecot's (auth-policy.c); story t38 compares it with what the real one sends.
    whole = hashlib.sha256(b"na@b.test\0pw").hexdigest()
    assert password_hash("a@b.test", "pw", "n", "sha256", 0) == whole
    assert password_hash("a@b.test", "pw", "n", "sha256", 16) == whole[:4]
    assert password_hash("a@b.test", "pw", "n", "sha256", 12) == f"0{whole[:3]}"
