"""How our processes write their logs: to standard error, for people as text or for programs as JSON, one event a line.

Whatever is in a message, it cannot begin a line of its own (a client may have chosen it) or move a terminal's cursor,
and a secret that this process knows is not in it. Under systemd each line begins with its level (sd-daemon(3)), which
the journal takes away and keeps as the entry's priority.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["text", "json"]

# The paths of web.urls' "recover_link", "owner_invitation" and "question"; what follows is the token, whole or cut off.
_TOKEN = re.compile(r"(/recover/link/|/owner/invitation/|/question/)[^/\s\"'?]+")
# Shorter ones would be found in innocent words, and no secret of ours is.
SHORTEST_SECRET = 8
# A message that holds a whole request or page says nothing more after this.
MOST_MESSAGE = 8192
# syslog(3) priorities for Python's levels.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))


def mask(text: str) -> str:
    """The text with "…" in place of a link's token."""
    return _TOKEN.sub(r"\1…", text)


def plain(text: str) -> str:
    """One printable line: everything that moves the cursor, turns the reading direction or ends a line is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Lines(logging.Formatter):
    """Text: time in UTC, level, logger, message. A traceback follows in lines of its own that begin with a bar."""

    def __init__(self, process: str = "", secrets: Iterable[str] = (), *, in_journal: bool = False) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime
        self.process = process
        self._in_journal = in_journal
        # The longest first: one may be a part of another.
        found = sorted({one for one in secrets if len(one) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, found))) if found else None

    def format(self, record: logging.LogRecord) -> str:
        return self.priority(record) + "\n".join(self._text(record))

    def _text(self, record: logging.LogRecord) -> list[str]:
        message, trace = self.say(record)
        stamp = f"{self.formatTime(record, self.datefmt)}.{int(record.msecs):03d}Z"
        first = f"{stamp} {record.levelname} {record.name}: {plain(message)}"
        return [first, *("  | " + plain(line) for line in trace.splitlines())]

    def say(self, record: logging.LogRecord) -> tuple[str, str]:
        """Message and traceback ("" for none) without secrets."""
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        return self._hide(record.getMessage()[:MOST_MESSAGE]), self._hide(trace)

    def _hide(self, text: str) -> str:
        return mask(self._secrets.sub("…", text) if self._secrets else text)

    def priority(self, record: logging.LogRecord) -> str:
        if not self._in_journal:
            return ""
        return f"<{next((number for level, number in _PRIORITIES if record.levelno >= level), 7)}>"


class JsonLines(Lines):
    """One object a line: at, level, process, logger, message, and trace where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        message, trace = self.say(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {"at": at, "level": record.levelname.lower(), "process": self.process, "logger": record.name}
        content |= {"message": message} | ({"trace": trace} if trace else {})
        # json escapes what is below a blank; the rest that is not printable (NEL, line separators, bidi marks) we do.
        line = json.dumps(content, ensure_ascii=False)
        return self.priority(record) + "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


_formatter: Lines = Lines()


def formatter() -> Lines:
    """The formatter of this process, for whoever brings handlers of his own (Django, gunicorn)."""
    return _formatter


def begin(process: str, kind: Kind, secrets: Iterable[str] = ()) -> None:
    """Has this process log to standard error from here on; call it once, before anything logs."""
    global _formatter
    chosen = JsonLines if kind == "json" else Lines
    _formatter = chosen(process, secrets, in_journal=_is_journal())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _is_journal() -> bool:
    """Whether standard error goes to the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    told = os.environ.get("JOURNAL_STREAM", "")
    try:
        here = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return told == f"{here.st_dev}:{here.st_ino}"
