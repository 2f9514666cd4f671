"""Programs that hang, exit 75, or exit 0 and do nothing, in place of the real ones of Postfix and Dovecot.

A directory first in the local stack's PATH holds a small script for each spoilt program. It asks its rules, which a
story writes and takes away, and else becomes the real program. Nothing in the product knows of it.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Fault = Literal["hangs", "exits 75", "does nothing"]

# Its own standard input is read to the end first: the agent must not be told by a broken pipe.
_ENDINGS: dict[Fault, str] = {
    "hangs": "exec sleep 600",
    "exits 75": "cat >/dev/null; echo 'a fault of the story' >&2; exit 75",
    "does nothing": "cat >/dev/null; exit 0",
}
# A token is taken by one run only: whoever removes the file has it.
_SCRIPT = """#!/bin/sh
for rule in {rules}/*; do
  [ -e "$rule/words" ] || continue
  case " $* " in *" $(cat "$rule/words") "*) ;; *) continue ;; esac
  for token in "$rule"/token*; do
    rm "$token" 2>/dev/null || continue
    echo "$*" >> "$rule/fired"
    . "$rule/ending"
  done
done
exec {program} "$@"
"""


class Rule:
    """One fault of one program."""

    def __init__(self, directory: Path, words: str) -> None:
        self._directory = directory
        self.words = words

    @property
    def fired(self) -> int:
        """How often it has struck."""
        path = self._directory / "fired"
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def is_used_up(self) -> bool:
        return not any(self._directory.glob("token*"))

    def lift(self) -> None:
        """Ends a fault that would last."""
        for token in self._directory.glob("token*"):
            token.unlink(missing_ok=True)


@contextmanager
def spoilt(programs: Path, fault: Fault, commands: dict[str, int]) -> Iterator[dict[str, Rule]]:
    """Spoils these commands ("postsuper -h -": the program and words in its arguments) so many times each."""
    rules = {}
    try:
        for number, (command, times) in enumerate(commands.items()):
            program, _, words = command.partition(" ")
            directory = programs / f"{program}.rules" / str(number)
            directory.mkdir(parents=True)
            (directory / "ending").write_text(_ENDINGS[fault] + "\n")
            for token in range(times):
                (directory / f"token{token}").touch()
            # Last: with it the rule counts.
            (directory / "words").write_text(words)
            rules[command] = Rule(directory, words)
        for program in {command.partition(" ")[0] for command in commands}:
            _install(programs, program)
        yield rules
    finally:
        for command in commands:
            program = command.partition(" ")[0]
            (programs / program).unlink(missing_ok=True)
            shutil.rmtree(programs / f"{program}.rules", ignore_errors=True)


def _install(programs: Path, program: str) -> None:
    real = shutil.which(program)
    assert real, f"{program} is not installed"
    script = _SCRIPT.format(rules=shlex.quote(str(programs / f"{program}.rules")), program=shlex.quote(real))
    new = programs / f".{program}"
    new.write_text(script)
    new.chmod(0o755)
    new.rename(programs / program)
