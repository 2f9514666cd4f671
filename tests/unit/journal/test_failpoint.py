"""A failpoint kills once, at its name, and never without being told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = "from sekisho.journal.failpoint import failpoint; failpoint('here'); print('alive')"


def run(directory: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "SEKISHO_FAILPOINTS"}
    if directory is not None:
        environment["SEKISHO_FAILPOINTS"] = str(directory)
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def test_it_kills_once_and_only_when_its_file_exists(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    assert run(tmp_path).stdout == "alive\n"
    (tmp_path / "here").touch()
    assert run(tmp_path).returncode == -signal.SIGKILL
    assert run(tmp_path).stdout == "alive\n"


def test_without_the_variable_it_is_nothing() -> None:
    assert run(None).stdout == "alive\n"
