"""gunicorn, started from Python with the settings of this installation: `sekisho web`.

WSGI with threads on purpose: under ASGI Django's synchronous middlewares cost eight times the requests per second.
"""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.app.base import BaseApplication

from sekisho.config import Settings
from sekisho.web import slips_memory
from sekisho.web.masking import MaskingLogger

# Two processes so that one busy hashing a password (about 0.1 s of Argon2) does not hold the other's pages; four
# threads each because a page waits for the database, not for the processor.
WORKERS = 2
THREADS = 4
# A request that takes longer than this is stuck: the database answers or fails within 2 s (web.settings).
REQUEST_DEADLINE = 30
# Method, path without the query string, status, microseconds. The query may hold a search for an address.
ACCESS_FORMAT = "%(h)s %(m)s %(U)s %(s)s %(D)s"


class _Panel(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object, configured by us instead of by its command line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Made before the fork: what one process remembers of a password's slips the other one reads.
        self.slips = slips_memory.MEMORY
        super().__init__(prog="sekisho web")

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self.settings.web.host}:{self.settings.web.port}",
            "worker_class": "gthread",
            "workers": WORKERS,
            "threads": THREADS,
            "timeout": REQUEST_DEADLINE,
            "graceful_timeout": 5,
            "logger_class": MaskingLogger,
            "accesslog": "-",
            "access_log_format": ACCESS_FORMAT,
            "errorlog": "-",
            "proc_name": "sekisho-web",
            # Bounds on what a stranger may send before Django sees it.
            "limit_request_line": 4094,
            "limit_request_fields": 60,
            # No second door into the process.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from sekisho.web.wsgi import application

        return application


def run(settings: Settings) -> int:
    """Serves the panel until SIGTERM or SIGINT; returns the exit code (1: the port is taken, or start failed)."""
    try:
        _Panel(settings).run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if code:
            logging.getLogger("sekisho.web").error("the panel's server ended with %s", code)
        return min(code, 1)
    return 0
