"""Follows a growing text file by inode and offset, over rotation and truncation, without losing or repeating lines.

logrotate either renames the file (the old one is read to its end first, also after a restart, when it is found again
by its inode) or truncates it in place (reading starts at 0 again). Not supported: rotated files that were compressed
while the guard was away; their lines are lost, and `lost` counts such cases.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

# One reading: small enough that parsing it never holds up an answer for long (about 250 lines).
CHUNK_BYTES = 32 * 1024
# Postfix cuts its lines at 2 KiB a value; a longer line without an end is no mail log.
MAX_LINE_BYTES = 64 * 1024


class Position(NamedTuple):
    """The first byte not read yet; inode 0: no place is remembered, begin at the end."""

    inode: int = 0
    offset: int = 0


class LogFile:
    """The reading end of a log that others write and rotate."""

    def __init__(self, path: Path, position: Position) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.position = position
        self.lost = 0
        self._partial = b""
        self._first = True

    def read_lines(self) -> list[bytes]:
        """Whole lines after the position, at most one chunk of them; an empty list when there is nothing new."""
        if self._file is None and not self._open():
            return []
        data = self._read()
        if not data and self._moved_on():
            data = self._read()
        if not data:
            return []
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > MAX_LINE_BYTES:
            self._skip(len(self._partial))
            self._partial = b""
        self._skip(sum(len(line) + 1 for line in lines))
        return lines

    def _skip(self, length: int) -> None:
        self.position = self.position._replace(offset=self.position.offset + length)

    def _read(self) -> bytes:
        assert self._file is not None  # noqa: S101 - both callers opened it
        return self._file.read(CHUNK_BYTES)

    def _open(self) -> bool:
        """Opens the remembered file, else the current one; False while there is none."""
        first, self._first = self._first, False
        if first and self.position.inode:
            if self._open_remembered():
                return True
            self.lost += 1
        try:
            self._file = self._path.open("rb", buffering=0)
        except OSError:
            return False
        status = os.fstat(self._file.fileno())
        # Without a remembered place a file that existed before us is history: begin at its end.
        begin = status.st_size if first and not self.position.inode else 0
        self._begin_at(Position(status.st_ino, begin))
        return True

    def _open_remembered(self) -> bool:
        for candidate in [self._path, *sorted(self._path.parent.glob(self._path.name + "*"))]:
            try:
                file = candidate.open("rb", buffering=0)
            except OSError:
                continue
            status = os.fstat(file.fileno())
            if status.st_ino == self.position.inode:
                self._file = file
                truncated = status.st_size < self.position.offset
                self._begin_at(Position(status.st_ino, 0 if truncated else self.position.offset))
                return True
            file.close()
        return False

    def _begin_at(self, position: Position) -> None:
        assert self._file is not None  # noqa: S101
        self._file.seek(position.offset)
        self.position = position
        self._partial = b""

    def _moved_on(self) -> bool:
        """At the end of the open file: True when it was truncated or replaced and reading starts anew."""
        assert self._file is not None  # noqa: S101
        if os.fstat(self._file.fileno()).st_size < self.position.offset:
            self._begin_at(self.position._replace(offset=0))
            return True
        try:
            replaced = self._path.stat().st_ino != self.position.inode
        except OSError:
            return False
        if not replaced:
            return False
        self._file.close()
        self._file = None
        return self._open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
