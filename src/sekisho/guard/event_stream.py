"""Recorded events as JSON lines, for learning from a site's history and for trying the engine out.

One object a line, sorted by `t` (epoch seconds). Kinds read: login, rcpt, eom, delivery, sieve, session, complaint,
account. Unknown kinds and unreadable lines are skipped and counted; unknown fields ignored.
Place comes from the line itself (`country`, `asn`), the network from `ip`.

Whoever wrote the stream, memory stays bounded: a line, each text and each number has a bound, and what is no country,
AS number or time is treated as not known.
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal, cast

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
from sekisho.detection.addresses import MAX_ASN
from sekisho.guard.recent import Recent
from sekisho.guard.submissions import JudgedRecipients

# Messages whose source is remembered for their delivery results.
REMEMBERED_MESSAGES = 200_000
# The longest names and addresses of RFC 5321 make lines of some two kilobytes; the rest of a longer line is not kept.
MAX_LINE = 65_536
# A mailbox's canonical name has at most 320 octets; quoting may double them.
MAX_ACCOUNT = 1024
# RFC 5321, section 4.5.3.1: 64 + 1 + 255 octets.
MAX_ADDRESS = 320
# Queue ids, instances and protocols are short words; 45 characters hold every IP address (RFC 4291, 2.2).
MAX_WORD, MAX_IP = 64, 45
# Until the year 2242: later "times" are other units (milliseconds) or garbage, and overflow what counts days.
MAX_TIME = 2.0**33
# Sizes and counts beyond a petabyte are nobody's mail.
MAX_SIZE = 10**15
# Unknown kinds told apart in the count of skipped lines.
MAX_KINDS = 50
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
        self._messages: Recent[tuple[str, str, Place, float]] = Recent(REMEMBERED_MESSAGES)
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
            self._skip("unreadable")
            return None
        if not 0 <= found.t < MAX_TIME or len(found.account) > MAX_ACCOUNT:
            self._skip("unreadable")
            return None
        mailbox = self._mailbox(found.account)
        make = _KINDS.get(found.kind)
        event = make(self, found, mailbox) if make and mailbox else None
        if event is None:
            self._skip(found.kind)
            return None
        return found.account, event

    def _skip(self, kind: str) -> None:
        kind = kind[:MAX_WORD]
        self.skipped[kind if kind in self.skipped or len(self.skipped) < MAX_KINDS else "other"] += 1

    def _place(self, line: StreamLine) -> Place:
        ip = _ip(line)
        country = line.country or ""
        country = country.upper() if len(country) == 2 and country.isascii() and country.isalpha() else ""
        asn = _asn(line.asn)
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
        pwhash = (line.pwhash or "")[:MAX_WORD]
        return Login(line.t, mailbox, _ip(line), place, line.protocol[:MAX_WORD], line.success, pwhash)

    def _recipient(self, line: StreamLine, mailbox: str) -> Event | None:
        recipient = line.recipient[:MAX_ADDRESS].lower()
        instance = (line.instance or "")[:MAX_WORD]
        if not self._judged.is_new(instance, recipient):
            return None
        place = self._place(line)
        self._remember(line, mailbox, place)
        return Recipient(line.t, mailbox, _ip(line), place, recipient, instance or _qid(line))

    def _submission(self, line: StreamLine, mailbox: str) -> Event:
        place = self._place(line)
        self._remember(line, mailbox, place)
        recipients, size = min(max(line.nrcpt, 0), MAX_SIZE), min(max(line.size, 0), MAX_SIZE)
        return Submission(line.t, mailbox, _ip(line), place, _qid(line), recipients, size)

    def _remember(self, line: StreamLine, mailbox: str, place: Place) -> None:
        if qid := _qid(line):
            self._messages.put(qid, (mailbox, _ip(line), place, line.t))

    def _delivery(self, line: StreamLine, mailbox: str) -> Event:
        sender, ip, place, at = self._messages.get(_qid(line)) or ("", "", NOWHERE, 0.0)
        if sender != mailbox:
            # Queue ids come again (Postfix' short ones within the hour): somebody else's message is nobody's here.
            ip, place, at = "", NOWHERE, 0.0
        code = line.code or ""
        code = str(min(abs(code), MAX_SIZE)) if isinstance(code, int) else code[:MAX_WORD]
        recipient = line.recipient[:MAX_ADDRESS].lower()
        return Delivery(line.t, mailbox, recipient, line.status, code, ip, place, at)

    def _script(self, line: StreamLine, mailbox: str) -> Event | None:
        change = line.change
        if change not in ("forward", "discard", "vacation", "filter"):
            return None
        kind: Literal["forward", "discard", "vacation", "filter"] = change  # type: ignore[assignment]
        target = (line.target or "")[:MAX_ADDRESS]
        return ScriptChange(line.t, mailbox, _ip(line), self._place(line), kind, target)

    def _session(self, line: StreamLine, mailbox: str) -> Event:
        read, fetched = (min(max(number or 0, 0), MAX_SIZE) for number in (line.bytes_out, line.fetched))
        protocol = line.protocol[:MAX_WORD]
        return SessionEnded(line.t, mailbox, _ip(line), self._place(line), protocol, read, fetched)

    def _complaint(self, line: StreamLine, mailbox: str) -> Event:
        return Complaint(line.t, mailbox, (line.source or "")[:MAX_ADDRESS])

    def _account(self, line: StreamLine, mailbox: str) -> Event | None:
        if line.change not in ("created", "pwchange"):
            return None
        kind: Literal["created", "pwchange"] = line.change  # type: ignore[assignment]
        return AccountChange(line.t, mailbox, kind)


def _ip(line: StreamLine) -> str:
    ip = line.ip or ""
    return ip if len(ip) <= MAX_IP else ""


def _qid(line: StreamLine) -> str:
    return (line.qid or "")[:MAX_WORD]


def _asn(given: int | str | None) -> int:
    """A number or "AS64500"; 0 for everything else."""
    if isinstance(given, str):
        # Ten digits hold MAX_ASN; reading more of them is work, and beyond 4300 an error.
        digits = given.upper().removeprefix("AS")
        given = int(digits) if len(digits) <= 10 and digits.isascii() and digits.isdigit() else 0
    return given if given is not None and 0 < given <= MAX_ASN else 0


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


def bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one longer than MAX_LINE only the beginning, which is then no JSON. One for one."""
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        yield line


@contextmanager
def open_lines(path: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, plain or gzip (told by its first bytes), or of standard input for `-`.

    Raises OSError, and for a damaged gzip file also EOFError and zlib.error while its lines are read.
    """
    if path == "-":
        yield bounded_lines(sys.stdin.buffer)
        return
    with open(path, "rb") as file:
        compressed = file.peek(2)[:2] == _GZIP
    with gzip.open(path, "rb") if compressed else open(path, "rb") as lines:
        yield bounded_lines(cast(BinaryIO, lines))
