"""ManageSieve as a mail program speaks it (RFC 5804), as far as planting a script needs it.

Supported: greeting, XCLIENT (Dovecot's own, trusted in the local stack only), AUTHENTICATE PLAIN, PUTSCRIPT, SETACTIVE,
LISTSCRIPTS. Not supported: TLS, SASL exchanges of more than one step, literals from the server other than in a reply's
text.
"""

from __future__ import annotations

import base64
import re
import socket

from sekisho.rehearsal.clients import DEADLINE, LoginAnswer

# A reply line longer than this is no ManageSieve (RFC 5804 §1.8 asks clients for at least 1024).
_LINE_BYTES = 8192


class SieveSession:
    """One ManageSieve connection; opening it raises OSError when nobody listens."""

    def __init__(self, port: int, *, client_address: str = "", deadline: float = DEADLINE) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=deadline)
        self._file = self._socket.makefile("rb")
        self._reply()
        if client_address:
            self._command(b"XCLIENT ADDR=%s" % client_address.encode())

    def login(self, name: str, password: str) -> LoginAnswer:
        secret = base64.b64encode(f"\0{name}\0{password}".encode())
        return self._command(b'AUTHENTICATE "PLAIN" "%s"' % secret)

    def put_script(self, name: str, script: str) -> LoginAnswer:
        """Stores a script; it does nothing until it is active."""
        data = script.encode()
        return self._command(b'PUTSCRIPT "%s" {%d+}\r\n%s' % (name.encode(), len(data), data))

    def set_active(self, name: str) -> LoginAnswer:
        """Makes the named script the one that runs; "" leaves none active."""
        return self._command(b'SETACTIVE "%s"' % name.encode())

    def scripts(self) -> dict[str, bool]:
        """The names of the stored scripts, and which of them is active."""
        self._write(b"LISTSCRIPTS")
        lines, _ = self._lines()
        found = (re.match(rb'"((?:[^"\\]|\\.)*)"( ACTIVE)?', line) for line in lines)
        return {match.group(1).decode(): bool(match.group(2)) for match in found if match}

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _command(self, line: bytes) -> LoginAnswer:
        try:
            self._write(line)
            return self._reply()
        except OSError as error:
            return LoginAnswer(False, f"connection ended: {error}")

    def _write(self, line: bytes) -> None:
        self._socket.sendall(line + b"\r\n")

    def _reply(self) -> LoginAnswer:
        return self._lines()[1]

    def _lines(self) -> tuple[list[bytes], LoginAnswer]:
        lines: list[bytes] = []
        while True:
            line = self._file.readline(_LINE_BYTES).rstrip(b"\r\n")
            word = line.partition(b" ")[0].upper()
            if word in (b"OK", b"NO", b"BYE", b""):
                return lines, LoginAnswer(word == b"OK", line.decode("utf-8", "replace") or "connection ended")
            lines.append(line)
