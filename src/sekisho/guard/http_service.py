"""HTTP/1.1 with keep-alive for Dovecot's two clients (auth policy, event exporter), parsed by httptools (llhttp).

Dovecot sends one POST after the other on a kept-alive connection, always with Content-Length; chunked bodies are
accepted too. Bounds: body 64 KiB, head 16 KiB, five seconds for a whole request. Answers are small JSON objects,
written in the order of their requests; one may come later than at once, when another server has to be asked for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

import httptools

from sekisho.guard.doors import Door, take_out

log = logging.getLogger("sekisho.guard")

# Dovecot's largest requests carry a device id and a script name: under 4 KiB seen, 64 KiB is generous.
MAX_BODY_BYTES = 64 * 1024
MAX_HEAD_BYTES = 16 * 1024
# Dovecot waits for each answer before it asks again; whoever does not is not Dovecot.
MAX_WAITING = 16

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 413: "Content Too Large"}
_REASONS[405] = "Method Not Allowed"


class Request(NamedTuple):
    method: str
    path: str
    query: str
    # The secret header's value, blanks around it removed; empty when it was not sent.
    key: bytes
    body: bytes


class Response(NamedTuple):
    status: int
    body: bytes


Serve = Callable[[Request], Response | Awaitable[Response]]


def format_response(response: Response, *, keep: bool) -> bytes:
    """The response's bytes; `keep` says whether the connection stays open."""
    head = (
        f"HTTP/1.1 {response.status} {_REASONS[response.status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(response.body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode("ascii") + response.body


class HttpConnection(asyncio.Protocol):
    """One connection; httptools calls the on_… methods while it is fed."""

    def __init__(self, door: Door, serve: Serve, neutral: Response) -> None:
        self.partial_since = 0.0
        self._door = door
        self._serve = serve
        # The answer when we fail ourselves: it lets honest people in.
        self._neutral = neutral
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        # Answers that are not there yet and those behind them, each with whether the connection stays open.
        self._waiting: deque[tuple[asyncio.Future[Response], bool]] = deque()
        self._forget_request()

    def _forget_request(self) -> None:
        self._url = b""
        self._key = b""
        self._body = bytearray()
        self._head_bytes = 0
        self._too_large = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._door.admits(transport):
            # Compatibility: uvloop's transports are such in all but their class.
            self._transport = cast(asyncio.Transport, transport)
            self._door.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._door.connections.discard(self)
        for answer, _ in self._waiting:
            answer.cancel()
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if not self.partial_since:
            self.partial_since = time.monotonic()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._door.malformed += 1
            self.end(f"malformed HTTP: {type(error).__name__}")
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._door.malformed += 1
            self.end(f"head larger than {MAX_HEAD_BYTES} bytes")

    def on_message_begin(self) -> None:
        self._forget_request()
        self.partial_since = time.monotonic()

    def on_url(self, url: bytes) -> None:
        self._head_bytes += len(url)
        if self._head_bytes <= MAX_HEAD_BYTES:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if name.lower() == b"x-sekisho-key":
            # Compatibility: Dovecot sends what follows the colon of its setting, with its leading blank.
            self._key = value.strip()

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > MAX_BODY_BYTES:
            self._too_large = True
            self._body.clear()
        elif not self._too_large:
            self._body += body

    def on_message_complete(self) -> None:
        transport = self._transport
        if transport is None:
            return
        self.partial_since = 0.0
        keep = self._parser.should_keep_alive() and not self._too_large
        answer = self._respond()
        if isinstance(answer, Response) and not self._waiting:
            self._write(transport, answer, keep)
        elif len(self._waiting) >= MAX_WAITING:
            self._door.malformed += 1
            self.end(f"more than {MAX_WAITING} requests at once")
        else:
            later = asyncio.ensure_future(_at_once(answer) if isinstance(answer, Response) else answer)
            self._waiting.append((later, keep))
            later.add_done_callback(self._write_waiting)

    def _write(self, transport: asyncio.Transport, answer: Response, keep: bool) -> None:
        transport.write(format_response(answer, keep=keep))
        if not keep:
            self._transport = None
            transport.close()

    def _write_waiting(self, _: asyncio.Future[Response]) -> None:
        """Writes what is there now, in the order in which it was asked for."""
        while self._waiting and self._waiting[0][0].done():
            later, keep = self._waiting.popleft()
            if later.cancelled() or self._transport is None:
                continue
            error = later.exception()
            if error is not None:
                log.error("%s: a request could not be judged", self._door.name, exc_info=error)
            # Robustness: as in _respond.
            self._write(self._transport, self._neutral if error is not None else later.result(), keep)

    def _respond(self) -> Response | Awaitable[Response]:
        if self._too_large:
            self._door.malformed += 1
            log.warning("%s: body larger than %d bytes", self._door.name, MAX_BODY_BYTES)
            return Response(413, b"{}")
        try:
            url = httptools.parse_url(self._url)
            path, query = url.path.decode("ascii"), (url.query or b"").decode("ascii")
            method = self._parser.get_method().decode("ascii")
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError):
            self._door.malformed += 1
            log.warning("%s: impossible address %s", self._door.name, ascii(self._url)[:200])
            return Response(400, b"{}")
        try:
            return self._serve(Request(method, path, query, self._key, bytes(self._body)))
        except Exception:
            # Robustness: our bug must not lock honest people out (DESIGN P6); suspensions stand in the barrier.
            log.exception("%s: a request could not be judged", self._door.name)
            return self._neutral

    def end(self, why: str) -> None:
        """Closes without a reply, with one log line."""
        if self._transport is None:
            return
        log.warning("%s: disconnected: %s", self._door.name, ascii(why)[:200])
        transport, self._transport = self._transport, None
        self.partial_since = 0.0
        transport.abort()

    def close(self) -> None:
        """Closes between two requests, because the guard ends."""
        if self._transport is not None:
            self._transport.close()

    def release(self) -> int | None:
        """The connection's descriptor for our successor, and it is no longer ours; None in the middle of a request."""
        if self.partial_since or self._waiting:
            return None
        descriptor = take_out(self._transport)
        if descriptor is not None:
            self._transport = None
            self._door.connections.discard(self)
        return descriptor


async def _at_once(answer: Response) -> Response:
    return answer
