"""The load generator asks what Postfix asks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sekisho.wire.postfix_policy import parse_request

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("bench") / "policyload"
    subprocess.run(["cc", "-O0", "-o", program, ROOT / "bench" / "policyload.c"], check=True, timeout=60)
    return program


def output(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def test_its_requests_have_the_recorded_attributes_in_the_recorded_order(load: Path) -> None:
    recorded = (ROOT / "tests" / "golden" / "postfix-policy-3.7.txt").read_bytes().split(b"\n\n")[0]
    sent = output(load, "--dump", "1").rstrip(b"\n")
    assert [line.split(b"=")[0] for line in sent.split(b"\n")] == [
        line.split(b"=")[0] for line in recorded.split(b"\n")
    ]


def test_a_message_is_three_recipients_and_its_end(load: Path) -> None:
    requests = [parse_request(block) for block in output(load, "--dump", "8").split(b"\n\n") if block]
    first, second = requests[:4], requests[4:]
    for message in (first, second):
        assert [request.protocol_state for request in message] == ["RCPT", "RCPT", "RCPT", "END-OF-MESSAGE"]
        assert [bool(request.queue_id) for request in message] == [False, True, True, True]
        assert [request.recipient_count for request in message] == [0, 0, 0, 3]
        assert [bool(request.recipient) for request in message] == [True, True, True, False]
        assert len({request.recipient for request in message}) == 4
        assert len({(r.instance, r.sasl_username, r.client_address) for r in message}) == 1
    assert first[0].instance != second[0].instance


def test_its_mailboxes_write_to_recipients_of_the_printed_world(load: Path) -> None:
    rows = (line.split() for line in output(load, "--print-world", "--mailboxes", "50").decode().splitlines())
    world = {mailbox: (address, recipients) for mailbox, address, *recipients in rows}
    assert len(world) == 50
    options = ("--mailboxes", "50", "--new-share", "0", "--roam-share", "0")
    for block in output(load, "--dump", "400", *options).split(b"\n\n")[:-1]:
        request = parse_request(block)
        address, recipients = world[request.sasl_username]
        assert request.client_address == address
        assert not request.recipient or request.recipient in recipients
