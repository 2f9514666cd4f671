"""Follows a growing text file by inode and offset, over rotation and truncation, without losing or repeating lines.

logrotate either renames the file (the old one is read to its end first) or truncates it in place (reading starts at 0
again). After an absence the remembered file is found again by its first line, renamed and compressed as it may be by
then; what was rotated after it is read next, oldest first, and then the current file. `lost` counts what could not be
found or read. Not supported: rotated files whose name does not begin with the log's own.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sekisho.guard.unpacking import DAMAGE, is_packed, unpacked

log = logging.getLogger("sekisho.guard")

# One reading: small enough that parsing it never holds up an answer for long (about 250 lines).
CHUNK_BYTES = 32 * 1024
# Postfix cuts its lines at 2 KiB a value; a longer line without an end is no mail log.
MAX_LINE_BYTES = 64 * 1024
# A compressed file has to be unpacked up to the place; so much takes some 4 ms, then answers have their turn.
SKIP_BYTES = 1024 * 1024
# A log's first line has stamp and process id: no two files share it. Its beginning is enough.
HEAD_BYTES = 1024


class Position(NamedTuple):
    """The first byte not read yet (unpacked); inode 0: no place is remembered, begin at the end."""

    inode: int = 0
    offset: int = 0
    # A digest of the file's first line, which survives renaming and compression; empty until there is one.
    head: str = ""

    def is_in_file_of(self, other: Position) -> bool:
        """Whether both are places in the same log."""
        return self.head == other.head if self.head and other.head else self.inode == other.inode


def _head(line: bytes) -> str:
    return blake2b(line[:HEAD_BYTES], digest_size=8).hexdigest()


class _Opened(NamedTuple):
    """A file of the log, open at its beginning."""

    file: BinaryIO
    inode: int
    size: int
    written_at: int
    packed: bool
    head: str


def _opened(path: Path) -> _Opened:
    """Raises OSError or one of DAMAGE."""
    raw = path.open("rb")
    try:
        status = os.fstat(raw.fileno())
        packed = is_packed(raw.peek(6))
        file = unpacked(raw)
        line = file.readline(HEAD_BYTES + 1)
        head = _head(line.rstrip(b"\n")) if line.endswith(b"\n") or len(line) > HEAD_BYTES else ""
        # Unbuffered: after a truncation nothing of the old text may be left in a buffer.
        file = file if packed else raw.detach()  # type: ignore[assignment]
        file.seek(0)
    except (OSError, *DAMAGE):
        raw.close()
        raise
    return _Opened(file, status.st_ino, status.st_size, status.st_mtime_ns, packed, head)


class LogFile:
    """The reading end of a log that others write and rotate."""

    def __init__(self, path: Path, position: Position) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._is_packed = False
        self.position = position
        self.lost = 0
        # Why nothing can be read at the moment; empty when all is well.
        self.trouble = ""
        self._partial = b""
        # Nothing is remembered, and nobody has looked for the file yet.
        self._is_new = not position.inode
        # The remembered file has not been found again yet.
        self._is_sought = bool(position.inode)
        # Rotated after the one that is read, before the current one.
        self._between: deque[_Opened] = deque()
        self._to_skip = 0

    @property
    def is_skipping(self) -> bool:
        """On the way to the remembered place in a compressed file: the next call goes on."""
        return self._to_skip > 0

    def read_lines(self) -> list[bytes]:
        """Whole lines after the position, at most one chunk of them; an empty list when there is nothing new."""
        if self._file is None and not self._open():
            return []
        if self._to_skip and not self._skip_on():
            return []
        data = self._read()
        if not data and self._moved_on():
            data = self._read()
        if not data:
            return []
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if lines and not self.position.offset:
            self.position = self.position._replace(head=_head(lines[0]))
        if len(self._partial) > MAX_LINE_BYTES:
            self._skip(len(self._partial))
            self._partial = b""
        self._skip(sum(len(line) + 1 for line in lines))
        return lines

    def _skip_on(self) -> bool:
        """A step towards the place in a compressed file; True when it is reached, or the file ends before it."""
        skipped = len(self._read(min(self._to_skip, SKIP_BYTES)))
        self._to_skip = self._to_skip - skipped if skipped else 0
        return not self._to_skip

    def _skip(self, length: int) -> None:
        self.position = self.position._replace(offset=self.position.offset + length)

    def _read(self, size: int = CHUNK_BYTES) -> bytes:
        assert self._file is not None  # noqa: S101 - the callers opened it
        try:
            return self._file.read(size)
        except (OSError, *DAMAGE) as error:
            if not self._is_packed:
                raise
            # Its end is lost; the next file is not.
            self._note_lost(f"{self.path}: a rotated file is damaged: {error}")
            return b""

    def _note_lost(self, text: str) -> None:
        self.lost += 1
        log.error("%s; the lines in it are lost", text)

    # -- opening

    def _open(self) -> bool:
        """Opens what is to be read next; False while there is nothing, and `trouble` says why."""
        if self._is_new and not self._remember_end():
            return False
        if self._is_sought:
            found = self._seek_remembered()
            if found is not None:
                return found
        if self._between:
            self._begin(self._between.popleft(), 0)
            return True
        try:
            self._begin(_opened(self.path), 0)
        except (OSError, *DAMAGE) as error:
            self.trouble = f"{self.path} cannot be read: {error}"
            return False
        return True

    def _remember_end(self) -> bool:
        """A file that existed before us is history: its present end is the place, also while we may not read it."""
        try:
            status = self.path.stat()
        except FileNotFoundError as error:
            # It will appear; then all of it is new.
            self._is_new = False
            self.trouble = f"{self.path} cannot be read: {error}"
            return False
        except OSError as error:
            self.trouble = f"{self.path} cannot be read: {error}"
            return False
        self.position = Position(status.st_ino, status.st_size)
        self._is_new, self._is_sought = False, True
        return True

    def _seek_remembered(self) -> bool | None:
        """Opens the remembered file; False while it is there and may not be read, None when it is gone."""
        for path in [self.path, *self._rotated()]:
            try:
                found = _opened(path)
            except (OSError, *DAMAGE) as error:
                if self._is_at(path):
                    self.trouble = f"{path} cannot be read: {error}"
                    return False
                continue
            if self._is_remembered(found):
                self._is_sought = False
                self._between = deque(self._younger(found.written_at, found.head)) if path != self.path else deque()
                is_whole = found.packed or found.size >= self.position.offset
                self._begin(found, self.position.offset if is_whole else 0)
                return True
            found.file.close()
        self._is_sought = False
        self._note_lost(f"{self.path}: the file read last is gone")
        return None

    def _is_at(self, path: Path) -> bool:
        try:
            return path.stat().st_ino == self.position.inode
        except OSError:
            return False

    def _is_remembered(self, found: _Opened) -> bool:
        # The inode of a compressed (so removed) file may be the current one's by now: the head is asked first.
        if self.position.head:
            return found.head == self.position.head
        return found.inode == self.position.inode

    def _rotated(self) -> list[Path]:
        # By name: while a file is compressed, the whole one (mail.log.2) comes before the half one (mail.log.2.gz).
        return sorted(path for path in self.path.parent.glob(self.path.name + "*") if path != self.path)

    def _younger(self, written_at: int, head: str) -> Iterator[_Opened]:
        """The rotated files written to after that moment, oldest first. gzip and logrotate keep a file's time."""
        found: list[_Opened] = []
        for path in self._rotated():
            try:
                if path.stat().st_mtime_ns <= written_at:
                    continue
                other = _opened(path)
            except (OSError, *DAMAGE) as error:
                self._note_lost(f"{path} cannot be read: {error}")
                continue
            # The same file a second time: while it is compressed, both are there.
            if other.head in (head, "") or other.head in {each.head for each in found}:
                other.file.close()
            else:
                found.append(other)
        return iter(sorted(found, key=lambda each: each.written_at))

    def _begin(self, found: _Opened, offset: int) -> None:
        self._close_file()
        self._file, self._is_packed, self.trouble = found.file, found.packed, ""
        self._to_skip = offset if found.packed else 0
        if not found.packed:
            found.file.seek(offset)
        self.position = Position(found.inode, offset, found.head)
        self._partial = b""

    def _moved_on(self) -> bool:
        """At the end of the open file: True when it was truncated or replaced and reading starts anew."""
        assert self._file is not None  # noqa: S101
        status = os.fstat(self._file.fileno())
        if not self._is_packed and status.st_size < self.position.offset:
            self._file.seek(0)
            self.position = Position(status.st_ino, 0)
            self._partial = b""
            return True
        if not self._between:
            try:
                if self.path.stat().st_ino == self.position.inode:
                    return False
                current = _opened(self.path)
            except FileNotFoundError:
                # Renamed, and not made anew yet; it is written on.
                return False
            except (OSError, *DAMAGE) as error:
                self.trouble = f"{self.path} cannot be read: {error}"
                return False
            # Only now that reading goes on is it decided what is lost.
            self._between = deque([*self._younger(status.st_mtime_ns, self.position.head), current])
        return self._open()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Ends reading; the position stays."""
        self._close_file()
        for each in self._between:
            each.file.close()
