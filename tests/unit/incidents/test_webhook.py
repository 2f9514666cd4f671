"""Webhooks against a real HTTP server: signed, pinned, bounded, and silent about secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from receivers import Receiver, listening, make_certificate
from sekisho.config import WebhookChannel
from sekisho.incidents import webhook
from sekisho.incidents.channel_failures import ChannelFailed, ChannelMisconfigured
from sekisho.incidents.channel_texts import ChannelMessage

SECRET = bytes(range(32))
MESSAGE = ChannelMessage("sekisho.notice.1", "title", "text", {"kind": "suspended", "mailbox": "佐藤@ours.test"})


def channel(directory: Path, url: str, **more: Any) -> WebhookChannel:
    for name, text in (("url", url), ("secret", "whsec_" + base64.b64encode(SECRET).decode())):
        (directory / name).write_text(text + "\n")
        (directory / name).chmod(0o600)
    return WebhookChannel("siem", str(directory / "url"), str(directory / "secret"), **more)


def local(directory: Path, receiver: Receiver, path: str = "/in?a=1") -> WebhookChannel:
    return channel(directory, f"http://127.0.0.1:{receiver.port}{path}", allow_private=True)


def test_it_is_signed_over_id_time_and_body_as_the_standard_says(tmp_path: Path) -> None:
    with listening() as receiver:
        webhook.send(local(tmp_path, receiver), MESSAGE)
    [(path, headers, body)] = receiver.requests
    assert path == "/in?a=1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body) == {"kind": "suspended", "mailbox": "佐藤@ours.test", "id": "sekisho.notice.1"}
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, spec and its libraries' tests.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhook.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with listening() as receiver, listening() as elsewhere:
        receiver.answers, receiver.location = [302], f"http://127.0.0.1:{elsewhere.port}/"
        with pytest.raises(ChannelFailed, match="HTTP 302"):
            webhook.send(local(tmp_path, receiver), MESSAGE)
    assert len(receiver.requests) == 1 and elsewhere.requests == []


def test_gone_means_never_again_and_other_refusals_mean_later(tmp_path: Path) -> None:
    with listening() as receiver:
        receiver.answers = [500, 410]
        with pytest.raises(ChannelFailed) as later:
            webhook.send(local(tmp_path, receiver), MESSAGE)
        with pytest.raises(ChannelFailed) as never:
            webhook.send(local(tmp_path, receiver), MESSAGE)
    assert (later.value.for_good, never.value.for_good) == (False, True)


def test_a_private_address_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with listening() as receiver:
        guarded = channel(tmp_path, f"https://127.0.0.1:{receiver.port}/")
        with pytest.raises(ChannelFailed, match="private"):
            webhook.send(guarded, MESSAGE)
    assert receiver.requests == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("203.0.114.5", "169.254.169.254")]
    monkeypatch.setattr(webhook.socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ChannelFailed, match="private"):
        webhook.send(channel(tmp_path, "https://rebound.example/"), MESSAGE)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_it_knows_our_own_networks_in_every_writing(address: str, public: bool) -> None:
    assert webhook.is_public(address) is public


def test_tls_is_checked_against_the_name_though_it_connects_to_the_address(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    with listening(certificate) as receiver:
        ours = f"https://localhost:{receiver.port}/"
        trusted = channel(tmp_path, ours, allow_private=True, ca_file=f"{certificate}.crt")
        webhook.send(trusted, MESSAGE)
        assert len(receiver.requests) == 1
        with pytest.raises(ChannelFailed, match=r"SSL|Certificate"):
            webhook.send(channel(tmp_path, ours, allow_private=True), MESSAGE)
        other = f"https://127.0.0.1:{receiver.port}/"
        with pytest.raises(ChannelFailed, match=r"SSL|Certificate"):
            webhook.send(channel(tmp_path, other, allow_private=True, ca_file=f"{certificate}.crt"), MESSAGE)
    assert len(receiver.requests) == 1


def test_a_receiver_that_drips_for_ever_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "WHOLE_S", 0.3)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    # Each byte comes well within the deadline of a step.
                    while not ended.wait(0.02):
                        peer.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(ChannelFailed, match="too slow"):
            webhook.send(channel(tmp_path, url, allow_private=True), MESSAGE)
        ended.set()
        thread.join(5)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://me:pass@hooks.example/", "ftp://x.example/", "", "x"]
)
def test_only_https_without_a_user_name_is_taken(tmp_path: Path, url: str) -> None:
    with pytest.raises(ChannelMisconfigured):
        webhook.send(channel(tmp_path, url), MESSAGE)


def test_a_secret_that_everybody_may_read_or_that_is_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(base64.b64encode(SECRET).decode())
    file.chmod(0o644)
    with pytest.raises(ChannelMisconfigured, match="open to everybody"):
        webhook.read_secret(str(file))
    file.chmod(0o600)
    assert webhook.read_secret(str(file)) == SECRET
    file.write_text(base64.b64encode(b"short").decode())
    with pytest.raises(ChannelMisconfigured, match="24 to 64"):
        webhook.read_secret(str(file))
    with pytest.raises(ChannelMisconfigured, match="cannot be read"):
        webhook.read_secret(str(tmp_path / "missing"))


def test_no_failure_says_the_address_or_the_secret(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ChannelFailed) as failure:
        webhook.send(channel(tmp_path, f"http://127.0.0.1:{port}/T0K3N", allow_private=True), MESSAGE)
    assert "T0K3N" not in str(failure.value) and str(port) not in str(failure.value)
