"""P2, P3, P6: an auth policy server that was there before Sekisho is asked behind the guard; whoever refuses refuses, a
suspension stands whatever the other says, and one that hangs or is gone keeps nobody out. The server here says what
was captured from weakforced 3.0.1, which Debian does not package. Sabotage: tests/sabotage/t51.patch (its word counts
nothing)."""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from harness import HOME, Stack

from sekisho.rehearsal.doors import try_imap, try_smtp
from sekisho.rehearsal.outside import wait_until

LOGIN = "Basic d2ZvcmNlOnN1cGVy"
TEXT = "Temporarily blacklisted Login Name - try again later"


class Other(ThreadingHTTPServer):
    """The other server: whom it refuses, how long it delays, whether it hangs, what it heard."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blacklisted: set[str] = set()
        self.delay = 0
        self.hangs = threading.Event()
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the guard goes away from one that hangs, and its late answer meets a closed connection."""

    def of(self, login: str, command: str) -> list[dict[str, Any]]:
        return [body for said, body in self.heard if said == command and body["login"] == login]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; Nagle's algorithm would put 40 ms between them.
    disable_nagle_algorithm = True
    server: Other

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        command = self.path.removeprefix("/?command=")
        if self.headers["Authorization"] != LOGIN:
            return self._say(401, {"status": "failure", "reason": "Unauthorized"})
        self.server.heard.append((command, body))
        while self.server.hangs.is_set():
            time.sleep(0.05)
        if command == "report":
            return self._say(200, {"status": "ok"})
        if body["login"] in self.server.blacklisted:
            return self._say(200, {"msg": TEXT, "r_attrs": {"blacklisted": "1"}, "status": -1})
        return self._say(200, {"msg": "", "r_attrs": {}, "status": self.server.delay})

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Nothing: its log is `heard`."""


@pytest.fixture(scope="module")
def other(stack: Stack) -> Iterator[Other]:
    """The other server, the guard told of it, and Dovecot asking before the password, too (docs/neighbours.md); undone
    afterwards."""
    server = Other()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings, dovecot = stack.var / "sekisho.toml", stack.var / "ours" / "dovecot" / "dovecot.conf"
    before, asks_once = settings.read_text(), dovecot.read_text()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    added = f'\n[guard.forward_policy]\nurl = "{url}"\nheader = "Authorization: {LOGIN}"\n'
    try:
        dovecot.write_text(asks_once.replace("check_before_auth = no", "check_before_auth = yes"))
        subprocess.run(["doveadm", "-c", str(dovecot), "reload"], check=True, timeout=30)
        settings.write_text(before + added)
        stack.restarted("guard", stack.kill("guard"))
        stack.wait_until_guard_answers()
        yield server
    finally:
        dovecot.write_text(asks_once)
        subprocess.run(["doveadm", "-c", str(dovecot), "reload"], check=True, timeout=30)
        settings.write_text(before)
        stack.restarted("guard", stack.kill("guard"))
        stack.wait_until_guard_answers()
        server.shutdown()
        server.server_close()


def test_it_is_asked_and_told_and_its_refusal_counts(stack: Stack, other: Other) -> None:
    box = stack.new_box("t51")
    # Dovecot may still be waiting for the guard that was killed.
    assert wait_until(lambda: stack.doors(box) and other.of(box.address, "allow"), 30, pause=0.3) is not None
    stack.assert_open(box)
    assert wait_until(lambda: other.of(box.address, "report"), 10, pause=0.1) is not None
    asked, told = other.of(box.address, "allow")[-1], other.of(box.address, "report")[-1]
    assert (asked["remote"], told["success"], told["policy_reject"]) == (HOME, True, False)
    assert len(asked["pwhash"]) == 4

    other.blacklisted.add(box.address)
    refused = try_imap(stack.places, box.address, box.password, HOME)
    assert not refused.accepted and refused.text == f"[ALERT] {TEXT}"
    smtp = try_smtp(stack.places, box.address, box.password, HOME)
    assert smtp.text == f"535 5.7.8 Error: authentication failed: {TEXT}"
    # What Dovecot reports of it reaches the other, too, and is held against nobody.
    assert wait_until(lambda: any(r["policy_reject"] for r in other.of(box.address, "report")), 10) is not None
    assert stack.status(box) == "active"
    other.blacklisted.clear()
    stack.assert_open(box)

    other.delay = 2
    began = time.monotonic()
    assert try_imap(stack.places, box.address, box.password, HOME).accepted
    assert time.monotonic() - began >= 2, "its delay was not kept"
    other.delay = 0


def test_a_suspension_stands_whatever_the_other_says_and_its_absence_keeps_nobody_out(
    stack: Stack, other: Other
) -> None:
    box, free = stack.new_boxes("t51", 2)
    stack.suspend(box)
    assert not any(answer.accepted for answer in stack.doors(box).values())
    other.hangs.set()
    try:
        stack.assert_open(free)
        assert not any(answer.accepted for answer in stack.doors(box).values())
        hanging = milliseconds(stack, 5)
    finally:
        other.hangs.clear()
    answering = milliseconds(stack, 100)
    assert LOGIN not in stack.log("guard") and "d2ZvcmNl" not in stack.log("guard")
    print(f"\n  a question through the guard: other answers {shown(answering)}; other hangs {shown(hanging)}")


def milliseconds(stack: Stack, count: int) -> list[float]:
    """How long Dovecot's question takes, asked over one connection as Dovecot does."""
    key = (stack.var / "secrets" / "auth-policy").read_text().strip()
    question = json.dumps({"login": "t51-nobody@elsewhere.test", "remote": HOME, "protocol": "imap", "pwhash": "0d25"})
    connection, taken = http.client.HTTPConnection("127.0.0.1", stack.places.auth_policy, timeout=10), []
    for _ in range(count):
        began = time.monotonic()
        connection.request("POST", "/auth?command=allow", question, {"X-Sekisho-Key": key})
        answer = json.loads(connection.getresponse().read())
        taken.append((time.monotonic() - began) * 1000)
        assert answer["status"] == 0
    connection.close()
    return taken


def shown(taken: list[float]) -> str:
    return f"median {statistics.median(taken):.1f} ms, most {max(taken):.1f} ms of {len(taken)}"
