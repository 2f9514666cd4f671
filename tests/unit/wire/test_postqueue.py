"""The queue's listing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.wire import WireError
from sekisho.wire.postqueue import QueuedMessage, QueuedRecipient, parse_queue

GOLDEN = Path(__file__).parents[2] / "golden"


def test_it_reads_what_postfix_wrote() -> None:
    waiting, gone = parse_queue((GOLDEN / "postqueue.jsonl").read_bytes())
    assert (waiting.queue_name, waiting.queue_id, waiting.arrival_time) == ("deferred", "4jYYc338p0zJDNw", 1795503635)
    assert [recipient.address for recipient in waiting.recipients] == [
        "alice+ok@ours.test",
        '"alice+x>, relay=none, delay=0, delays=0/0/0/0, dsn=5.1.1, status=bounced (x"@ours.test',
    ]
    assert waiting.recipients[0].delay_reason == "mailbox temporarily suspended by the provider"
    assert (gone.queue_name, gone.recipients) == ("hold", ())


def test_an_empty_queue_is_an_empty_list() -> None:
    assert parse_queue(b"") == []


def test_octets_that_are_no_utf8_do_not_hide_the_message() -> None:
    line = b'{"queue_name":"hold","queue_id":"A1","sender":"\xff@x.test","recipients":[]}\n'
    assert parse_queue(line)[0].queue_id == "A1"


@pytest.mark.parametrize("line", [b"postqueue: fatal: x\n", b'{"queue_id":"A1"}\n', b'{"queue_name":"hold"', b"[]\n"])
def test_an_unreadable_line_is_never_skipped(line: bytes) -> None:
    good = b'{"queue_name":"hold","queue_id":"A1"}\n'
    with pytest.raises(WireError):
        parse_queue(good + line)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
recipients = st.lists(st.builds(QueuedRecipient, text, text), max_size=3).map(tuple)
messages = st.builds(QueuedMessage, text, text, st.integers(0, 2**40), st.integers(0, 2**40), text, recipients)


@given(st.lists(messages, max_size=4))
def test_a_listing_is_read_back(queue: list[QueuedMessage]) -> None:
    assert parse_queue(b"".join(msgspec.json.encode(message) + b"\n" for message in queue)) == queue


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_wire_errors(data: bytes) -> None:
    try:
        parse_queue(data)
    except WireError:
        pass
