"""A real Chromium against a real panel: gunicorn as `sekisho web` starts it, on databases of its own with the cast.

The test process itself stays without Django: Playwright's event loop and Django's ORM do not go together.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from playwright.sync_api import Browser, Page, sync_playwright

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "stack"))

from harness import Shell, Stack  # noqa: E402

ACCOUNT_PASSWORD = "a long one for the panel 7"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
LOCALES = {"ja": "ja-JP", "en": "en-GB"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@dataclass
class Panel:
    """A running panel: its address, its databases, and a Django process to set scenes in."""

    url: str
    var: Path
    shell: Shell = field(repr=False)

    def play(self, code: str) -> Any:
        """Runs code with `casting` imported; returns what it leaves in `result`."""
        return self.shell.run(f"import casting\n{code}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _configure(var: Path, port: int) -> None:
    from sekisho.deploy.layout import Layout, Ports
    from sekisho.deploy.render import fill, stack_values, template

    # Ports 1 to 11: nothing listens there, and the panel needs none of them.
    layout = Layout(var=var, ports=Ports(*range(1, 12), port))
    for name in ("secrets", "db"):
        (var / name).mkdir()
    (var / "secrets" / "django").write_text("a key for browser tests only, and long enough")
    (var / "secrets" / "django").chmod(0o640)
    values = stack_values(layout, "mx01.provider.example", "sekisho@provider.example", "key", "nonce")
    text = fill(template("sekisho.toml"), values)
    assert f"port = {port}" in text
    (var / "sekisho.toml").write_text(text + _hoster(var))


HOSTER = "https://my.hoster.example"


def _hoster(var: Path) -> str:
    """A hoster's panel that may sign its customers in (test_single_sign_on.py); its key is in `secrets`."""
    key = ed25519.Ed25519PrivateKey.generate()
    (var / "secrets" / "hoster").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (var / "hoster.pem").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return (
        f'\n[[web.single_sign_on]]\nissuer = "{HOSTER}"\nalgorithm = "EdDSA"\n'
        f'public_key_file = "{var}/hoster.pem"\ndomains = ["hana.example"]\n'
    )


SEED = """
import sqlite3
from django.core.management import call_command
from django.db import connections
from sekisho.deploy.render import template
call_command("migrate", verbosity=0)
with sqlite3.connect(connections["site"].settings_dict["NAME"]) as site:
    site.executescript(template("postfixadmin.sql"))
casting.site()
casting.people()
casting.heartbeats()
"""


@pytest.fixture(scope="session")
def panel() -> Iterator[Panel]:
    var = Path(tempfile.mkdtemp(prefix="sk-web-"))
    port = _free_port()
    _configure(var, port)
    inherited = {k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "SEKISHO_CONFIG")}
    environment = inherited | {"SEKISHO_VAR": str(var), "PYTHONPATH": str(TESTS)}
    shell = Shell(environment)
    running = Panel(f"http://127.0.0.1:{port}", var, shell)
    running.play(SEED)
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("sekisho")), "web"],
        env=environment,
        stdout=(var / "web.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(port)
        yield running
    finally:
        server.terminate()
        server.wait(timeout=10)
        shell.close()
        shutil.rmtree(var, ignore_errors=True)


def _wait_for(port: int) -> None:
    # Three workers import Django at once: seconds on an idle machine, more than half a minute on a crowded one.
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/sign-in/")
            assert connection.getresponse().status == 200
            return
        time.sleep(0.1)
    raise AssertionError("the panel did not start")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Opener]:
    """`visit(url, language="ja", width=1280, …)`: a fresh visitor's page. At the end no page has met an error of its
    own, a breach of the content policy, or another host."""
    complaints: list[str] = []
    contexts = []

    def opened(
        url: str,
        *,
        language: str = "ja",
        width: int = 1280,
        allow: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        context = chromium.new_context(
            locale=LOCALES[language],
            timezone_id="Asia/Tokyo",
            viewport={"width": width, "height": 800},
            base_url=url,
            **options,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()

        def note(message: Any) -> None:
            if message.type in ("error", "warning") and not any(word in message.text for word in allow):
                complaints.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if not request.url.startswith((url, *also)) else None,
        )
        page.goto("/")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def sign_in(page: Page, name: str, password: str = ACCOUNT_PASSWORD) -> None:
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(password)
    page.locator("main button").click()
    page.wait_for_url("**/admin/")


MAILBOX_PASSWORD = "hanako1985-shop"


def sign_in_as_owner(page: Page, address: str, code: str = "", password: str = MAILBOX_PASSWORD) -> None:
    """Into the owner's pages; with a code also behind the second factor."""
    page.goto("/owner/sign-in/")
    page.locator("#id_address").fill(address)
    page.locator("#id_password").fill(password)
    page.locator("main button").click()
    page.wait_for_url("**/owner/")
    if code:
        page.goto("/owner/proof/")
        page.locator("#id_code").fill(code)
        page.locator("main button").first.click()
        page.wait_for_url("**/owner/")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    running = Stack()
    # Postfix and Dovecot run as users of their own and must reach their configuration.
    running.var.chmod(0o755)
    try:
        running.start()
        yield running
    finally:
        running.stop()
