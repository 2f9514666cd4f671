"""P5: a trip is told once by mail to the domain's admin, as a signed webhook and in a chat; its case number is checked
on the panel's page without a sign-in; a channel that was down is served when it is back.
Sabotage: tests/sabotage/t34.patch (channels are forgotten)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from harness import CONTACT, DOMAIN, Hijacker, Stack

from receivers import Receiver, listening
from sekisho.rehearsal.outside import wait_until

SECRET = bytes(range(32))
CHANNELS = """
[[channels]]
name = "siem"
kind = "webhook"
url_file = "{directory}/webhook-url"
secret_file = "{directory}/webhook-secret"
allow_private = true

[[channels]]
name = "bakery-chat"
kind = "apprise"
url_file = "{directory}/chat-url"
domains = ["{domain}"]
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


def restart(stack: Stack, *names: str) -> None:
    for name in names:
        stack.restarted(name, stack.kill(name))


@pytest.fixture
def channels(stack: Stack, receiver: Receiver, tmp_path: Path) -> Iterator[None]:
    """Two channels; undone afterwards."""
    directory = stack.var / f"secrets-{tmp_path.name}"
    directory.mkdir()
    worker = os.stat(f"/proc/{stack.pid('worker')}").st_uid
    texts = {
        "webhook-url": f"http://127.0.0.1:{receiver.port}/hook",
        "webhook-secret": "whsec_" + base64.b64encode(SECRET).decode(),
        "chat-url": f"json://127.0.0.1:{receiver.port}/chat",
    }
    for name, text in texts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
        os.chown(directory / name, worker, -1)
    configuration = stack.var / "sekisho.toml"
    before = configuration.read_text()
    configuration.write_text(before + CHANNELS.format(directory=directory, domain=DOMAIN))
    restart(stack, "worker")
    try:
        yield
    finally:
        configuration.write_text(before)
        restart(stack, "worker")


def is_genuine(stack: Stack, number: str) -> bool:
    """What the page says to a visitor without an account, asked as a browser asks."""
    address = f"http://127.0.0.1:{stack.places.panel}/case/"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    page = opener.open(address, timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], "number": number}).encode()
    request = urllib.request.Request(address, form, {"Accept-Language": "en", "Referer": address})
    answer: str = opener.open(request, timeout=20).read().decode()
    assert ("This case number is ours." in answer) != ("This is no case number of ours." in answer)
    return "This case number is ours." in answer


def test_a_trip_is_told_once_on_every_way_and_its_number_is_genuine(
    stack: Stack, channels: None, receiver: Receiver
) -> None:
    # Nobody is told twice about a try that failed, and a receiver that is down costs no other way its notice.
    receiver.answers = [503, 204]
    box = stack.new_box("t34")
    Hijacker(stack, box).run()
    stack.assert_shut(box, within=5)
    case = str(stack.incident(box)["case"])

    def paths() -> list[str]:
        return [path for path, _, _ in receiver.requests]

    # The first try of one of them fails; the next is due after 10 s.
    assert wait_until(lambda: len(paths()) >= 3 and {"/hook", "/chat"} <= set(paths()), 40) is not None, paths()

    def letters() -> int:
        with stack.outside.mailbox(CONTACT) as session:
            return sum(box.address in body.decode("utf-8", "replace") for body in session.bodies())

    assert wait_until(lambda: letters() > 0, 30, pause=0.5) is not None, stack.log("worker")[-2000:]
    assert letters() == 1, "told twice by mail"
    hooks = [(headers, body) for path, headers, body in receiver.requests if path == "/hook"]
    for headers, body in hooks:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
    assert len({headers["webhook-id"] for headers, _ in hooks}) == 1
    told = json.loads(hooks[-1][1])
    assert (told["mailbox"], told["case"], told["kind"]) == (box.address, case, "suspended")
    [chat] = {body for path, _, body in receiver.requests if path == "/chat"}
    said = json.loads(chat)["message"]
    assert box.address in said and case in said and "http" not in said
    assert is_genuine(stack, case) and is_genuine(stack, case.lower())
    assert not is_genuine(stack, case[:-1] + ("0" if case[-1] != "0" else "1"))
    # Once: nothing more comes, and the outbox says so.
    rows = {row["name"]: row for row in stack.ask("notify", "channels")}
    assert [rows[name]["open"] for name in ("siem", "bakery-chat")] == [0, 0]
    assert len(receiver.requests) == 3
    secret = base64.b64encode(SECRET).decode()
    for name in ("worker", "agent", "guard", "web"):
        assert secret not in stack.log(name) and f"127.0.0.1:{receiver.port}" not in stack.log(name)
