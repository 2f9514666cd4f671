"""Recorded events as JSON lines, for learning from a site's history and for trying the engine out.

One object a line, sorted by `t` (epoch seconds). Kinds read: login, rcpt, eom, delivery, sieve, session, complaint,
account. Unknown kinds and unreadable lines are skipped and counted; unknown fields ignored.
Place comes from the line itself (`country`, `asn`), the network from `ip`.
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from sekisho.detection import (
    NOWHERE,
    AccountChange,
    AddressTable,
    Complaint,
    Delivery,
    Event,
    Login,
    Place,
    Recipient,
    ScriptChange,
    SessionEnded,
    Submission,
)
from sekisho.guard.recent import Recent
from sekisho.guard.submissions import JudgedRecipients

# Messages whose source is remembered for their delivery results.
REMEMBERED_MESSAGES = 200_000
_GZIP = b"\x1f\x8b"


class StreamLine(msgspec.Struct):
    """The union of all kinds' fields; what a line leaves out is empty."""

    t: float
    kind: str
    account: str = ""
    ip: str | None = ""
    country: str | None = ""
    asn: int | str | None = 0
    protocol: str = ""
    success: bool = False
    pwhash: str | None = ""
    qid: str | None = ""
    instance: str | None = ""
    recipient: str = ""
    size: int = 0
    nrcpt: int = 0
    status: str = ""
    code: str | int | None = ""
    change: str = ""
    target: str | None = ""
    bytes_out: int | None = 0
    fetched: int | None = 0
    source: str | None = ""


_decoder = msgspec.json.Decoder(StreamLine)


class EventStream:
    """Turns lines into events; `mailbox` gives an account's canonical name."""

    def __init__(self, mailbox: Callable[[str], str | None]) -> None:
        self._mailbox = mailbox
        self._table = AddressTable()
        self._places: dict[tuple[str, str, int], Place] = {}
        self._messages: Recent[tuple[str, Place, float]] = Recent(REMEMBERED_MESSAGES)
        self._judged = JudgedRecipients()
        self.read = 0
        # Lines that made no event, by kind.
        self.skipped: Counter[str] = Counter()

    def parse(self, line: bytes) -> tuple[str, Event] | None:
        """The account as the line names it and its event; None for lines that say nothing to the engine."""
        self.read += 1
        try:
            found = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.skipped["unreadable"] += 1
            return None
        mailbox = self._mailbox(found.account)
        make = _KINDS.get(found.kind)
        event = make(self, found, mailbox) if make and mailbox else None
        if event is None:
            self.skipped[found.kind] += 1
            return None
        return found.account, event

    def _place(self, line: StreamLine) -> Place:
        ip = line.ip or ""
        country = line.country or ""
        digits = str(line.asn or 0).upper().removeprefix("AS")
        asn = int(digits) if digits.isascii() and digits.isdigit() else 0
        key = (ip, country, asn)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= REMEMBERED_MESSAGES:
                self._places.clear()
            network = self._table.place(ip).network
            place = self._places[key] = Place(country, asn, "", network) if network or country or asn else NOWHERE
        return place

    def _login(self, line: StreamLine, mailbox: str) -> Event:
        place = self._place(line)
        return Login(line.t, mailbox, line.ip or "", place, line.protocol, line.success, line.pwhash or "")

    def _recipient(self, line: StreamLine, mailbox: str) -> Event | None:
        recipient = line.recipient.lower()
        instance = line.instance or ""
        if not self._judged.is_new(instance, recipient):
            return None
        place = self._place(line)
        self._remember(line, place)
        return Recipient(line.t, mailbox, line.ip or "", place, recipient, instance or line.qid or "")

    def _submission(self, line: StreamLine, mailbox: str) -> Event:
        place = self._place(line)
        self._remember(line, place)
        return Submission(line.t, mailbox, line.ip or "", place, line.qid or "", line.nrcpt, line.size)

    def _remember(self, line: StreamLine, place: Place) -> None:
        if line.qid:
            self._messages.put(line.qid, (line.ip or "", place, line.t))

    def _delivery(self, line: StreamLine, mailbox: str) -> Event:
        ip, place, at = self._messages.get(line.qid or "") or ("", NOWHERE, 0.0)
        recipient, code = line.recipient.lower(), str(line.code or "")
        return Delivery(line.t, mailbox, recipient, line.status, code, ip, place, at)

    def _script(self, line: StreamLine, mailbox: str) -> Event | None:
        change = line.change
        if change not in ("forward", "discard", "vacation", "filter"):
            return None
        kind: Literal["forward", "discard", "vacation", "filter"] = change  # type: ignore[assignment]
        return ScriptChange(line.t, mailbox, line.ip or "", self._place(line), kind, line.target or "")

    def _session(self, line: StreamLine, mailbox: str) -> Event:
        read, fetched = max(line.bytes_out or 0, 0), max(line.fetched or 0, 0)
        return SessionEnded(line.t, mailbox, line.ip or "", self._place(line), line.protocol, read, fetched)

    def _complaint(self, line: StreamLine, mailbox: str) -> Event:
        return Complaint(line.t, mailbox, line.source or "")

    def _account(self, line: StreamLine, mailbox: str) -> Event | None:
        if line.change not in ("created", "pwchange"):
            return None
        kind: Literal["created", "pwchange"] = line.change  # type: ignore[assignment]
        return AccountChange(line.t, mailbox, kind)


_KINDS: dict[str, Callable[[EventStream, StreamLine, str], Event | None]] = {
    "login": EventStream._login,
    "rcpt": EventStream._recipient,
    "eom": EventStream._submission,
    "delivery": EventStream._delivery,
    "sieve": EventStream._script,
    "session": EventStream._session,
    "complaint": EventStream._complaint,
    "account": EventStream._account,
}


@contextmanager
def open_lines(path: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, plain or gzip (told by its first bytes), or of standard input for `-`; raises OSError."""
    if path == "-":
        yield iter(sys.stdin.buffer.readline, b"")
        return
    with open(path, "rb") as file:
        compressed = file.peek(2)[:2] == _GZIP
    with gzip.open(path, "rb") if compressed else open(path, "rb") as lines:
        yield lines
