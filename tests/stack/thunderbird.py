"""A real Thunderbird without a window, told over Marionette to set up an account: it asks for autoconfig by its own
rules, reads the answer with its own parser, and logs in with what it found. And the web server before the panel, as
docs/mail-programs.md has it for nginx: it answers for autoconfig.DOMAIN and adds the domain to the query."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sekisho.rehearsal.outside import wait_until

PROGRAM = "/usr/bin/thunderbird"
# It starts within four seconds and needs fifteen for everything; two busy cores may need several times that.
DEADLINE_S = 90.0
# AccountConfig, FetchConfig and ConfigVerifier are what Thunderbird's own account wizard is made of (153).
SET_UP = """
const [email, password, resolve] = arguments;
const module = (name) => ChromeUtils.importESModule(`resource:///modules/accountcreation/${name}.sys.mjs`)[name];
const server = (one) => ({kind: one.type, host: one.hostname, port: one.port, socket: one.socketType,
  password_login: one.auth == Ci.nsMsgAuthMethod.passwordCleartext, user: one.username});
(async () => {
  const stop = new AbortController().signal;
  const found = await module("FetchConfig").fromISP(email.split("@")[1], email, stop);
  module("AccountConfig").replaceVariables(found, "Somebody", email, password);
  const seen = {
    name: found.displayName,
    servers: [found.incoming, ...found.incomingAlternatives, found.outgoing].map(server),
  };
  await new (module("ConfigVerifier"))(null, stop).verifyConfig(found, false);
  return seen;
})().then(resolve, (error) => resolve({error: String(error.message || error)}));
"""


class WebServer(http.server.ThreadingHTTPServer):
    """Stands before the panel; `asked` are the addresses that programs asked for, as they asked."""

    daemon_threads = True

    def __init__(self, panel: int) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.panel = panel
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A program that has its answer hangs up on the others; that is no error."""


class _Forward(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: WebServer = self.server  # type: ignore[assignment]
        asked = urllib.parse.urlsplit(self.path)
        server.asked.append(f"{asked.scheme}://{asked.hostname}{asked.path}")
        domain = (asked.hostname or "").removeprefix("autoconfig.")
        url = f"http://127.0.0.1:{server.panel}{asked.path}?{asked.query}&domain={domain}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                self._answer(answer.status, answer.headers["Content-Type"], answer.read())
        except urllib.error.HTTPError as refused:
            self._answer(refused.code, "text/plain", b"")

    def do_CONNECT(self) -> None:
        """No certificate for these names here: the program goes on with http."""
        self.send_error(502)

    def _answer(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def web_server(panel: int) -> Iterator[WebServer]:
    server = WebServer(panel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Marionette:
    """Its protocol: JSON with its length before it; [0, id, command, parameters] is answered [1, id, error, result]."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self._rest = b""
        self._number = 0
        self._read()

    def call(self, command: str, **parameters: Any) -> Any:
        self._number += 1
        data = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._read()
        assert not error, error
        return result

    def _read(self) -> Any:
        while b":" not in self._rest:
            self._more()
        size, _, self._rest = self._rest.partition(b":")
        while len(self._rest) < int(size):
            self._more()
        data, self._rest = self._rest[: int(size)], self._rest[int(size) :]
        return json.loads(data)

    def _more(self) -> None:
        part = self._socket.recv(65536)
        assert part, "Thunderbird hung up"
        self._rest += part


def set_up_account(address: str, password: str, proxy: int) -> dict[str, Any]:
    """What Thunderbird found for this address, after it logged in with it; `error` where it did not get that far.

    Names in DNS lead to loopback, web requests to the proxy; Mozilla's own database of providers is out of reach.
    """
    home = Path(tempfile.mkdtemp(prefix="sk-tb-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    preferences = {
        "marionette.port": port,
        "network.dns.forceResolve": "127.0.0.1",
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": proxy,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": proxy,
        "mailnews.auto_config_url": "http://127.0.0.1:1/",
        "mail.provider.suppress_dialog_on_startup": True,
        "app.update.enabled": False,
        "toolkit.telemetry.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (home / "user.js").write_text("".join(lines))
    flags = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(home)]
    process = subprocess.Popen(
        [PROGRAM, *flags],
        env=os.environ | {"HOME": str(home)},
        stdout=(home / "output").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        return _told(process, port, address, password)
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def _told(process: subprocess.Popen[bytes], port: int, address: str, password: str) -> dict[str, Any]:
    def connected() -> _Marionette | None:
        with contextlib.suppress(OSError):
            return _Marionette(port)
        assert process.poll() is None, "Thunderbird ended"
        return None

    found: list[_Marionette] = []
    assert wait_until(lambda: found.append(one) or True if (one := connected()) else False, DEADLINE_S, pause=0.3)
    told = found[0]
    told.call("WebDriver:NewSession", capabilities={"alwaysMatch": {}})
    told.call("Marionette:SetContext", value="chrome")
    limit = int(DEADLINE_S * 1000)
    answer: dict[str, Any] = told.call(
        "WebDriver:ExecuteAsyncScript", script=SET_UP, args=[address, password], scriptTimeout=limit
    )["value"]
    return answer
