"""Entries of the systemd journal as syslog would have written them: `journalctl -o json` and `-o export`.

The export format (systemd.io/JOURNAL_EXPORT_FORMATS): a field a line, `NAME=value`; a value that is no plain text
stands behind its NAME, eight octets of length and before a line end; an empty line ends the entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

import msgspec

# Every exported entry begins with it.
EXPORT_BEGIN = b"__CURSOR="
# Field names have at most 64 octets (journal_field_valid); a log's line 64 KiB, as in log_archive.
MAX_FIELD_BYTES = 64 * 1024 + 65
_ident = re.compile(r"[^\s\[\]:]{1,128}").fullmatch

Line = tuple[float, str]


class JournalEntry(msgspec.Struct):
    """The fields that make a log line."""

    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")
    host: str = msgspec.field(name="_HOSTNAME", default="-")
    ident: str = msgspec.field(name="SYSLOG_IDENTIFIER", default="")
    # In JSON a message with bytes that are not UTF-8 is a list of them.
    message: str | list[int] | None = msgspec.field(name="MESSAGE", default=None)
    pid: str = msgspec.field(name="SYSLOG_PID", default="0")


_entry = msgspec.json.Decoder(JournalEntry).decode
_FIELDS = {
    b"__REALTIME_TIMESTAMP": "at",
    b"_HOSTNAME": "host",
    b"SYSLOG_IDENTIFIER": "ident",
    b"MESSAGE": "message",
    b"SYSLOG_PID": "pid",
}


def from_json(line: bytes) -> Line | None:
    """Time and text of a JSON entry; None when it is no entry of a daemon."""
    try:
        return as_line(_entry(line))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def as_line(entry: JournalEntry) -> Line | None:
    """Time and text of an entry; None when it is none of a daemon."""
    try:
        # Microseconds since the epoch (systemd.journal-fields(7)).
        t = int(entry.at) / 1e6
        stamp = datetime.fromtimestamp(t).astimezone().isoformat()
        message = entry.message if entry.message is not None else ""
        text = message if isinstance(message, str) else bytes(message).decode("utf-8", "backslashreplace")
    except (ValueError, OverflowError, OSError):
        return None
    if not _ident(entry.ident) or not _ident(entry.host):
        return None
    pid = entry.pid if entry.pid.isdecimal() else "0"
    # One entry is one line: a line end inside it must not begin another.
    return t, f"{stamp} {entry.host} {entry.ident}[{pid}]: {text}".replace("\r", " ").replace("\n", " ")


def exported(file: BinaryIO) -> Iterator[JournalEntry]:
    """The entries of an exported file; fields that are too long, or none of ours, are passed over."""
    found: dict[str, str] = {}
    while line := file.readline(MAX_FIELD_BYTES):
        if line == b"\n":
            if found:
                yield JournalEntry(**found)
            found = {}
            continue
        name, equals, value = line.partition(b"=")
        if equals:
            if not line.endswith(b"\n"):
                _pass_over(file)
        elif (read := _binary(file)) is not None:
            name, value = line, read
        else:
            continue
        if (field := _FIELDS.get(name.rstrip(b"\n"))) is not None:
            found[field] = value.rstrip(b"\n").decode("utf-8", "backslashreplace")
    if found:
        yield JournalEntry(**found)


def _binary(file: BinaryIO) -> bytes | None:
    """The value behind a name on a line of its own; None when it is longer than any line of a log."""
    length = int.from_bytes(file.read(8), "little")
    if length <= MAX_FIELD_BYTES:
        # With the line end behind it.
        return file.read(length + 1)
    left = length + 1
    while left and (skipped := len(file.read(min(left, MAX_FIELD_BYTES)))):
        left -= skipped
    return None


def _pass_over(file: BinaryIO) -> None:
    """The rest of a line."""
    while (rest := file.readline(MAX_FIELD_BYTES)) and not rest.endswith(b"\n"):
        pass
