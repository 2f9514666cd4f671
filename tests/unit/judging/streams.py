"""Streams for the engine's properties: a host with three weeks of ordinary life, and whatever may happen to it then.

Times lie on a coarse grid, so that many events of a stream happen at the same moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

from evals import world
from hypothesis import strategies as st

from sekisho.detection import HostTables
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.evaluate import evaluate_line
from sekisho.guard.event_stream import EventStream
from sekisho.guard.offline import offline_checkpoint
from sekisho.guard.profiles import Profiles

DAYS = 21
# Noon (Japan) after the last day of ordinary life.
NOON = world.people.start_of(DAYS) + 12 * world.people.HOUR
GRID_SECONDS = 20.0

# Two of the same domain, one of another, and one that nobody has used before.
ACCOUNTS = ("m0@c1.example", "m1@c1.example", "m0@c2.example", "new@c1.example")
HOME = {"ip": "24.1.1.1", "country": "JP", "asn": 64600}
CLOUD = {"ip": "52.125.138.9", "country": "IE", "asn": 8075}
NOWHERE = {"ip": "", "country": "", "asn": 0}
ABROAD = [
    {"ip": f"190.{n}.{m}.7", "country": country, "asn": 65100 + n}
    for n, country in enumerate(("BR", "RU", "NG", "VN"))
    for m in range(3)
]
PLACES = [HOME, CLOUD, NOWHERE, *ABROAD]

Line = dict[str, Any]


@cache
def _warm() -> tuple[dict[str, bytes], bytes]:
    """Profiles and host tables after three weeks, as bytes."""
    checkpoint = offline_checkpoint(Profiles({}), HostTables())
    stream = EventStream(checkpoint.mailbox)
    for _, line in world.build(1, 30, DAYS, "base").events():
        if (found := stream.parse(line.encode())) is not None:
            checkpoint.observe(found[1], found[1].t)
    return dict(checkpoint.profiles.take_changed()), checkpoint.tables.to_bytes()


def warm_checkpoint() -> Checkpoint:
    """A checkpoint of its own with that history and no decision in force."""
    profiles, tables = _warm()
    return offline_checkpoint(Profiles(dict(profiles)), HostTables.from_bytes(tables))


def answers(lines: list[Line], checkpoint: Checkpoint | None = None) -> list[Line | None]:
    """What `sekisho evaluate` says to each line; None where it says nothing."""
    checkpoint = checkpoint or warm_checkpoint()
    stream = EventStream(checkpoint.mailbox)
    said = [evaluate_line(checkpoint, stream, json.dumps(line).encode()) for line in lines]
    return [json.loads(one) if one else None for one in said]


def _line(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    parts: dict[str, st.SearchStrategy[Any]] = {"kind": st.just(kind), "account": st.sampled_from(ACCOUNTS), **fields}
    return st.fixed_dictionaries(parts)


def _placed(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Line]:
    pairs = st.tuples(_line(kind, **fields), st.sampled_from(PLACES))
    return pairs.map(lambda pair: {**pair[0], **pair[1]})


# Guesses and logins from two addresses abroad only, so that guessers of several mailboxes are met often.
GUESSES = st.tuples(
    _line("login", success=st.booleans(), protocol=st.just("imap"), pwhash=st.just("b01")),
    st.sampled_from([ABROAD[0], ABROAD[3]]),
).map(lambda pair: {**pair[0], **pair[1]})
_ids = st.integers(0, 8).map(lambda n: f"Q{n}")
_recipients = st.integers(0, 400).map(lambda n: f"u{n}@far{n % 37}.example")
_protocols = st.sampled_from(["imap", "pop3", "smtp", "webmail", "sieve"])

AUTHENTICATED = st.one_of(
    _placed("login", success=st.just(True), protocol=_protocols, pwhash=st.just("a01")),
    _placed("rcpt", qid=_ids, recipient=_recipients, sender=st.just("x@c1.example")),
    _placed("rcpt", qid=_ids, recipient=_recipients, sender=st.just("x@c1.example")),
    _placed("eom", qid=_ids, size=st.integers(0, 10**7), nrcpt=st.integers(0, 100)),
    _placed("sieve", change=st.sampled_from(["forward", "discard", "filter"]), target=_recipients),
    _placed("session", protocol=_protocols, bytes_out=st.integers(0, 10**9), fetched=st.integers(0, 10**4)),
)
UNAUTHENTICATED = st.one_of(
    _placed("login", success=st.just(False), protocol=_protocols, pwhash=st.sampled_from(["b01", "b02"])),
    _line("delivery", qid=_ids, recipient=_recipients, status=st.sampled_from(["sent", "bounced", "deferred"]),
          code=st.sampled_from(["2.0.0", "5.1.1", "5.7.1", "5.2.2", "4.4.1"])),
    _line("complaint", source=st.sampled_from(["fbl.example", "abuse"])),
    _line("account", change=st.sampled_from(["created", "pwchange"])),
)  # fmt: skip


def streams(
    event: st.SearchStrategy[Line], most: int = 60, step: int = 3, least: int = 0
) -> st.SearchStrategy[list[Line]]:
    """Streams in order of time; up to `step` ticks of the grid pass between two events, often none.

    Hypothesis makes short lists unless it must not: about twice `least` events, and five without one.
    """
    rows = st.lists(st.tuples(st.integers(0, step), event), min_size=least, max_size=most)
    return rows.map(_timed)


def _timed(rows: list[tuple[int, Line]]) -> list[Line]:
    t, lines = NOON, []
    for ticks, line in rows:
        t += ticks * GRID_SECONDS
        lines.append({"t": t, **line})
    return lines


def shuffled_ties(lines: list[Line], rank: Callable[[], float]) -> list[Line]:
    """The same stream with the events of each moment in another order; a message's own events keep theirs."""
    found = sorted(lines, key=lambda line: (line["t"], rank()))
    for qid in {line["qid"] for line in lines if "qid" in line}:
        places = [n for n, line in enumerate(found) if line.get("qid") == qid]
        for n, line in zip(places, (line for line in lines if line.get("qid") == qid), strict=True):
            found[n] = line
    return found


def without_unknown_results(lines: list[Line]) -> list[Line]:
    """The stream without delivery results that come before their message."""
    known: set[str] = set()
    found = []
    for line in lines:
        if line["kind"] in ("rcpt", "eom"):
            known.add(line["qid"])
        if line["kind"] != "delivery" or line["qid"] in known:
            found.append(line)
    return found


def looked_at_again(lines: list[Line]) -> list[Line]:
    """The stream with a login from each source of a moment, in one order, after all of that moment's events."""
    found: list[Line] = []
    for t, moment in groupby(lines, key=lambda line: line["t"]):
        events = list(moment)
        seen = {line["ip"]: line for line in events if "ip" in line and line.get("success", True)}
        again = {"t": t, "kind": "login", "success": True, "protocol": "imap"}
        places = [{name: seen[ip][name] for name in ("account", "ip", "country", "asn")} for ip in sorted(seen)]
        found += [*events, *({**again, **place} for place in places)]
    return found
