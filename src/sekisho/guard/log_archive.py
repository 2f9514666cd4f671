"""Old mail logs as one stream of lines in the order of their time: files, rotated, compressed, or out of the journal.

Read: text as Postfix, syslog or Dovecot writes it, `journalctl -o short-iso`, `-o json` and `-o export`, each also in
gzip, bzip2 or xz; told by the content, never by the name. Several files, also Postfix' and Dovecot's side by side, are
merged by their stamps. Lines that cannot say anything we use are dropped by their bytes, before any regex.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from sekisho.guard.journal_lines import EXPORT_BEGIN, as_line, exported, from_json
from sekisho.guard.unpacking import DAMAGE, unpacked
from sekisho.wire import WireError, maillog

# As in log_file: a longer line without an end is no mail log.
MAX_LINE_BYTES = 64 * 1024
# How often the progress is told; a tenth of a second's work.
TELL_EVERY_LINES = 50_000
# In one file the year turns when a stamp without a year falls back by more than this: logs are never that disordered.
HALF_A_YEAR = 182 * 86_400.0
# Where a file's first stamp must be; more lines without one are no log.
LINES_TO_FIRST_STAMP = 1000

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


def _tells(line: bytes) -> bool:
    """Whether a line may say something we use, by its octets."""
    for word in _TELLING:
        if word in line:
            return True
    return False


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
        # Octets of the file read so far, as they are on the disk.
        self.done = 0
        self.first = self._first_stamp()

    @contextmanager
    def _open(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """The file's octets and its text; damage in compressed data is an OSError that names the file."""
        with self.path.open("rb") as raw:
            try:
                yield raw, unpacked(raw)
            except (OSError, *DAMAGE) as error:
                raise OSError(f"{self.path}: {error}") from error

    def _first_stamp(self) -> float | None:
        clock = LogClock(self._written_at, self._year)
        with self._open() as (_raw, text):
            for _ in range(LINES_TO_FIRST_STAMP):
                line = text.readline(MAX_LINE_BYTES)
                if not line:
                    return None
                if line.startswith(EXPORT_BEGIN):
                    text.seek(0)
                    return next((found[0] for entry in exported(text) if (found := as_line(entry))), None)
                t = (from_json(line) or (None,))[0] if line.startswith(b"{") else clock.read(line)
                if t is not None:
                    return t
        return None

    def telling_lines(self, tell: Callable[[int], None]) -> Iterator[tuple[float, str]]:
        """Time and text of every line that may say something; `tell` hears how many octets were read since."""
        clock = LogClock(self._written_at, self._year)
        with self._open() as (raw, text):
            begin = text.readline(len(EXPORT_BEGIN))
            text.seek(0)
            found_lines = self._exported(text) if begin == EXPORT_BEGIN else self._written(text, clock)
            for found in found_lines:
                self.lines += 1
                if self.lines % TELL_EVERY_LINES == 0:
                    self._tell(raw, tell)
                if found is not None:
                    yield found
            self._tell(raw, tell)

    @staticmethod
    def _exported(text: BinaryIO) -> Iterator[tuple[float, str] | None]:
        for entry in exported(text):
            message = entry.message
            yield as_line(entry) if isinstance(message, str) and _tells(message.encode()) else None

    def _written(self, text: BinaryIO, clock: LogClock) -> Iterator[tuple[float, str] | None]:
        while line := text.readline(MAX_LINE_BYTES):
            yield self._telling(line, clock) if _tells(line) else None

    def _telling(self, line: bytes, clock: LogClock) -> tuple[float, str] | None:
        if line.startswith(b"{"):
            return from_json(line)
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


def open_archive(paths: Iterable[str], year: int | None = None) -> list[ArchivedLog]:
    """The files by their first stamp, each once; raises OSError naming what cannot be read."""
    unique = {str(Path(path).resolve()): path for path in paths}
    logs = [ArchivedLog(path, year) for path in unique.values()]
    return sorted(logs, key=lambda log: log.first or 0.0)


def merged_lines(logs: Iterable[ArchivedLog], tell: Callable[[int], None]) -> Iterator[tuple[float, str]]:
    """The telling lines of all files by time; lines of one second stay in the order of their file."""
    return heapq.merge(*(log.telling_lines(tell) for log in logs), key=itemgetter(0))
