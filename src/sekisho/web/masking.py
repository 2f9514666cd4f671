"""The token of a link (a recovery's, a question's) stays out of every log, whoever writes the line (P7)."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from sekisho import log_lines
from sekisho.log_lines import mask

__all__ = ["MaskingFormatter", "MaskingLogger", "mask"]


class MaskingFormatter(logging.Formatter):
    """The process's own lines (sekisho.log_lines), for those who ask for a formatter by its name."""

    def format(self, record: logging.LogRecord) -> str:
        return log_lines.formatter().format(record)


class MaskingLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger: its access lines, and its own about requests it could not read."""

    def _set_handler(self, log: logging.Logger, output: Any, fmt: logging.Formatter, stream: Any = None) -> None:
        # Its `logger_class` leaves no other place.
        super()._set_handler(log, output, MaskingFormatter(), stream)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        """A line for every request but the probes that were answered well: they come each few seconds."""
        if environ.get("PATH_INFO", "").startswith("/health/") and str(resp.status).startswith("200"):
            return
        super().access(resp, req, environ, request_time)
