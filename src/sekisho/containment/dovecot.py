"""The privileged steps on Dovecot, by doveadm(1) of 2.3.19 and 2.4.1: names go behind `--`, secrets on standard input.

Exit statuses used: 0; 67 (EX_NOUSER) no such user; 68 (EX_NOHOST) nobody to kick (in 2.4 that is 0, and said), or no
such script; 77 (EX_NOPERM) wrong password; 75 a temporary failure.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from sekisho.containment.commands import DEADLINE_S, CommandError, CompletedCommand, Runner, run

NO_SUCH_USER = 67
NOT_FOUND = 68
REFUSED = 77

# A refused login waits auth_failure_delay (2 s by default), a penalty or slow policy adds to it.
LOGIN_DEADLINE_S = 12.0


class NoSuchMailbox(Exception):
    """Dovecot's user database does not know (or hides) this mailbox."""


class Scripts(NamedTuple):
    """A mailbox's Sieve scripts and which of them is active ("" for none)."""

    names: tuple[str, ...]
    active: str


class Dovecot:
    """One instance, named by its configuration file."""

    def __init__(self, config_file: str, runner: Runner = run) -> None:
        self._config = str(Path(config_file).absolute())
        self._run = runner

    def _call(self, *words: str, stdin: bytes = b"", deadline: float = DEADLINE_S) -> CompletedCommand:
        return self._run(("doveadm", "-c", self._config, *words), stdin, deadline)

    def flush_auth_cache(self, names: Collection[str]) -> None:
        """Forgets cached answers, good and bad, for these login names."""
        result = self._call("auth", "cache", "flush", "--", *names)
        # It says how many there were, be it 0; without that word nobody was asked.
        if result.code != 0 or b"flushed" not in result.out:
            raise CommandError(f"doveadm auth cache flush: {result.complaint}")

    def kick(self, name: str) -> bool:
        """Ends all sessions of a login name; False when there were none."""
        result = self._call("kick", "--", _exact(name))
        if result.code not in (0, NOT_FOUND):
            raise CommandError(f"doveadm kick: {result.complaint}")
        # Compatibility: Dovecot 2.4 exits 0 and says "0 connections kicked".
        return result.code == 0 and not result.out.startswith(b"0 ")

    def sessions(self, name: str) -> int:
        """How many sessions a login name has now, over IMAP, POP3 and ManageSieve."""
        return sum(int(row[1]) if len(row) > 1 and row[1].isdigit() else 1 for row in self._who(name))

    def session_processes(self, name: str) -> frozenset[int]:
        """The ids of the processes that serve a login name's sessions now (one session each by default)."""
        return frozenset(int(pid) for row in self._who(name) if len(row) > 3 for pid in re.findall(r"\d+", row[3]))

    def _who(self, name: str) -> list[list[str]]:
        """Rows of user, number of sessions, protocol, (processes), (addresses)."""
        result = self._call("-f", "tab", "who", "--", _exact(name))
        if result.code != 0:
            raise CommandError(f"doveadm who: {result.complaint}")
        return [line.split("\t") for line in result.out.decode("utf-8", "replace").splitlines()[1:]]

    def lets_in(self, name: str, service: str, secret: str) -> bool:
        """Whether this name and secret would be let in at a door; raises CommandError when it cannot be told."""
        result = self._call(
            "auth", "test", "-x", f"service={service}", "--", name,
            stdin=secret.encode() + b"\n", deadline=LOGIN_DEADLINE_S,
        )  # fmt: skip
        if result.code not in (0, REFUSED):
            raise CommandError(f"doveadm auth test: {result.complaint}")
        return result.code == 0

    def userdb(self, name: str, service: str = "") -> dict[str, str]:
        """What the user database answers a service about a name (without one: doveadm), as field -> value.

        Raises NoSuchMailbox, or CommandError when it cannot be told (a name that is deferred, too).
        """
        asked = ("-x", f"service={service}") if service else ()
        result = self._call("user", *asked, "--", _exact(name))
        if result.code == NO_SUCH_USER:
            raise NoSuchMailbox(name)
        if result.code != 0:
            raise CommandError(f"doveadm user: {result.complaint}")
        rows = (line.partition("\t") for line in result.out.decode("utf-8", "replace").splitlines()[1:])
        return {field: value for field, tab, value in rows if tab}

    # --- Sieve

    def scripts(self, mailbox: str) -> Scripts:
        """The mailbox's scripts; raises NoSuchMailbox."""
        result = self._call("-f", "tab", "sieve", "list", "-u", mailbox)
        if result.code == NO_SUCH_USER:
            raise NoSuchMailbox(mailbox)
        if result.code != 0:
            raise CommandError(f"doveadm sieve list: {result.complaint}")
        rows = [line.partition("\t") for line in result.out.decode("utf-8", "replace").splitlines()[1:]]
        active = [name for name, _, mark in rows if mark.strip() == "ACTIVE"]
        return Scripts(tuple(name for name, _, _ in rows), active[0] if active else "")

    def script_text(self, mailbox: str, script: str) -> str:
        """A script's text, "" when there is none of that name; raises NoSuchMailbox."""
        result = self._call("sieve", "get", "-u", mailbox, "--", script)
        if result.code == NO_SUCH_USER:
            raise NoSuchMailbox(mailbox)
        if result.code == NOT_FOUND:
            return ""
        if result.code != 0:
            raise CommandError(f"doveadm sieve get: {result.complaint}")
        # doveadm writes the field's title on a line of its own first.
        return result.out.decode("utf-8", "replace").removeprefix("sieve script:\n")

    def deactivate_script(self, mailbox: str) -> None:
        self._script_effect("deactivate", mailbox)

    def activate_script(self, mailbox: str, script: str) -> None:
        self._script_effect("activate", mailbox, "--", script)

    def delete_script(self, mailbox: str, script: str) -> None:
        """Deletes an inactive script; one that is not there is no error. Raises NoSuchMailbox."""
        result = self._call("sieve", "delete", "-u", mailbox, "--", script)
        if result.code == NO_SUCH_USER:
            raise NoSuchMailbox(mailbox)
        if result.code not in (0, NOT_FOUND):
            raise CommandError(f"doveadm sieve delete: {result.complaint}")

    def compile_script(self, path: Path) -> None:
        """Compiles a script that the mail server runs but may not write beside."""
        result = self._run(("sievec", "-c", self._config, str(path)), b"", DEADLINE_S)
        if result.code != 0:
            raise CommandError(f"sievec: {result.complaint}")
        path.with_suffix(".svbin").chmod(0o644)

    def _script_effect(self, verb: str, mailbox: str, *words: str) -> None:
        result = self._call("sieve", verb, "-u", mailbox, *words)
        if result.code == NO_SUCH_USER:
            raise NoSuchMailbox(mailbox)
        if result.code != 0:
            raise CommandError(f"doveadm sieve {verb}: {result.complaint}")


def _exact(name: str) -> str:
    """The name, fit for a command that takes masks; raises CommandError for one that would match others too."""
    if any(c in name for c in "*?"):
        raise CommandError("the login name holds * or ?, which doveadm takes for a mask")
    return name
