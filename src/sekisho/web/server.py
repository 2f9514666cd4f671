"""gunicorn, started from Python with the settings of this installation: `sekisho web`.

WSGI with threads on purpose: under ASGI Django's synchronous middlewares cost eight times the requests per second.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from gunicorn.app.base import BaseApplication

from sekisho import service
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


# How often the panel asks itself whether it answers, and how long an answer may take.
WATCH_SECONDS = 20.0
WATCH_PATIENCE = 10.0


class Watch(threading.Thread):
    """Asks the panel by its own door, in the process that keeps the others, and tells systemd while it answers.

    gunicorn ends a worker that hangs in one request; this sees what it does not: no worker takes requests at all.
    """

    def __init__(self, address: tuple[str, int], limit: float | None) -> None:
        super().__init__(name="watch", daemon=True)
        self._address = address
        self._is_watched = limit is not None
        self._pause = min(WATCH_SECONDS, (limit or WATCH_SECONDS * 3) / 3)
        self.answers = True
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._pause):
            self.answers = self._ask()
            if self.answers and self._is_watched:
                service.notify("WATCHDOG=1")

    def _ask(self) -> bool:
        connection = HTTPConnection(*self._address, timeout=WATCH_PATIENCE)
        try:
            connection.request("GET", "/health/live", headers={"User-Agent": "sekisho-watch"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> None:
        self._ended.set()


class _Panel(BaseApplication):  # type: ignore[misc]
    """gunicorn's application object, configured by us instead of by its command line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Made before the fork: what one process remembers of a password's slips the other one reads.
        self.slips = slips_memory.MEMORY
        self.watch: Watch | None = None
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
            "when_ready": self._begin_watch,
            # No second door into the process.
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def _begin_watch(self, arbiter: Any) -> None:
        host, port = arbiter.LISTENERS[0].getsockname()[:2]
        self.watch = Watch(("127.0.0.1" if host == "0.0.0.0" else host, port), service.watchdog_seconds())  # noqa: S104
        self.watch.start()

    def load(self) -> Any:
        from sekisho.web.wsgi import application

        return application


@contextmanager
def _metrics(panel: _Panel) -> Iterator[None]:
    """Has all processes of the panel count into one directory, and tells the sums on the port of `metrics.web_port`."""
    port = panel.settings.metrics.web_port
    if not port:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="sekisho-metrics-") as directory:
        # Read when prometheus_client is imported: not before here in this process.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        from sekisho.exposition import Exposition

        sums = MultiProcessCollector(CollectorRegistry(), directory)  # type: ignore[no-untyped-call]
        exposition = Exposition("web", port, sums.collect, lambda: True, lambda: _not_ready(panel.watch))
        panel.cfg.set("child_exit", lambda arbiter, worker: mark_process_dead(worker.pid))  # type: ignore[no-untyped-call]
        exposition.start()
        try:
            yield
        finally:
            exposition.stop()


def _not_ready(watch: Watch | None) -> list[str]:
    return [] if watch is not None and watch.answers else ["panel"]


def run(settings: Settings) -> int:
    """Serves the panel until SIGTERM or SIGINT; returns the exit code (1: the port is taken, or start failed)."""
    panel = _Panel(settings)
    try:
        with _metrics(panel):
            panel.run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        if code:
            logging.getLogger("sekisho.web").error("the panel's server ended with %s", code)
        return min(code, 1)
    return 0
