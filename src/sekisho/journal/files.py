"""Append-only logs in numbered segments, read by followers that remember a cursor.

A line is `CRC32 SPACE JSON LF` (CRC of the JSON, 8 hex digits): a kill or a full disk in the middle of a write leaves
a line that no reader takes for a record (cf. the torn last record of PostgreSQL's and etcd's write-ahead logs).
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# 4 MiB a segment: a follower that restarts re-reads at most this much to find its place.
SEGMENT_BYTES = 4 * 1024 * 1024


class Cursor(NamedTuple):
    """A place in an append log: the segment's number and the byte offset in it."""

    segment: int
    offset: int


START = Cursor(0, 0)


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:010d}.log"


def segment_numbers(directory: Path) -> list[int]:
    try:
        return sorted(int(p.stem) for p in directory.glob("*.log") if p.stem.isdigit())
    except FileNotFoundError:
        return []


def _sync_directory(directory: Path) -> None:
    """Makes a new name in a directory last (fsync(2): syncing the file alone does not)."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class AppendLog:
    """The writing end. One writer at a time; `fsync=True` makes `append` return only when the disk has it."""

    def __init__(self, directory: Path, *, fsync: bool, max_total_bytes: int) -> None:
        self._directory = directory
        self._fsync = fsync
        self._max_segments = max(2, max_total_bytes // SEGMENT_BYTES)
        directory.mkdir(parents=True, exist_ok=True)
        existing = segment_numbers(directory)
        self._number = existing[-1] if existing else 1
        self._fd = self._open(self._number)
        self._size = os.fstat(self._fd).st_size
        # The last line has no end: the next record must not continue it.
        self._torn = self._ends_torn()

    def _open(self, number: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(segment_path(self._directory, number), flags, 0o640)
        if self._fsync:
            _sync_directory(self._directory)
        return fd

    def _ends_torn(self) -> bool:
        if not self._size:
            return False
        with segment_path(self._directory, self._number).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._size += written
            view = view[written:]

    def append(self, *records: bytes) -> None:
        """Appends records (JSON without line end); they count when this returns.

        Raises OSError when the disk refuses: then none, some or all of them may be there. Append them again with the
        same ids; readers take an id once.
        """
        # A file that somebody removed or replaced under us is read by nobody: a trip in it would shut no door.
        if self._size >= SEGMENT_BYTES or self._is_gone():
            self._rotate()
        lines = b"".join(b"%08x %s\n" % (zlib.crc32(record), record) for record in records)
        if self._torn:
            lines = b"\n" + lines
        # Robustness: a full disk may take half a line and refuse even the line end.
        self._torn = True
        self._write(lines)
        self._torn = False
        if self._fsync:
            os.fsync(self._fd)

    def _is_gone(self) -> bool:
        try:
            there = os.stat(segment_path(self._directory, self._number))
        except FileNotFoundError:
            return True
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _rotate(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        fd = self._open(self._number + 1)
        os.close(self._fd)
        self._fd = fd
        self._number += 1
        self._size = 0
        self._torn = False
        for number in segment_numbers(self._directory)[: -self._max_segments]:
            segment_path(self._directory, number).unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._fd)


class Follower:
    """The reading end: yields whole records after a cursor; counts lines that were none."""

    def __init__(self, directory: Path, cursor: Cursor = START) -> None:
        self._directory = directory
        self.cursor = cursor
        # Lines that were torn or altered since this follower started.
        self.bad_lines = 0
        # Segments that were deleted before they were read (the spool is bounded).
        self.lost_segments = 0

    def read(self, limit: int = 1000) -> list[bytes]:
        """At most `limit` further records; an empty list when there is nothing new. Advances the cursor."""
        records: list[bytes] = []
        while len(records) < limit:
            # Look for a later segment first: once it is there, nothing more is written to this one. The other way
            # round, records written between the two looks would be passed over.
            segments = segment_numbers(self._directory)
            found = self._read_segment(limit - len(records))
            records.extend(found)
            if not found and not self._next_segment(segments):
                break
        return records

    def behind(self) -> int:
        """Bytes that are there and not read yet, roughly: a writer may be at work."""
        left = 0
        for number in segment_numbers(self._directory):
            if number >= self.cursor.segment:
                with contextlib.suppress(FileNotFoundError):
                    left += segment_path(self._directory, number).stat().st_size
        return max(0, left - self.cursor.offset)

    def _read_segment(self, limit: int) -> list[bytes]:
        if self.cursor.segment == 0:
            return []
        try:
            with segment_path(self._directory, self.cursor.segment).open("rb") as file:
                if os.fstat(file.fileno()).st_size < self.cursor.offset:
                    # Robustness: after a power loss an unsynced segment can be shorter than what was read of it. Its
                    # records come again rather than that new ones are passed over.
                    self.cursor = Cursor(self.cursor.segment, 0)
                file.seek(self.cursor.offset)
                return list(self._whole_records(file.read(SEGMENT_BYTES * 2), limit))
        except FileNotFoundError:
            return []

    def _whole_records(self, data: bytes, limit: int) -> Iterator[bytes]:
        position = taken = 0
        while taken < limit:
            end = data.find(b"\n", position)
            if end < 0:
                return
            line = data[position:end]
            position = end + 1
            self.cursor = Cursor(self.cursor.segment, self.cursor.offset + len(line) + 1)
            record = line[9:]
            if line[:9] == b"%08x " % zlib.crc32(record):
                taken += 1
                yield record
            elif line:
                self.bad_lines += 1

    def _next_segment(self, segments: list[int]) -> bool:
        here = self.cursor.segment
        later = [number for number in segments if number > here]
        if not later and segments and here not in segments:
            # The log was removed and begun anew: start over instead of waiting for its number to catch up.
            later = segments
        if not later:
            return False
        if here:
            # A segment that is gone counts, whether or not its last records had been read.
            first_unread = here + 1 if here in segments else here
            self.lost_segments += max(0, later[0] - first_unread)
        self.cursor = Cursor(later[0], 0)
        return True


def replace_file(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """Replaces a file by rename after fsync: readers and crashes see the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One name per writer: the agent's threads may replace the same file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def read_cursor(path: Path) -> Cursor:
    """The cursor kept in a file; the start when there is none or it cannot be read (then records come twice)."""
    try:
        segment, offset = path.read_text().split()
        return Cursor(int(segment), int(offset))
    except (OSError, ValueError):
        return START


def write_cursor(path: Path, cursor: Cursor) -> None:
    """Keeps a cursor; call it only when everything before it has been dealt with."""
    replace_file(path, f"{cursor.segment} {cursor.offset}\n".encode())
