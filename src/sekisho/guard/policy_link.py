"""One kept-alive HTTP connection to another auth policy server, and how a request to it looks.

One request at a time and no pipelining, as Dovecot itself does. Bounds: answer 64 KiB.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from sekisho.wire.dovecot_policy import policy_target

# weakforced's answers have under 1 KiB.
MAX_ANSWER_BYTES = 64 * 1024


class LinkError(Exception):
    """The other server broke off, said something that is no HTTP, or too much of it."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Target(NamedTuple):
    """Where the other server is and what its requests carry."""

    host: str
    port: int
    tls: bool
    # Path and query as in the setting.
    target: str
    # "Host: …" and the secret header, each with its line end.
    head: bytes

    @classmethod
    def of(cls, url: str, header: str) -> Target:
        """From Dovecot's two settings, which config has checked."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"Host: {parts.netloc}"]
        if header:
            name, _, value = header.partition(":")
            lines.append(f"{name.strip()}: {value.strip()}")
        return cls(host, parts.port or (443 if tls else 80), tls, target, "".join(f"{x}\r\n" for x in lines).encode())

    def request(self, command: str, body: bytes) -> bytes:
        """The bytes of one request, in the form in which Dovecot sends it."""
        first = f"POST {policy_target(self.target, command)} HTTP/1.1\r\n".encode()
        rest = b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: Keep-Alive\r\n\r\n" % len(body)
        return first + self.head + rest + body


class Link(asyncio.Protocol):
    """The connection; httptools calls the on_… methods while it is fed."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        # Whether it has carried an answer, and may be used again.
        self.is_used = False
        self.is_free = False

    @classmethod
    async def open(cls, target: Target) -> Link:
        """A new connection; raises OSError."""
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if target.tls else None
        _, link = await loop.create_connection(cls, target.host, target.port, ssl=context)
        return link

    async def exchange(self, request: bytes) -> Answer:
        """Sends a request and waits for its answer; raises LinkError. A wait that is broken off ends the connection."""
        if self._transport is None:
            raise LinkError("the connection is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self.is_free = False
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None
            if not self.is_free:
                self.abort()

    def abort(self) -> None:
        """Ends the connection: an answer that comes late must not be the next one's."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Compatibility: uvloop's transports are such in all but their class.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.is_free = False
        self._fail("the connection was closed")

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            # Nobody asked: whatever it is, it is no answer to the next question.
            self.is_free = False
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"malformed HTTP: {type(error).__name__}")

    def on_message_begin(self) -> None:
        self._body.clear()

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > MAX_ANSWER_BYTES:
            self._fail(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        else:
            self._body += body

    def on_message_complete(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self.is_used = True
            self.is_free = self._transport is not None and self._parser.should_keep_alive()
            self._waiting.set_result(Answer(self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LinkError(why))
