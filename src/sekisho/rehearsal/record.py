"""Our own record as an operator asks for it: the `sekisho` command with --json, to be compared with the count outside.

Going through the command and not the tables checks what people are shown.
"""

from __future__ import annotations

import subprocess
from typing import Any

import msgspec

from sekisho.rehearsal.places import sekisho_command

# A verb starts Python and Django (about 1 s here); reinstating waits for the agent's steps on top.
_VERB_SECONDS = 90.0


class CommandFailed(Exception):
    """A `sekisho` verb ended with a code other than 0; the text is its own."""


def run_verb(*arguments: str, given: str = "") -> bytes:
    """Standard output of one `sekisho` verb, `given` on its standard input; raises CommandFailed."""
    try:
        done = subprocess.run(
            [sekisho_command(), *arguments],
            input=given.encode(),
            capture_output=True,
            timeout=_VERB_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"sekisho {' '.join(arguments)}: no end within {_VERB_SECONDS:.0f} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise CommandFailed(f"sekisho {' '.join(arguments)}: exit code {done.returncode}: {said}")
    return done.stdout


def ask(*arguments: str) -> Any:
    """The JSON a verb prints with --json; raises CommandFailed."""
    return msgspec.json.decode(run_verb(*arguments, "--json"))


def mailbox_status(mailbox: str) -> str:
    """The status the record gives a mailbox: active, restricted, suspended or probation."""
    return str(ask("mailbox", "show", mailbox)["status"])
