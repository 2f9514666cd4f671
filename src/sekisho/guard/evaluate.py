"""`sekisho evaluate EVENTS`: the guard's own code over a recorded stream, only the clock is the stream's.

From a file one JSON line per decision comes out; from standard input (`-`) exactly one line per input line, `{}` when
nothing was decided, flushed at once, so that a simulation can go on from each answer. The stream is open-loop: it goes
on after a suspension, and a decision is not repeated. In the stream's words a restriction is "throttle".
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator

import msgspec

from sekisho.detection import HostTables
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.event_stream import EventStream, open_lines
from sekisho.guard.offline import offline_checkpoint
from sekisho.guard.profiles import Profiles
from sekisho.journal import DecisionRecord, StateFile

_ACTIONS = {"suspend": "suspend", "restrict": "throttle", "alert": "alert"}
# How often the fuse is told how many mailboxes the stream has shown so far.
COUNT_EVERY_LINES = 10_000

_encode = msgspec.json.Encoder().encode


def run(path: str) -> int:
    """Writes the decisions of a stream to standard output; 0 done, 1 when the file cannot be read."""
    checkpoint = offline_checkpoint(Profiles({}), HostTables())
    stream = EventStream(checkpoint.mailbox)
    out = sys.stdout.buffer
    lockstep = path == "-"
    try:
        with open_lines(path) as lines:
            for line in lines:
                decided = evaluate_line(checkpoint, stream, line)
                if decided or lockstep:
                    out.write((decided or b"{}") + b"\n")
                if lockstep:
                    out.flush()
    except (OSError, EOFError, zlib.error) as error:
        sys.stderr.write(f"sekisho evaluate: {error}\n")
        return 1
    out.flush()
    sys.stderr.write(
        f"{stream.read} lines, {len(checkpoint.profiles)} mailboxes; skipped: {dict(stream.skipped) or 'none'}\n"
    )
    return 0


def evaluate_line(checkpoint: Checkpoint, stream: EventStream, line: bytes) -> bytes | None:
    """The decision that this line's event brought about, as a line of JSON; None when there is none."""
    if stream.read % COUNT_EVERY_LINES == 0:
        checkpoint.take_state(StateFile(written_at=0.0, mailbox_count=len(checkpoint.profiles)), 0.0)
    found = stream.parse(line)
    if found is None:
        return None
    account, event = found
    record = checkpoint.observe(event, event.t)
    return _encode(dict(_fields(account, record))) if record is not None else None


def _fields(account: str, record: DecisionRecord) -> Iterator[tuple[str, object]]:
    yield "t", record.t
    yield "account", account
    yield "action", _ACTIONS[record.action]
    if record.action == "restrict":
        yield "limit", record.limit
    yield "score", record.score
    yield (
        "indicators",
        [{"name": found.name, "value": found.value, "evidence": found.evidence_en} for found in record.indicators],
    )
