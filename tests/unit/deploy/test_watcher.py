"""The watcher ends what a killed supervisor left, and does nothing after an orderly stop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def part() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["/bin/sleep", "60"])
    yield process
    process.kill()
    process.wait()


def watch(pids: Path) -> None:
    """Runs the watcher over a pipe that ends at once, as it does when a supervisor dies."""
    subprocess.run([sys.executable, "-m", "sekisho.deploy.watcher", str(pids)], input=b"", timeout=10, check=True)


def test_it_ends_every_part_that_the_pid_file_names(tmp_path: Path, part: subprocess.Popen[bytes]) -> None:
    (tmp_path / "pids.json").write_text(json.dumps({"guard": part.pid}))
    (tmp_path / "ready").touch()
    watch(tmp_path / "pids.json")
    assert part.wait(5) == -15
    assert list(tmp_path.iterdir()) == []


def test_it_touches_nothing_when_the_supervisor_has_stopped_its_parts(tmp_path: Path) -> None:
    watch(tmp_path / "pids.json")


def test_a_part_that_is_gone_does_not_keep_it_from_the_others(tmp_path: Path, part: subprocess.Popen[bytes]) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    (tmp_path / "pids.json").write_text(json.dumps({"guard": gone.pid, "agent": part.pid}))
    watch(tmp_path / "pids.json")
    assert part.wait(5) == -15
