"""A real Roundcube (Debian's packages) before the story's stack: PHP's own web server on loopback, a configuration and
a database below the stack's directory, sessions in the database, the plugins `password` and ours for client addresses.
And a browser of it: HTTP with cookies, no JavaScript."""

from __future__ import annotations

import http.cookiejar
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from harness import ROOT, Stack

from sekisho.rehearsal.outside import wait_until

PROGRAM = Path("/usr/share/roundcube")
SKINS = Path("/var/lib/roundcube/skins")
PLUGIN = ROOT / "src/sekisho/deploy/templates/roundcube/sekisho_client_address"
PORT = 8088
# What docs/webmail.md tells a provider to write.
SAFE_QUERY = "UPDATE mailbox SET password=%P WHERE username=%u AND active=1"
UNSAFE_QUERY = "UPDATE mailbox SET password=%P WHERE username=%u"
# Pages of Roundcube come in well under a second; two busy cores need longer for a login that Dovecot delays.
DEADLINE_S = 30.0

CONFIGURATION = r"""<?php
$config = [];
$config['db_dsnw'] = 'sqlite:///{database}?mode=0660';
$config['session_storage'] = 'db';
$config['imap_host'] = 'localhost:{imap}';
$config['smtp_host'] = 'localhost:{submission}';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
// The client's address for Postfix, too.
$config['smtp_xclient_addr'] = true;
// The stories' browser says by X-Forwarded-For where it is, as a proxy before the web server would.
$config['proxy_whitelist'] = ['127.0.0.1'];
$config['des_key'] = '{key}';
$config['plugins'] = ['password', 'sekisho_client_address'];
$config['password_db_dsn'] = 'sqlite:///{site}?mode=0660';
$config['password_query'] = '{query}';
$config['password_algorithm'] = 'sha512-crypt';
$config['password_algorithm_prefix'] = '{{SHA512-CRYPT}}';
$config['password_minimum_length'] = 8;
$config['language'] = 'en_US';
$config['log_dir'] = '{home}/logs/';
$config['temp_dir'] = '{home}/temp/';
$config['enable_spellcheck'] = false;
$config['create_default_folders'] = true;
// A hijacker's tries must not keep the owner out for a minute each (default: 3).
$config['login_rate_limit'] = 0;
"""


class Roundcube:
    """One running webmail."""

    def __init__(self, stack: Stack) -> None:
        self.home: Path = stack.var / "roundcube"
        self.database = stack.var / "db" / "roundcube.sqlite3"
        self.port = PORT + stack.base
        self._places, self._site = stack.places, stack.var / "db" / "site.sqlite3"
        self._key = secrets.token_hex(12)
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM.exists(), "Roundcube is missing: setup/prepare.sh test"
        for name in ("config", "logs", "temp", "plugins"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for name, target in (("program", PROGRAM / "program"), ("SQL", PROGRAM / "SQL"), ("skins", SKINS)):
            (self.home / name).symlink_to(target)
        for name in ("defaults.inc.php", "mimetypes.php"):
            (self.home / "config" / name).symlink_to(Path("/etc/roundcube") / name)
        for plugin in (*(PROGRAM / "plugins").iterdir(), PLUGIN):
            (self.home / "plugins" / plugin.name).symlink_to(plugin)
        # Its first lines say which installation this is, as Debian's own copy does for /var/lib/roundcube.
        (self.home / "index.php").write_text(
            f"<?php define('INSTALL_PATH', '{self.home}/'); chdir(INSTALL_PATH);\n"
            f"set_include_path(INSTALL_PATH . PATH_SEPARATOR . get_include_path());\nrequire '{PROGRAM}/index.php';\n"
        )
        self.configure(SAFE_QUERY)
        with sqlite3.connect(self.database) as connection:
            connection.executescript((PROGRAM / "SQL" / "sqlite.initial.sql").read_text())
        log = (self.home / "server.log").open("wb")
        self._server = subprocess.Popen(
            # No opcache: it would go on with the configuration of before.
            ["php", "-d", "error_log=/dev/stderr", "-d", "opcache.enable=0", "-S", f"127.0.0.1:{self.port}",
             "-t", str(self.home)],
            cwd=self.home, env=os.environ | {"PHP_CLI_SERVER_WORKERS": "3"}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        if wait_until(self._answers, 20, pause=0.5) is None:
            self.stop()
            raise AssertionError(f"Roundcube does not answer: {self.errors()[-2000:]}")

    def configure(self, query: str) -> None:
        """Writes the configuration with this `password_query`; PHP reads it at each request."""
        text = CONFIGURATION.format(
            database=self.database, site=self._site, home=self.home, key=self._key, query=query,
            imap=self._places.imap, submission=self._places.submission,
        )  # fmt: skip
        (self.home / "config" / "config.inc.php").write_text(text)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=DEADLINE_S) as answer:
                return b"_pass" in answer.read()
        except OSError:
            return False

    def stop(self) -> None:
        if self._server:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(timeout=10)

    def sessions(self) -> int:
        """How many sessions of logged-in people are in the database."""
        import base64

        with sqlite3.connect(self.database, timeout=20) as connection:
            rows = connection.execute("SELECT vars FROM session").fetchall()
        return sum(b"username|" in base64.b64decode(text) for (text,) in rows)

    def copy_sessions(self) -> list[tuple[Any, ...]]:
        """All sessions, as they are now."""
        with sqlite3.connect(self.database, timeout=20) as connection:
            return connection.execute("SELECT sess_id, changed, ip, vars FROM session").fetchall()

    def put_back(self, sessions: list[tuple[Any, ...]]) -> None:
        """Writes them again, as a page does that was under way when they were deleted."""
        with sqlite3.connect(self.database, timeout=20) as connection:
            connection.executemany("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)", sessions)

    def errors(self) -> str:
        """What Roundcube wrote into its own log."""
        path = self.home / "logs" / "errors.log"
        return path.read_text() if path.exists() else ""


class Page(NamedTuple):
    """An answer: status and text."""

    code: int
    text: str

    @property
    def is_login(self) -> bool:
        """Whether this is the login page (or, to a script, the word that the session is over)."""
        return 'name="_pass"' in self.text or "session_error" in self.text

    @property
    def messages(self) -> list[str]:
        """What Roundcube tells the person."""
        return re.findall(r'display_message\("([^"]*)"', self.text)

    @property
    def token(self) -> str:
        """The token that every form must bring back."""
        found = re.search(r'"request_token":"([^"]+)"|name="_token" value="([^"]+)"', self.text)
        assert found, self.text[:2000]
        return found[1] or found[2]


class Browser:
    """One person's browser at a Roundcube, seen from `source`."""

    def __init__(self, webmail: Roundcube, source: str = "") -> None:
        self._base = f"http://127.0.0.1:{webmail.port}/"
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self._headers = {"X-Forwarded-For": source} if source else {}

    def get(self, **query: str) -> Page:
        return self._open(urllib.parse.urlencode(query), None)

    def post(self, fields: dict[str, str], **query: str) -> Page:
        return self._open(urllib.parse.urlencode(query), urllib.parse.urlencode(fields).encode())

    def _open(self, query: str, data: bytes | None) -> Page:
        request = urllib.request.Request(f"{self._base}?{query}", data=data, headers=self._headers)
        try:
            with self._opener.open(request, timeout=DEADLINE_S) as answer:
                return Page(answer.status, answer.read().decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.read().decode("utf-8", "replace"))

    def log_in(self, name: str, password: str) -> bool:
        """Whether the mailbox's list of messages came instead of the login page."""
        token = self.get(_task="login").token
        fields = {
            "_token": token, "_task": "login", "_action": "login", "_timezone": "Asia/Tokyo", "_url": "",
            "_user": name, "_pass": password,
        }  # fmt: skip
        return not self.post(fields, _task="login").is_login

    def click(self) -> Page:
        """The list of folders and messages."""
        return self.get(_task="mail", _mbox="INBOX")

    def send(self, sender: str, recipient: str, number: str) -> bool:
        """Writes a message as a person does: the form, then the button. Whether Roundcube says that it was sent."""
        form = self.get(_task="mail", _action="compose")
        if form.is_login:
            return False
        compose = re.search(r'name="_id" value="([^"]+)"', form.text)
        identity = re.search(r'<select name="_from"[^>]*>\s*<option value="(\d+)"', form.text)
        assert compose and identity, form.text[:3000]
        fields = {
            "_token": form.token, "_task": "mail", "_action": "send", "_id": compose[1], "_from": identity[1],
            "_to": recipient, "_subject": number, "_message": f"Good day. X-Number: {number}", "_is_html": "0",
        }  # fmt: skip
        answer = self.post(fields, _task="mail", _action="send")
        return "successfully" in answer.text

    def change_password(self, old: str, new: str) -> Page:
        """The page of the plugin `password`, then its button."""
        form = self.get(_task="settings", _action="plugin.password")
        if form.is_login:
            return form
        fields = {"_token": form.token, "_curpasswd": old, "_newpasswd": new, "_confpasswd": new}
        return self.post(fields, _task="settings", _action="plugin.password-save")
