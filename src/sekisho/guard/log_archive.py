"""Old mail logs as one stream of lines in the order of their time: files, rotated, compressed, or out of the journal.

Read: text as Postfix, syslog or Dovecot writes it, the same in gzip, `journalctl -o short-iso` and `journalctl -o json`
(also `export`ed to a file); told by the content, never by the name. Several files, also Postfix' and Dovecot's side by
side, are merged by their stamps. Lines that cannot say anything we use are dropped by their bytes, before any regex.
"""

from __future__ import annotations

import gzip
import heapq
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import msgspec

from sekisho.wire import WireError, maillog

# As in log_file: a longer line without an end is no mail log.
MAX_LINE_BYTES = 64 * 1024
# How often the progress is told; a tenth of a second's work.
TELL_EVERY_LINES = 50_000
# In one file the year turns when a stamp without a year falls back by more than this: logs are never that disordered.
HALF_A_YEAR = 182 * 86_400.0
# Where a file's first stamp must be; more lines without one are no log.
LINES_TO_FIRST_STAMP = 1000
_GZIP = b"\x1f\x8b"

# What lines that matter hold; most frequent first. The last one: the journal's form of a message that is not UTF-8.
_TELLING = (
    b", status=",
    b" (queue ",
    b"sasl_username=",
    b"ogin: user=<",
    b"ogged in: user=<",
    b" out=",
    b" retr=",
    b"(auth failed, ",
    b"orig_id=",
    b"orig_queue_id=",
    b'"MESSAGE":[',
)
# short-iso of systemd before 255 writes +0000; Postfix' parser reads RFC 3339.
_zone_without_colon = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d)(\d\d )").match
_ident = re.compile(r"[^\s\[\]:]{1,128}").fullmatch


class JournalEntry(msgspec.Struct):
    """The fields of a `journalctl -o json` line that make a log line."""

    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")
    host: str = msgspec.field(name="_HOSTNAME", default="-")
    ident: str = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    # A message with bytes that are not UTF-8 is a list of them.
    message: str | list[int] | None = msgspec.field(name="MESSAGE", default=None)
    pid: str = msgspec.field(name="SYSLOG_PID", default="0")


_entry = msgspec.json.Decoder(JournalEntry).decode


class LogClock:
    """Reads stamps; those without a year are of the latest year that fits `written_at` (the file's mtime), or of `year`
    and, after a fall back over half a year, the next ones."""

    def __init__(self, written_at: float, year: int | None) -> None:
        self._reference = datetime.fromtimestamp(written_at).astimezone()
        self._rolls = year is not None
        if year is not None:
            self._reference = datetime(year, 12, 31, 23, 59).astimezone()
        self._stamp: bytes = b""
        self.now: float | None = None

    def read(self, line: bytes) -> float | None:
        """Epoch seconds of a line; that of the line before when it has none, None when there was none yet."""
        stamp = _stamp(line)
        if stamp == self._stamp:
            return self.now
        try:
            text = stamp.decode("ascii")
            t = maillog.seconds_of(text, self._reference)
            if self._rolls and self.now is not None and t < self.now - HALF_A_YEAR and not text[:1].isdigit():
                self._reference = self._reference.replace(year=self._reference.year + 1)
                t = maillog.seconds_of(text, self._reference)
        except (WireError, ValueError):
            return self.now
        self._stamp, self.now = stamp, t
        return t


def _stamp(line: bytes) -> bytes:
    if not line[:1].isdigit():
        return line[:15]
    end = line.find(b" ")
    # "2026-11-24 12:46:18": a date (10 octets) and a time, Dovecot's own file.
    return line[: line.find(b" ", 11)] if end == 10 else line[:end]


class ArchivedLog:
    """One file of the archive. `first` is its first line's time; raises OSError when it cannot be read to its end."""

    def __init__(self, path: str, year: int | None = None) -> None:
        self.path = Path(path)
        status = self.path.stat()
        self.size = status.st_size
        self._written_at, self._year = status.st_mtime, year
        self.lines = 0
        self.unstamped = 0
        # Octets of the file read so far (compressed ones for gzip).
        self.done = 0
        self.first = self._first_stamp()

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """The file's octets and its text; damage in compressed data is an OSError that names the file."""
        with self.path.open("rb") as raw:
            try:
                if raw.peek(2)[:2] == _GZIP:
                    with gzip.GzipFile(fileobj=raw) as text:
                        yield raw, text  # type: ignore[misc]
                else:
                    yield raw, raw
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise OSError(f"{self.path}: {error}") from error

    def _first_stamp(self) -> float | None:
        clock = LogClock(self._written_at, self._year)
        with self._open() as (_raw, text):
            for _ in range(LINES_TO_FIRST_STAMP):
                line = text.readline(MAX_LINE_BYTES)
                if not line:
                    return None
                t = _journal_time(line) if line.startswith(b"{") else clock.read(line)
                if t is not None:
                    return t
        return None

    def telling_lines(self, tell: Callable[[int], None]) -> Iterator[tuple[float, str]]:
        """Time and text of every line that may say something; `tell` hears how many octets were read since."""
        clock = LogClock(self._written_at, self._year)
        with self._open() as (raw, text):
            while line := text.readline(MAX_LINE_BYTES):
                self.lines += 1
                if self.lines % TELL_EVERY_LINES == 0:
                    self._tell(raw, tell)
                found = self._telling(line, clock)
                if found is not None:
                    yield found
            self._tell(raw, tell)

    def _telling(self, line: bytes, clock: LogClock) -> tuple[float, str] | None:
        for word in _TELLING:
            if word in line:
                break
        else:
            return None
        if line.startswith(b"{"):
            return _from_journal(line)
        t = clock.read(line)
        if t is None:
            self.unstamped += 1
            return None
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if line[:1].isdigit() and (found := _zone_without_colon(text)):
            text = f"{found[1]}:{text[found.start(2) :]}"
        return t, text

    def _tell(self, raw: BinaryIO, tell: Callable[[int], None]) -> None:
        done = raw.tell()
        tell(done - self.done)
        self.done = done


def _journal_time(line: bytes) -> float | None:
    found = _from_journal(line)
    return found[0] if found else None


def _from_journal(line: bytes) -> tuple[float, str] | None:
    """A journal entry as syslog would have written it; None when it is no entry of a daemon."""
    try:
        entry = _entry(line)
        # Microseconds since the epoch (systemd.journal-fields(7)).
        t = int(entry.at) / 1e6
        stamp = datetime.fromtimestamp(t).astimezone().isoformat()
        message = entry.message if entry.message is not None else ""
        text = message if isinstance(message, str) else bytes(message).decode("utf-8", "backslashreplace")
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
        return None
    if not _ident(entry.ident) or not _ident(entry.host):
        return None
    pid = entry.pid if entry.pid.isdecimal() else "0"
    # One entry is one line: a line end inside it must not begin another.
    return t, f"{stamp} {entry.host} {entry.ident}[{pid}]: {text}".replace("\r", " ").replace("\n", " ")


def open_archive(paths: Iterable[str], year: int | None = None) -> list[ArchivedLog]:
    """The files by their first stamp, each once; raises OSError naming what cannot be read."""
    unique = {str(Path(path).resolve()): path for path in paths}
    logs = [ArchivedLog(path, year) for path in unique.values()]
    return sorted(logs, key=lambda log: log.first or 0.0)


def merged_lines(logs: Iterable[ArchivedLog], tell: Callable[[int], None]) -> Iterator[tuple[float, str]]:
    """The telling lines of all files by time; lines of one second stay in the order of their file."""
    return heapq.merge(*(log.telling_lines(tell) for log in logs), key=itemgetter(0))
