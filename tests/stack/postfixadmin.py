"""A real PostfixAdmin (Debian's package, unpacked by setup/prepare.sh) on the story's site database: PHP's own web
server on loopback, a configuration below the stack's directory. And a browser of it: HTTP with cookies, its forms."""

from __future__ import annotations

import http.cookiejar
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

from harness import Stack

from sekisho.rehearsal.outside import wait_until

# In the virtual environment: a sabotaged copy of the tree has none of its own.
PACKAGE = Path(sys.prefix) / "postfixadmin"
PORT = 8089
# Its pages come in well under a second; on two busy cores PHP compiles them anew each time.
DEADLINE_S = 30.0
# As Debian's dbconfig-common would write it, and what differs from the package's own configuration.
DATABASE = "<?php\n$dbtype = 'sqlite'; $dbserver = ''; $dbuser = ''; $dbpass = ''; $dbname = '{site}';\n"
LOCAL = "<?php\n$CONF['encrypt'] = 'php_crypt:SHA512';\n"


class PostfixAdmin:
    """One running PostfixAdmin."""

    def __init__(self, stack: Stack) -> None:
        self.home: Path = stack.var / "postfixadmin"
        self.port = PORT + stack.base
        self._site = stack.var / "db" / "site.sqlite3"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = PACKAGE / "usr/share/postfixadmin"
        assert program.exists(), "PostfixAdmin is missing: setup/prepare.sh test"
        links = shutil.ignore_patterns("config.inc.php", "config.local.php", "templates_c")
        shutil.copytree(program, self.home, ignore=links, symlinks=True)
        shutil.copy(PACKAGE / "etc/postfixadmin/config.inc.php", self.home)
        (self.home / "dbconfig.inc.php").write_text(DATABASE.format(site=self._site))
        (self.home / "config.local.php").write_text(LOCAL)
        (self.home / "templates_c").mkdir()
        log = (self.home / "server.log").open("wb")
        self._server = subprocess.Popen(
            ["php", "-d", "error_log=/dev/stderr", "-S", f"127.0.0.1:{self.port}", "-t", str(self.home / "public")],
            cwd=self.home, env=os.environ | {"PHP_CLI_SERVER_WORKERS": "2"}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        if wait_until(self._answers, 20, pause=0.3) is None:
            self.stop()
            raise AssertionError(f"PostfixAdmin does not answer: {self.log()[-2000:]}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login.php", timeout=DEADLINE_S) as answer:
                return b"fUsername" in answer.read()
        except OSError:
            return False

    def stop(self) -> None:
        if self._server:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(timeout=10)

    def log(self) -> str:
        """What PHP and PostfixAdmin wrote into the server's log."""
        return (self.home / "server.log").read_text(errors="replace")


class _Fields(HTMLParser):
    """The fields of a page's forms as they are filled in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        one = dict(attributes)
        name = one.get("name")
        if tag == "input" and name and (one.get("type") != "checkbox" or "checked" in one):
            self.found[name] = one.get("value") or ""


class Browser:
    """One person's browser at a PostfixAdmin."""

    def __init__(self, site_pages: PostfixAdmin) -> None:
        self._base = f"http://127.0.0.1:{site_pages.port}/"
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def _open(self, path: str, fields: dict[str, str] | None = None) -> tuple[str, str]:
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        with self._opener.open(self._base + path, data=data, timeout=DEADLINE_S) as answer:
            return answer.url.removeprefix(self._base), answer.read().decode("utf-8", "replace")

    def _fill(self, path: str, **values: str) -> tuple[str, str]:
        """Opens a form, writes into it, presses its button; where that led, and the page there."""
        _, page = self._open(path)
        return self._open(path, _Fields(page).found | values)

    def log_in(self, name: str, password: str, where: str = "") -> bool:
        """Whether the start page came instead of the form; `where`: "users/" is the owners' own door."""
        led, _ = self._fill(f"{where}login.php", fUsername=name, fPassword=password)
        return led.startswith(f"{where}main.php")

    def edit(self, mailbox: str, **values: str) -> None:
        """編集: the mailbox' form, with these values of it written anew."""
        path = "edit.php?" + urllib.parse.urlencode({"table": "mailbox", "edit": mailbox})
        led, page = self._fill(path, **{f"value[{name}]": value for name, value in values.items()})
        assert led.startswith("list"), page[:4000]

    def change_own_password(self, old: str, new: str) -> str:
        """An owner's own page; what it says."""
        _, page = self._fill("users/password.php", fPassword_current=old, fPassword=new, fPassword2=new)
        return page
