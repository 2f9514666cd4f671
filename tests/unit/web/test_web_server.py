"""The panel's server as a service manager starts it: a handed socket, signs of life, counts of all its processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import testing_settings

# The socket stands at 3, the process knows that it is meant.
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "sekisho.cli", "web"])
"""
# Three seconds without a sign would be the end; the panel is to tell each second.
WATCHDOG_S = 3


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[tuple[int, int, socket.socket]]:
    """Port of the panel, port of its metrics, and what it tells the service manager."""
    metrics = free_port()
    configuration = tmp_path / "sekisho.toml"
    # A database of its own, with all tables: the panel does not start on others (docs/upgrade.md).
    text = (testing_settings.VAR / "sekisho.toml").read_text().replace(f"{testing_settings.VAR}/db/", f"{tmp_path}/")
    configuration.write_text(f"{text}\n[metrics]\nweb_port = {metrics}\n")
    own = os.environ | {"SEKISHO_CONFIG": str(configuration), "DJANGO_SETTINGS_MODULE": "sekisho.web.settings"}
    subprocess.run(
        [sys.executable, "-m", "sekisho.cli", "migrate"], env=own, check=True, capture_output=True, timeout=120
    )
    with socket.create_server(("127.0.0.1", 0)) as handed, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(tmp_path / "notify"))
        ears.settimeout(60)
        told = {
            "SEKISHO_CONFIG": str(configuration), "NOTIFY_SOCKET": str(tmp_path / "notify"), "LISTEN_FDS": "1",
            "LISTEN_FDNAMES": "panel", "DJANGO_SETTINGS_MODULE": "sekisho.web.settings",
            "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000),
        }  # fmt: skip
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", START, str(handed.fileno())], env=os.environ | told, stderr=log,
                pass_fds=[handed.fileno()],
            )  # fmt: skip
        try:
            yield handed.getsockname()[1], metrics, ears
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (tmp_path / "log").read_text()


def test_it_serves_on_the_socket_it_was_given_and_says_that_it_lives(
    panel: tuple[int, int, socket.socket],
) -> None:
    port, metrics, ears = panel
    assert "READY=1" in ears.recv(1000).decode()
    # Asked of itself by its own door: only an answer makes it say so.
    assert ears.recv(1000) == b"WATCHDOG=1"
    for _ in range(8):
        assert '"ok"' in get(port, "/health/live")
    deadline, counted = time.monotonic() + 20, 0.0
    while counted < 9 and time.monotonic() < deadline:
        # Of both processes together: eight of ours, and its own look at least.
        found = re.search(r'sekisho_web_requests_total\{status="2xx"\} ([\d.]+)', get(metrics, "/metrics"))
        counted = float(found.group(1)) if found else 0.0
    assert counted >= 9
    assert '"ok"' in get(metrics, "/health/ready")
