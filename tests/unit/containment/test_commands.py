from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from sekisho.containment import commands
from sekisho.containment.commands import PRIVILEGED_STEPS, CommandError, run

ARGV = ("postqueue", "-c", "/etc/postfix", "-j")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in `postqueue`, first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "postqueue"


def write(program: Path, body: str) -> None:
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_it_refuses_a_command_that_is_not_on_the_list() -> None:
    for argv in (
        ("sh", "-c", "true"),
        ("doveadm", "-c", "/x", "fetch", "-u", "alice", "text", "ALL"),
        ("postqueue", "-c", "/etc/postfix", "-f"),
        ("postsuper", "-c", "/etc/postfix", "-d", "ALL")[:3],
        ("postqueue", "-j"),
    ):
        with pytest.raises(ValueError, match="not a privileged step"):
            run(argv)


def test_it_gives_status_output_and_complaint(program: Path) -> None:
    write(program, "cat; echo first >&2; echo 'last \x1b[31mword' >&2; exit 3")
    result = run(ARGV, stdin=b"what was sent")
    assert (result.code, result.out) == (3, b"what was sent")
    assert result.complaint == "last ?[31mword"


def test_it_ends_a_program_that_does_not_answer(program: Path) -> None:
    write(program, f"sleep 60 & echo $! > {program.parent}/child; wait")
    began = time.monotonic()
    with pytest.raises(CommandError, match="did not answer in time"):
        run(ARGV, deadline=0.3)
    assert time.monotonic() - began < 2
    child = int((program.parent / "child").read_text())
    while time.monotonic() - began < 5 and is_alive(child):
        os.sched_yield()
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_bounds_what_a_program_may_write(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "OUTPUT_BYTES", 1000)
    write(program, "head -c 5000 /dev/zero")
    with pytest.raises(CommandError, match="wrote more than"):
        run(ARGV)


def test_it_takes_a_program_that_reads_nothing(program: Path) -> None:
    write(program, "exit 0")
    assert run(ARGV, stdin=b"x" * 1_000_000).code == 0


def test_it_says_that_a_program_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="could not be started"):
        run(ARGV)


def test_every_privileged_step_is_explained_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "privileges.md").read_text()
    page = page.partition("## What the agent may run")[2]
    listed = {tuple(found.split()) for found in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}
    assert listed == set(PRIVILEGED_STEPS)
