"""The Postfix policy connection, fed by hand."""

from __future__ import annotations

import itertools
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.fakes import FakeTransport, OpenDoor
from sekisho.guard.doors import REQUEST_SECONDS
from sekisho.guard.policy_service import MAX_REQUEST_BYTES, PolicyConnection
from sekisho.wire.postfix_policy import PolicyRequest

REQUEST = b"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=b@x.test\nsasl_username=a@x.test\n\n"
DUNNO = b"action=DUNNO\n\n"


class Connection:
    """A policy connection with its transport and the requests its answerer saw."""

    def __init__(self, action: str = "DUNNO", error: Exception | None = None) -> None:
        self.asked: list[PolicyRequest] = []
        self.door = OpenDoor()
        self.transport = FakeTransport()
        self._action = action
        self._error = error
        self.protocol = PolicyConnection(self.door, self._answer, {})
        self.protocol.connection_made(self.transport)

    def _answer(self, request: PolicyRequest) -> str:
        self.asked.append(request)
        if self._error is not None:
            raise self._error
        return self._action


def test_it_answers_each_request_of_a_connection() -> None:
    connection = Connection()
    for _ in range(3):
        connection.protocol.data_received(REQUEST)
    assert connection.transport.written == DUNNO * 3
    assert connection.asked[0].recipient == "b@x.test"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(0, 5 * len(REQUEST)), max_size=12))
def test_it_answers_requests_however_they_are_cut_and_joined(count: int, cuts: list[int]) -> None:
    connection = Connection()
    stream = REQUEST * count
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, end in itertools.pairwise(places):
        connection.protocol.data_received(stream[start:end])
    assert connection.transport.written == DUNNO * count
    assert connection.protocol.partial_since == 0.0


def test_it_answers_a_request_cut_in_two_at_any_byte() -> None:
    connection = Connection()
    for cut in range(1, len(REQUEST)):
        connection.protocol.data_received(REQUEST[:cut])
        connection.protocol.data_received(REQUEST[cut:])
    assert connection.transport.written == DUNNO * (len(REQUEST) - 1)


def test_it_disconnects_without_a_reply_when_a_request_is_malformed(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()
    with caplog.at_level(logging.WARNING):
        connection.protocol.data_received(b"hello\n\n" + REQUEST)
    assert connection.transport.written == b""
    assert connection.transport.aborted
    assert len(caplog.records) == 1
    assert connection.door.malformed == 1


def test_it_disconnects_an_endless_request_with_bounded_memory() -> None:
    connection = Connection()
    for _ in range(MAX_REQUEST_BYTES // 1000 + 2):
        connection.protocol.data_received(b"x" * 1000)
    assert connection.transport.aborted
    assert connection.transport.written == b""


def test_it_disconnects_invalid_utf8_and_nul() -> None:
    for bad in (b"\xff", b"\0"):
        connection = Connection()
        connection.protocol.data_received(REQUEST.replace(b"b@x", bad))
        assert connection.transport.aborted


def test_a_bug_in_the_answer_lets_honest_mail_pass(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection(error=ZeroDivisionError())
    connection.protocol.data_received(REQUEST)
    assert connection.transport.written == DUNNO
    assert "Traceback" in caplog.text


def test_the_sweep_ends_half_a_request_and_spares_an_idle_connection() -> None:
    stalled, idle = Connection(), Connection()
    stalled.protocol.data_received(REQUEST[:20])
    idle.protocol.data_received(REQUEST)
    door = stalled.door
    door.connections.add(idle.protocol)
    began = stalled.protocol.partial_since
    door.sweep(began + REQUEST_SECONDS - 0.1)
    assert not stalled.transport.aborted
    door.sweep(began + REQUEST_SECONDS + 0.1)
    assert stalled.transport.aborted
    assert not idle.transport.aborted


def test_a_closed_connection_is_forgotten() -> None:
    connection = Connection()
    assert connection.door.connections
    connection.protocol.connection_lost(None)
    assert not connection.door.connections
    connection.protocol.data_received(REQUEST)
    assert connection.transport.written == b""
