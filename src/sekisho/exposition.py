"""What a process tells programs on its own machine over HTTP: metrics, and whether it lives and is ready.

One listener on 127.0.0.1, off unless `[metrics]` gives it a port. It answers one request after the other from a thread
of its own, with a deadline for each, so that nobody can make it hold many connections. It tells counts and ages:
never an address, a mailbox or a reason, since any program on the machine may ask.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

log = logging.getLogger("sekisho.exposition")

# A scrape's request is one small packet; whoever needs longer keeps the next one waiting.
REQUEST_SECONDS = 2.0
HOST = "127.0.0.1"
TEXT = "text/plain; version=0.0.4; charset=utf-8"

# What stands in the way of being ready, in words that say nothing about anybody: "database", "journal".
Hindrances = Callable[[], list[str]]
Families = Callable[[], Iterable[Metric]]


class _Families(Collector):
    def __init__(self, process: str, families: Families) -> None:
        self._process = process
        self._families = families

    def collect(self) -> Iterable[Metric]:
        build = InfoMetricFamily("sekisho_build", "The version that runs.", labels=["process"])
        build.add_metric([self._process], {"version": version("sekisho")})
        yield build
        yield from self._families()


class Exposition:
    """The listener of one process; `start` opens it, `stop` closes it."""

    def __init__(
        self, process: str, port: int, families: Families, is_alive: Callable[[], bool], not_ready: Hindrances
    ):
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Families(process, families))
        self._process = process
        self._is_alive = is_alive
        self._not_ready = not_ready
        self._port = port
        self._server: HTTPServer | None = None

    @property
    def port(self) -> int:
        """Where it listens; the one given, or the one the kernel chose for 0."""
        return self._server.server_port if self._server else self._port

    def start(self) -> bool:
        """Opens the listener; False when the port is taken, which is one log line and no reason not to work."""
        exposition = self

        class Handler(_Handler):
            def respond(self) -> tuple[int, str, bytes]:
                return exposition.respond(self.path)

        try:
            self._server = _Server((HOST, self._port), Handler)
        except OSError as error:
            log.error("no metrics on %s:%d: %s", HOST, self._port, error.strerror)
            return False
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        return True

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def respond(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/metrics":
                return 200, TEXT, generate_latest(self._registry)
            case "/health/live":
                return _health([] if self._is_alive() else ["main loop"])
            case "/health/ready":
                return _health(self._not_ready())
        return 404, "application/json", b"{}"


def _health(hindrances: list[str]) -> tuple[int, str, bytes]:
    body = {"status": "not ready", "waits_for": hindrances} if hindrances else {"status": "ok"}
    return 503 if hindrances else 200, "application/json", json.dumps(body).encode()


class _Server(HTTPServer):
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request for metrics failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    # socketserver sets it on the connection.
    timeout = REQUEST_SECONDS
    server_version, sys_version = "sekisho", ""

    def respond(self) -> tuple[int, str, bytes]:
        raise NotImplementedError

    def do_GET(self) -> None:
        try:
            status, kind, body = self.respond()
        except Exception:
            log.exception("metrics could not be collected")
            status, kind, body = 500, "application/json", b"{}"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:
        """Scrapes are no news."""
