"""Another auth policy server behind the guard: a real HTTP server on loopback that speaks as weakforced does."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httptools
import pytest

from guard.fakes import FakeTransport, OpenDoor
from guard.standins import ALICE, STRANGER, Bench
from sekisho.config import ConfigError, ForwardPolicySettings, forward_policy_problem
from sekisho.guard import forward_policy as module
from sekisho.guard.auth_policy import AuthPolicy
from sekisho.guard.forward_policy import ForwardPolicy
from sekisho.guard.http_service import HttpConnection, Request, Response
from sekisho.guard.policy_link import Target
from sekisho.guard.sessions import Sessions

KEY, SECRET = "0123456789abcdef", "Basic d2ZvcmNlOnN1cGVy"
FINE = b'{"msg": "", "r_attrs": {}, "status": 0}'


class Other(asyncio.Protocol):
    """weakforced's side of one connection; httptools calls the on_… methods."""

    def __init__(self, server: OtherServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._server.connections.append(transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._body, self._headers = b"", b"", {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._server.heard.append((self._url.decode(), self._headers, json.loads(self._body)))
        if (body := self._server.answer) is not None:
            head = f"HTTP/1.1 {self._server.status}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            self._transport.write(self._server.raw or head + body)


class OtherServer:
    """The other policy server: what it was asked, what it answers (None: it hangs)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.connections: list[Any] = []
        self.answer: bytes | None = FINE
        self.status = "200 OK"
        self.raw = b""
        self.port = 0

    @property
    def commands(self) -> list[str]:
        return [url.rpartition("=")[2] for url, _, _ in self.heard]


class Chain:
    """Dovecot's endpoint of the guard with the other server behind it."""

    def __init__(self, other: OtherServer, timeout_ms: int = 300) -> None:
        url = f"http://127.0.0.1:{other.port}/"
        self.bench = Bench()
        self.forward = ForwardPolicy(ForwardPolicySettings(url, f"Authorization: {SECRET}", "", timeout_ms))
        self.policy = AuthPolicy(self.bench.checkpoint, Sessions(), KEY, "Please call us", None, self.forward)

    async def post(self, command: str, **fields: Any) -> dict[str, Any]:
        usual = {"login": ALICE, "remote": STRANGER, "protocol": "imap", "pwhash": "0d25", "attrs": {"user": ALICE}}
        body = json.dumps({**usual, **fields}).encode()
        answer = self.policy.serve(Request("POST", "/auth", f"command={command}", KEY.encode(), body))
        response = answer if isinstance(answer, Response) else await answer
        said: dict[str, Any] = json.loads(response.body)
        return said


def play(scene: Callable[[OtherServer], Awaitable[None]]) -> None:
    """Runs a scene with the other server listening."""

    async def run() -> None:
        other = OtherServer()
        server = await asyncio.get_running_loop().create_server(lambda: Other(other), "127.0.0.1", 0)
        other.port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.wait_for(scene(other), 20)
        finally:
            server.close()
            for connection in other.connections:
                connection.abort()

    asyncio.run(run())


def test_a_question_is_handed_on_as_it_came_with_the_other_servers_secret() -> None:
    async def scene(other: OtherServer) -> None:
        chain = Chain(other)
        assert await chain.post("allow", device_id='"name" "Thunderbird"') == {"status": 0, "msg": ""}
        [(url, headers, body)] = other.heard
        assert url == "/?command=allow"
        assert headers["authorization"] == SECRET
        assert headers["content-type"] == "application/json"
        assert "x-sekisho-key" not in headers
        assert (body["login"], body["remote"], body["device_id"]) == (ALICE, STRANGER, '"name" "Thunderbird"')

    play(scene)


@pytest.mark.parametrize(
    ("said", "status", "message"),
    [
        ({"status": -1, "msg": "blacklisted, try later"}, -1, "blacklisted, try later"),
        ({"status": -7, "msg": ""}, -1, ""),
        ({"status": -1, "msg": "verr\u00fcckt\n"}, -1, "verr?ckt?"),
        ({"status": 3, "msg": "slow down"}, 3, ""),
        # Postfix would give the login up after ten seconds.
        ({"status": 60, "msg": ""}, 9, ""),
        ({"status": 0, "msg": "", "r_attrs": {"status": "-1"}}, 0, ""),
    ],
)
def test_the_stricter_of_both_counts(said: dict[str, Any], status: int, message: str) -> None:
    async def scene(other: OtherServer) -> None:
        other.answer = json.dumps(said).encode()
        assert await Chain(other).post("allow") == {"status": status, "msg": message}

    play(scene)


def test_our_own_refusal_stands_whatever_the_other_says_and_keeps_its_text() -> None:
    async def scene(other: OtherServer) -> None:
        chain = Chain(other)
        chain.bench.state(alice=("suspended", 0, None))
        assert await chain.post("allow") == {"status": -1, "msg": "Please call us"}
        assert other.heard == []

    play(scene)


def test_a_report_is_handed_on_and_nobody_waits_for_it() -> None:
    async def scene(other: OtherServer) -> None:
        other.answer = None
        chain = Chain(other)
        began = time.monotonic()
        assert await chain.post("report", success=True, policy_reject=False) == {"status": 0, "msg": ""}
        assert time.monotonic() - began < 0.2
        while not other.heard:
            await asyncio.sleep(0.01)
        url, _, body = other.heard[0]
        assert (url, body["success"], body["policy_reject"]) == ("/?command=report", True, False)
        # Ours was told, too.
        assert chain.bench.checkpoint.counters.logins == 1
        chain.forward.close()

    play(scene)


def test_probes_without_an_address_are_nobodys_business() -> None:
    async def scene(other: OtherServer) -> None:
        chain = Chain(other)
        await chain.post("allow", remote="")
        await chain.post("report", remote="", success=True)
        await chain.post("allow")
        assert other.commands == ["allow"]

    play(scene)


@pytest.mark.parametrize(
    ("status", "answer", "raw"),
    [
        ("500 Oops", FINE, b""),
        ("401 Unauthorized", b'{"status":"failure"}', b""),
        ("200 OK", b'{"status":"-1","msg":"a text is no status"}', b""),
        ("200 OK", b"not json", b""),
        ("200 OK", b"[" * 5000, b""),
        ("200 OK", b'{"msg":"' + b"x" * 70_000 + b'","status":-1}', b""),
        ("200 OK", FINE, b"SMTP says hello\r\n\r\n"),
    ],
)
def test_nonsense_lets_the_login_go_on(status: str, answer: bytes, raw: bytes) -> None:
    async def scene(other: OtherServer) -> None:
        other.status, other.answer, other.raw = status, answer, raw
        chain = Chain(other)
        assert await chain.post("allow") == {"status": 0, "msg": ""}
        assert chain.forward.unanswered == 1
        # The next question has a good connection of its own.
        other.status, other.answer, other.raw = "200 OK", b'{"status":-1,"msg":"no"}', b""
        assert (await chain.post("allow"))["status"] == -1

    play(scene)


def test_one_that_hangs_costs_its_deadline_and_its_late_answer_is_nobodys() -> None:
    async def scene(other: OtherServer) -> None:
        other.answer = None
        chain = Chain(other, timeout_ms=100)
        began = time.monotonic()
        assert await chain.post("allow") == {"status": 0, "msg": ""}
        assert 0.09 < time.monotonic() - began < 5
        # It wakes up: what it says now belongs to the question that nobody waits for any more.
        other.connections[0].write(b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + b'{"status":-1,"msg":""}')
        other.answer = FINE
        assert await chain.post("allow") == {"status": 0, "msg": ""}
        assert len(other.connections) == 2

    play(scene)


def test_one_that_is_away_costs_nothing_and_is_asked_again() -> None:
    async def scene(other: OtherServer) -> None:
        port, other.port = other.port, 1
        chain = Chain(other)
        assert await chain.post("allow") == {"status": 0, "msg": ""}
        chain.forward._target = Target.of(f"http://127.0.0.1:{port}/", "")
        other.answer = b'{"status":-1,"msg":""}'
        assert (await chain.post("allow"))["status"] == -1

    play(scene)


def test_its_connection_is_kept_and_one_that_it_closed_meanwhile_is_replaced() -> None:
    async def scene(other: OtherServer) -> None:
        chain = Chain(other)
        for _ in range(3):
            await chain.post("allow")
        assert len(other.connections) == 1
        other.connections[0].close()
        other.answer = b'{"status":-1,"msg":"no"}'
        assert (await chain.post("allow"))["msg"] == "no"
        assert (len(other.connections), chain.forward.unanswered) == (2, 0)

    play(scene)


def test_no_more_questions_than_its_bound_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_QUESTIONS", 3)

    async def scene(other: OtherServer) -> None:
        other.answer = None
        chain = Chain(other, timeout_ms=300)
        answers = await asyncio.gather(*(chain.post("allow") for _ in range(10)))
        assert all(answer == {"status": 0, "msg": ""} for answer in answers)
        assert len(other.connections) == 3
        assert chain.forward.unanswered == 10
        # Nothing is left over: as many may ask again.
        other.answer = FINE
        await asyncio.gather(*(chain.post("allow") for _ in range(3)))
        assert chain.forward.answered == 3

    play(scene)


def test_no_more_reports_than_their_bound_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REPORTS", 2)

    async def scene(other: OtherServer) -> None:
        other.answer = None
        chain = Chain(other)
        for _ in range(5):
            await chain.post("report", success=False)
        assert chain.forward.dropped == 3
        chain.forward.close()

    play(scene)


def test_no_secret_and_no_body_is_logged_and_a_silence_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sekisho.guard")

    async def scene(other: OtherServer) -> None:
        other.status = "401 Unauthorized"
        chain = Chain(other)
        for _ in range(5):
            await chain.post("allow")
        other.status = "200 OK"
        await chain.post("allow")

    play(scene)
    messages = [record.getMessage() for record in caplog.records if "forward policy" in record.getMessage()]
    assert len(messages) == 2 and "HTTP status 401" in messages[0] and "answers again" in messages[1]
    assert not any(word in caplog.text for word in (SECRET, "d2ZvcmNl", ALICE, "0d25"))


def test_a_long_silence_is_an_alarm_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(other: OtherServer) -> None:
        other.status = "500 Oops"
        chain = Chain(other)
        await chain.post("allow")
        assert chain.forward.alarm == ""
        monkeypatch.setattr(module, "ALARM_AFTER_SECONDS", 0.0)
        assert "does not answer" in chain.forward.alarm
        other.status = "200 OK"
        await chain.post("allow")
        assert chain.forward.alarm == ""

    play(scene)


def test_answers_of_one_connection_keep_their_order_though_the_first_takes_longer() -> None:
    async def run() -> None:
        gate: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        answers: list[Any] = [gate, Response(200, b'{"second":1}')]
        transport = FakeTransport()
        connection = HttpConnection(OpenDoor(), lambda request: answers.pop(0), Response(200, b'{"neutral":1}'))
        connection.connection_made(transport)
        post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
        connection.data_received(post + post)
        await asyncio.sleep(0)
        assert transport.written == b""
        gate.set_result(Response(200, b'{"first":1}'))
        while b"second" not in transport.written:
            await asyncio.sleep(0)
        assert transport.written.index(b"first") < transport.written.index(b"second")

    asyncio.run(asyncio.wait_for(run(), 10))


def test_our_own_error_while_another_is_asked_lets_honest_people_in() -> None:
    async def run() -> None:
        async def broken() -> Response:
            raise KeyError("a bug")

        transport = FakeTransport()
        connection = HttpConnection(OpenDoor(), lambda request: broken(), Response(200, b'{"neutral":1}'))
        connection.connection_made(transport)
        connection.data_received(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        while not transport.written:
            await asyncio.sleep(0)
        assert b"neutral" in transport.written

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_neighbour_that_goes_away_while_another_is_asked_leaves_nothing_behind() -> None:
    async def run() -> None:
        gate: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        transport = FakeTransport()
        connection = HttpConnection(OpenDoor(), lambda request: gate, Response(200, b"{}"))
        connection.connection_made(transport)
        connection.data_received(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" * 40)
        # Whoever sends forty before the first is answered is not Dovecot.
        assert transport.aborted
        connection.connection_lost(None)
        assert gate.cancelled()

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize(
    ("url", "target", "head"),
    [
        ("http://127.0.0.1:8084/", "/?command=allow", "Host: 127.0.0.1:8084"),
        ("http://127.0.0.1:579/dovecot-auth-policy", "/dovecot-auth-policy?command=allow", "Host: 127.0.0.1:579"),
        ("http://h.test/x?node=mx01&", "/x?node=mx01&command=allow", "Host: h.test"),
        ("https://auth.host.test/auth", "/auth?command=allow", "Host: auth.host.test"),
    ],
)
def test_the_address_is_made_as_dovecot_makes_it(url: str, target: str, head: str) -> None:
    text = Target.of(url, "X-Key:secret").request("allow", b"{}").decode()
    assert text.startswith(f"POST {target} HTTP/1.1\r\n")
    assert f"{head}\r\n" in text and "X-Key: secret\r\n" in text
    assert Target.of("https://h.test/", "").port == 443


@pytest.mark.parametrize(
    ("url", "header", "field"),
    [
        ("127.0.0.1:8084", "", "url"),
        ("ftp://127.0.0.1/", "", "url"),
        ("http://user:secret@127.0.0.1/", "", "url"),
        ("http://127.0.0.1:99999/", "", "url"),
        ("http://127.0.0.1/ x", "", "url"),
        ("http://127.0.0.1/", "no colon", "header"),
        ("http://127.0.0.1/", "X-Key: a\r\nX-Other: b", "header"),
    ],
)
def test_settings_that_cannot_work_are_named_without_their_secret(url: str, header: str, field: str) -> None:
    problem = forward_policy_problem(url, header)
    assert problem.startswith(field)
    assert "secret" not in problem and "X-Other" not in problem


def test_good_settings_and_none_are_no_problem() -> None:
    assert forward_policy_problem("", "") == ""
    assert forward_policy_problem("http://[::1]:8084/", "Authorization: Basic x") == ""


def test_the_header_may_stand_in_a_file_that_only_the_guard_reads(tmp_path: Path) -> None:
    file = tmp_path / "header"
    file.write_text("X-Key:from a file\n")
    file.chmod(0o640)
    settings = ForwardPolicySettings("http://127.0.0.1:1/", header_file=str(file))
    assert b"X-Key: from a file\r\n" in ForwardPolicy(settings)._target.head
    file.write_text("only a secret")
    with pytest.raises(ConfigError, match="Name:value") as refused:
        ForwardPolicy(settings)
    assert "only a secret" not in str(refused.value)
