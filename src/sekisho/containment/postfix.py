"""The privileged steps on one Postfix instance: the barrier's LMDB maps, the queue, one parameter at a time.

Read: postmap(1), postqueue(1), postsuper(1), postcat(1), postkick(1) of Postfix 3.7. `postsuper` exits 0 whatever it
was asked (measured), so nobody here takes its status for an effect: the queue is read again instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sekisho.containment.commands import DEADLINE_S, CommandError, CompletedCommand, Runner, run
from sekisho.wire.errors import WireError
from sekisho.wire.postqueue import QueuedMessage, parse_queue

# Short ids have 6 hex digits or more, long ones (enable_long_queue_ids) up to 20; the name of a queue is no id.
QUEUE_ID = re.compile(r"[0-9A-Za-z]{6,40}")

# 100,000 messages were listed in 2 s; a queue that takes longer is a case for the operator.
QUEUE_DEADLINE_S = 20.0
# One row costs 0.6 ms (its own transaction with fsync, measured): room for 20,000 rows.
ROWS_DEADLINE_S = 15.0
# postcat's word on a message that has left meanwhile (exit status 1, as for every other trouble).
_GONE = re.compile(rb"open queue file .*: No such file or directory")
_SASL_LOGIN = re.compile(rb"^named_attribute: sasl_username=(.+)$", re.MULTILINE)


def is_queue_id(text: str) -> bool:
    """Whether a text has the form of a queue id, and so may reach a command."""
    return QUEUE_ID.fullmatch(text) is not None


class Postfix:
    """One instance, named by its absolute configuration directory (a relative one fails silently in `postfix -c`)."""

    def __init__(self, config_directory: str, runner: Runner = run) -> None:
        self._config = str(Path(config_directory).absolute())
        self._run = runner

    def _call(self, program: str, *words: str, stdin: bytes = b"", deadline: float = DEADLINE_S) -> CompletedCommand:
        return self._run((program, "-c", self._config, *words), stdin, deadline)

    def _effect(self, program: str, *words: str, stdin: bytes = b"", deadline: float = DEADLINE_S) -> CompletedCommand:
        result = self._call(program, *words, stdin=stdin, deadline=deadline)
        if result.code != 0:
            raise CommandError(f"{program}: {result.complaint}")
        return result

    # --- maps. `table` is the file without ".lmdb", as Postfix names it.

    def insert(self, table: Path, rows: Mapping[str, str]) -> None:
        """Adds or changes rows in place: running daemons see them at their next question."""
        lines = "".join(f"{key} {value}\n" for key, value in rows.items())
        self._effect("postmap", "-ri", f"lmdb:{table}", stdin=lines.encode(), deadline=ROWS_DEADLINE_S)

    def replace(self, table: Path, rows: Mapping[str, str]) -> None:
        """All rows of a map anew, in place and in one transaction: readers see the old or the new map.

        20,000 rows took 0.1 s, one by one they would have taken 12 s; an open session met them at its next command
        (measured).
        """
        try:
            table.write_text("".join(f"{key} {value}\n" for key, value in rows.items()))
            self._effect("postmap", "-r", f"lmdb:{table}", deadline=ROWS_DEADLINE_S)
        finally:
            table.unlink(missing_ok=True)

    def remove(self, table: Path, keys: Collection[str]) -> None:
        """Takes rows away in place; a key that is not there is no error."""
        result = self._call("postmap", "-d", "-", f"lmdb:{table}", stdin=_lines(keys), deadline=ROWS_DEADLINE_S)
        # Exit status 1 without a word: none of the keys was there, as after a kill behind the first removal.
        if result.code != 0 and result.err:
            raise CommandError(f"postmap: {result.complaint}")

    def look_up(self, table: Path, keys: Collection[str]) -> dict[str, str]:
        """What Postfix would find for these keys; raises CommandError when the file cannot be read."""
        result = self._call("postmap", "-q", "-", f"lmdb:{table}", stdin=_lines(keys))
        if result.err:
            # Exit status 1 also means "nothing found"; only the words tell a broken file.
            raise CommandError(f"postmap: {result.complaint}")
        return _rows(result.out)

    def all_rows(self, table: Path) -> dict[str, str]:
        """Every row of a map; raises CommandError when the file cannot be read."""
        result = self._effect("postmap", "-s", f"lmdb:{table}", deadline=ROWS_DEADLINE_S)
        return _rows(result.out)

    def reload(self) -> None:
        """Makes daemons open their maps again: one that has a replaced file open reads the old one on (measured)."""
        self._effect("postfix", "reload")

    # --- the queue

    def queue(self) -> list[QueuedMessage]:
        """The whole queue; raises CommandError when it cannot be read."""
        result = self._effect("postqueue", "-j", deadline=QUEUE_DEADLINE_S)
        try:
            return parse_queue(result.out)
        except WireError as error:
            raise CommandError(str(error)) from error

    def hold(self, queue_ids: Iterable[str]) -> None:
        self._supervise("-h", queue_ids)

    def unhold(self, queue_ids: Iterable[str]) -> None:
        """Back to the deferred queue, with the arrival time they had."""
        self._supervise("-H", queue_ids)

    def requeue(self, queue_ids: Iterable[str]) -> None:
        """Through the maps again under a new id and a new arrival time, at once instead of at pickup's next minute."""
        if self._supervise("-r", queue_ids):
            self._effect("postkick", "public", "pickup", "W")

    def purge(self, queue_ids: Iterable[str]) -> None:
        """Deletes messages for good; only what a person ordered."""
        self._supervise("-d", queue_ids)

    def _supervise(self, flag: str, queue_ids: Iterable[str]) -> bool:
        ids = [queue_id for queue_id in queue_ids if is_queue_id(queue_id)]
        if ids:
            self._effect("postsuper", flag, "-", stdin=_lines(ids), deadline=ROWS_DEADLINE_S)
        return bool(ids)

    def retry(self, queue_id: str) -> None:
        """Schedules one deferred message for delivery now; one that has left already is no error."""
        if is_queue_id(queue_id):
            self._call("postqueue", "-i", queue_id)

    def login_of(self, queue_id: str) -> str:
        """The SASL login a queue file names ("" for none, or when the message has left); raises CommandError when the
        file cannot be read."""
        if not is_queue_id(queue_id):
            return ""
        result = self._call("postcat", "-e", "-q", queue_id)
        if result.code != 0 and not _GONE.search(result.err):
            raise CommandError(f"postcat: {result.complaint}")
        found = _SASL_LOGIN.search(result.out)
        return found[1].decode("utf-8", "replace").strip() if found else ""

    def seconds(self, parameter: str) -> float:
        """A time parameter in seconds; raises CommandError when Postfix does not know it."""
        text = self._effect("postconf", "-h", parameter).out.decode("ascii", "replace").strip()
        return parse_time(text)


# postconf(5): s, m, h, d, w; without a suffix these two lifetimes count in days.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "": 86400}


def parse_time(text: str) -> float:
    """A Postfix time such as `5d` in seconds (a bare number: days, as for queue lifetimes); raises CommandError."""
    found = re.fullmatch(r"(\d+)([smhdw]?)", text)
    if not found:
        raise CommandError(f"postconf: {text[:40]!r} is not a time")
    return float(int(found[1]) * _UNITS[found[2]])


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def _rows(output: bytes) -> dict[str, str]:
    rows = (line.partition("\t") for line in output.decode("utf-8", "replace").splitlines())
    return {key: value for key, tab, value in rows if tab}
