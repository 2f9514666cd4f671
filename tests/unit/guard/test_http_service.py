"""HTTP as Dovecot speaks it, fed by hand."""

from __future__ import annotations

import pytest

from guard.fakes import FakeTransport, OpenDoor
from sekisho.guard.doors import REQUEST_SECONDS
from sekisho.guard.http_service import MAX_BODY_BYTES, HttpConnection, Request, Response

NEUTRAL = Response(200, b'{"neutral":1}')


class Connection:
    """A connection with its transport and the requests it served."""

    def __init__(self, error: Exception | None = None) -> None:
        self.served: list[Request] = []
        self.door = OpenDoor()
        self.transport = FakeTransport()
        self._error = error
        self.protocol = HttpConnection(self.door, self._serve, NEUTRAL)
        self.protocol.connection_made(self.transport)

    def _serve(self, request: Request) -> Response:
        self.served.append(request)
        if self._error is not None:
            raise self._error
        return Response(200, b"{}")


def post(body: bytes, head: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /auth?command=allow HTTP/1.1\r\nHost: h\r\n" + length + head + b"\r\n" + body


def test_it_serves_one_request_after_the_other_on_one_connection() -> None:
    connection = Connection()
    connection.protocol.data_received(post(b"one"))
    connection.protocol.data_received(post(b"two"))
    assert [request.body for request in connection.served] == [b"one", b"two"]
    assert connection.served[0][:3] == ("POST", "/auth", "command=allow")
    assert connection.transport.written.count(b"HTTP/1.1 200 OK") == 2
    assert not connection.transport.closed


def test_it_reads_the_key_with_the_blank_dovecot_puts_before_it() -> None:
    connection = Connection()
    connection.protocol.data_received(post(b"", b"X-Sekisho-Key:  secret\r\n"))
    assert connection.served[0].key == b"secret"


def test_it_reads_a_request_cut_at_every_byte() -> None:
    connection = Connection()
    for byte in post(b"body"):
        connection.protocol.data_received(bytes([byte]))
    assert connection.served[0].body == b"body"
    assert connection.protocol.partial_since == 0.0


def test_it_reads_chunked_bodies() -> None:
    connection = Connection()
    head = b"POST /auth HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.protocol.data_received(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert connection.served[0].body == b"abcde"


def test_it_closes_when_the_client_asks_for_it() -> None:
    connection = Connection()
    connection.protocol.data_received(post(b"", b"Connection: close\r\n"))
    assert connection.transport.closed


def test_it_refuses_a_large_body_without_keeping_it() -> None:
    connection = Connection()
    connection.protocol.data_received(post(b"x" * (MAX_BODY_BYTES + 1)))
    assert connection.transport.written.startswith(b"HTTP/1.1 413 ")
    assert connection.served == []
    assert connection.transport.closed


@pytest.mark.parametrize("garbage", [b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"request=smtpd_access_policy\n\n"])
def test_it_disconnects_what_is_no_http(garbage: bytes) -> None:
    connection = Connection()
    connection.protocol.data_received(garbage)
    assert connection.transport.aborted
    assert connection.transport.written == b""


def test_it_disconnects_an_endless_head() -> None:
    connection = Connection()
    connection.protocol.data_received(b"POST / HTTP/1.1\r\n")
    for number in range(300):
        connection.protocol.data_received(b"X-%d: %s\r\n" % (number, b"y" * 100))
    assert connection.transport.aborted


def test_a_bug_in_serving_gives_the_neutral_answer(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection(ZeroDivisionError())
    connection.protocol.data_received(post(b""))
    assert connection.transport.written.endswith(NEUTRAL.body)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("before", [b"", post(b"whole")])
def test_the_sweep_ends_a_request_that_does_not_finish(before: bytes) -> None:
    connection = Connection()
    connection.protocol.data_received(before + b"POST / HTTP/1.1\r\n")
    assert connection.protocol.partial_since
    connection.door.sweep(connection.protocol.partial_since + REQUEST_SECONDS + 0.1)
    assert connection.transport.aborted
