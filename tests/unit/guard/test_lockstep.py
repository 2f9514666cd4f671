"""`sekisho evaluate -`: a simulation waits for each answer, so each line gets one, at once, whatever it says."""

from __future__ import annotations

import gzip
import io
import json
import os
import selectors
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.test_recorded_streams import NOW, history, line, takeover
from sekisho.detection import HostTables
from sekisho.guard import evaluate, event_stream
from sekisho.guard.event_stream import EventStream
from sekisho.guard.offline import offline_checkpoint
from sekisho.guard.profiles import Profiles

# A cold start of Python and the guard's imports, on a busy machine; never a pause of this length when all is well.
DEADLINE_SECONDS = 60.0


@contextmanager
def evaluating() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "sekisho.cli", "evaluate", "-"]
    # With it Python itself would write through.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """Writes one line and nothing more, then waits for exactly one line."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text)
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not found.endswith(b"\n"):
            assert selector.select(DEADLINE_SECONDS), f"no answer to {text[:80]!r}"
            piece = os.read(process.stdout.fileno(), 65_536)
            assert piece, "the process ended"
            found += piece
    return found


def test_each_answer_comes_before_the_next_line_is_written() -> None:
    garbage = [
        b"\n",
        b"no json\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b"null\n",
        line("weather", NOW),
        b"x" * 200_000 + b"\n",
    ]
    with evaluating() as process:
        answers = [answer(process, text) for text in [*garbage, *history(), *garbage, *takeover()]]
    assert all(found.count(b"\n") == 1 for found in answers)
    assert [found for found in answers[: len(garbage)] if found != b"{}\n"] == []
    decided = [json.loads(found)["action"] for found in answers if found != b"{}\n"]
    assert decided == ["alert", "throttle", "suspend"]


class Endless(io.RawIOBase):
    """So many bytes of one line, made as they are read."""

    def __init__(self, left: int) -> None:
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        number = min(len(buffer), self._left)
        buffer[:number] = b"x" * number
        self._left -= number
        return number


def test_an_endless_line_takes_no_memory_and_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    # Forty megabytes without a line feed.
    monkeypatch.setattr(event_stream.sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless(40_000_000))))
    tracemalloc.start()
    try:
        with event_stream.open_lines("-") as lines:
            found = list(lines)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 1
    assert len(found[0]) <= event_stream.MAX_LINE
    assert peak < 2_000_000


def test_lines_around_a_long_one_stay_whole() -> None:
    texts = [b"a\n", b"b" * event_stream.MAX_LINE + b"\n", b"c" * (event_stream.MAX_LINE - 1) + b"\n", b"d"]
    found = list(event_stream.bounded_lines(io.BytesIO(b"".join(texts))))
    assert found == [texts[0], b"b" * event_stream.MAX_LINE, texts[2], b"d"]


_LONG = st.sampled_from(["9" * 5000, "é" * 5000, "x" * 5000])
_NUMBER = st.one_of(st.just(2**70), st.just(-(2**70)), st.integers(), st.floats(), _LONG, st.none())
_TEXT = st.one_of(st.text(max_size=20), _LONG, st.none())
_HOSTILE = st.fixed_dictionaries(
    {
        "t": st.one_of(st.floats(0, 2e9), st.sampled_from([1e300, -1e18, 1e18])),
        "kind": st.sampled_from([*event_stream._KINDS, "login", "login", "weather"]),
        "account": st.sampled_from(["alice@shop.test", "bob@shop.test", "x" * 3000]),
        "ip": st.one_of(st.just("198.18.1.5"), _TEXT),
        "country": st.one_of(st.just("JP"), _TEXT),
        "success": st.booleans(),
        "change": st.sampled_from(["forward", "discard", "created", "pwchange"]),
    },
    optional={
        **dict.fromkeys(("protocol", "pwhash", "qid", "instance", "recipient", "target", "source", "status"), _TEXT),
        **dict.fromkeys(("asn", "size", "nrcpt", "code", "bytes_out", "fetched"), _NUMBER),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(_HOSTILE.map(lambda found: json.dumps(found).encode()), st.binary(max_size=50)), max_size=20))
def test_no_line_ends_the_evaluation_or_swells_a_profile(lines: list[bytes]) -> None:
    checkpoint = offline_checkpoint(Profiles({}), HostTables())
    stream = EventStream(checkpoint.mailbox)
    for text in lines:
        evaluate.evaluate_line(checkpoint, stream, text)
    assert stream.read == len(lines)
    assert all(len(packed) <= 4096 for _, packed in checkpoint.profiles.take_changed())
    assert len(checkpoint.tables.to_bytes()) < 200 * len(lines) + 100


@pytest.mark.parametrize("asn", ["9" * 5000, f"AS{2**70}", 2**70, 2**32, -1])
def test_what_is_no_as_number_is_not_known(asn: object) -> None:
    found = EventStream(lambda name: name).parse(line("login", NOW, success=True, asn=asn))
    assert found is not None
    assert found[1].place.asn == 0


def test_a_queue_id_that_comes_again_lends_nobody_another_s_place() -> None:
    stream = EventStream(lambda name: name)
    stream.parse(line("eom", NOW, qid="A1", nrcpt=1, size=1))
    result = {"qid": "A1", "recipient": "x@far.test", "status": "sent", "code": "2.0.0"}
    own, other = (stream.parse(line("delivery", NOW, account=who, **result)) for who in ("alice@shop.test", "b@c.test"))
    assert own is not None
    assert other is not None
    assert (own[1].ip, other[1].ip) == ("198.18.1.5", "")


def test_unknown_kinds_do_not_pile_up() -> None:
    stream = EventStream(lambda name: name)
    for number in range(1000):
        stream.parse(line("k" * 500 + str(number) if number % 2 else f"k{number}", NOW))
    assert len(stream.skipped) <= event_stream.MAX_KINDS + 1
    assert stream.skipped.total() == 1000
    assert max(map(len, stream.skipped)) <= event_stream.MAX_WORD


def test_a_cut_off_archive_is_refused_in_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(history() + takeover()))[:-40])
    assert evaluate.run(str(path)) == 1
    assert "sekisho evaluate: " in capfd.readouterr().err
