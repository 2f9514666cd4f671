"""What the doctor says: one finding for each check."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from enum import IntEnum

import msgspec

# `postfix check` walks the queue directories; `postconf -x` and `doveconf -n` answered within 0.2 s on two busy cores.
DEADLINE_S = 15.0
# A `postconf -x` is some 60 KB. More is not a configuration.
OUTPUT_BYTES = 4 * 1024 * 1024


class Verdict(IntEnum):
    """The exit code of `sekisho doctor` is the worst one."""

    OK = 0
    WARN = 1
    FAIL = 2


class Finding(msgspec.Struct, frozen=True):
    """One check: its name, the verdict, what was seen, and a command or an edit that repairs it ("" when all is well).

    The texts are (English, Japanese).
    """

    name: str
    verdict: Verdict
    evidence: tuple[str, str]
    repair: tuple[str, str] = ("", "")


class ToolFailed(Exception):
    """A program of Postfix or Dovecot could not be asked: missing, failing or too slow."""


def ok(name: str, english: str, japanese: str) -> Finding:
    """A check that found everything as it must be."""
    return Finding(name, Verdict.OK, (english, japanese))


def worst(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict; OK for none."""
    return max((finding.verdict for finding in findings), default=Verdict.OK)


def run(argv: Sequence[str]) -> str:
    """A program's standard output; raises ToolFailed with its last words."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S, check=False,
            env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"},
        )  # fmt: skip
    except OSError as error:
        raise ToolFailed(f"{argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(f"{argv[0]} did not answer within {DEADLINE_S:.0f} s") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise ToolFailed(f"{argv[0]}: {words[-1][:300]}")
    return done.stdout[:OUTPUT_BYTES].decode(errors="replace")
