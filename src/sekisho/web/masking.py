"""The token of a link (a recovery's, a question's) stays out of every log, whoever writes the line (P7)."""

from __future__ import annotations

import logging
import re
from typing import Any

from gunicorn.glogging import Logger

# The paths of web.urls' "recover_link", "owner_invitation" and "question"; what follows is the token, whole or cut off.
_TOKEN = re.compile(r"(/recover/link/|/owner/invitation/|/question/)[^/\s\"'?]+")


def mask(text: str) -> str:
    """The text with "…" in place of a token."""
    return _TOKEN.sub(r"\1…", text)


class MaskingFormatter(logging.Formatter):
    """Masks the finished line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class MaskingLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger: its access lines, and its own about requests it could not read."""

    def _set_handler(self, log: logging.Logger, output: Any, fmt: logging.Formatter, stream: Any = None) -> None:
        # Its `logger_class` leaves no other place; the private attribute is how a Formatter keeps its format.
        super()._set_handler(log, output, MaskingFormatter(fmt._fmt, fmt.datefmt), stream)
