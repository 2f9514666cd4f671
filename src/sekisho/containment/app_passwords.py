"""The file of app passwords that Dovecot reads behind `deny` (docs/decisions: app passwords are rows of a passwd-file).

A line for each door and login name, found by 12 bits of the password's SHA-256 and compared by all of it:

    imap/alice@ours.test/0111:{SHA256.HEX}111b…::::::user=alice@ours.test sekisho_app=7

What stands in it is a function of the record as last fetched and of the ledger: a suspended mailbox has no line,
whatever the record says, and rows fetched before a mailbox was opened again do not count for it. With the databases
away the file stays as it is, but for what is suspended.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from sekisho.containment.barrier import is_plain
from sekisho.containment.ledger import Ledger
from sekisho.containment.messages import AppPasswordRow, AppPasswordsRead
from sekisho.containment.passwd_file import PasswdFile

NAME = "app-passwords"
_LINE = re.compile(r"[a-z0-9]+/(?P<login>[^:]+)/[0-9a-f]{4}:.*:user=(?P<mailbox>\S+) sekisho_app=[0-9]+")


class AppPasswordFile:
    """Thread-safe; only this process writes the file."""

    def __init__(self, directory: Path, ledger: Ledger, forms_of: Callable[[str], Sequence[str]]) -> None:
        # For Dovecot's authentication process only: the hashes are of no use, but nobody else needs them.
        self._file = PasswdFile(directory / NAME, mode=0o640, group="dovecot")
        self._ledger = ledger
        # All login names of a mailbox, itself first.
        self._forms_of = forms_of
        # As the record had them last; None: not fetched since the start.
        self._rows: tuple[AppPasswordRow, ...] | None = None
        self._read_at = 0.0
        self._lock = threading.RLock()
        # What the last `write` was made from, and the file it left.
        self._written: tuple[object, ...] = ()

    def ensure(self) -> None:
        """Makes an empty file where there is none: Dovecot answers wrong passwords with a temporary failure then."""
        if not self._file.path.exists():
            self._file.replace(())

    def take(self, read: AppPasswordsRead) -> None:
        """Takes the record's word unless a later one is known; `write` or `keep` puts it into the file."""
        with self._lock:
            # A step asks for itself: what the main loop fetched before must not bring back what was revoked since.
            if self._rows is None or read.read_at >= self._read_at:
                self._rows, self._read_at = read.rows, read.read_at

    def write(self) -> bool:
        """Brings the file to what it must be; whether it was something else. Raises OSError."""
        with self._lock:
            wanted = self._wanted()
            changed = wanted != self._present() or not self._file.path.exists()
            if changed:
                self._file.replace(wanted)
            self._written = self._causes()
            return changed

    def keep(self) -> bool:
        """As `write`, but looks no further where nothing has changed since (one stat)."""
        with self._lock:
            return self._causes() != self._written and self.write()

    def standing(self, mailbox: str) -> list[str]:
        """The mailbox's lines, read back; raises OSError."""
        return [line for line in self._present() if _belongs(line, {mailbox}, self._forms_of(mailbox))]

    def wanted(self, mailbox: str) -> list[str]:
        """The lines this mailbox must have; those it has, while the record was not fetched."""
        with self._lock:
            return [line for line in self._wanted() if _belongs(line, {mailbox}, self._forms_of(mailbox))]

    def _present(self) -> list[str]:
        try:
            return self._file.lines()
        except FileNotFoundError:
            return []

    def _shut(self) -> set[str]:
        return {entry.mailbox for entry in self._ledger.entries() if entry.status == "suspended"}

    def _wanted(self) -> list[str]:
        shut = self._shut()
        if self._rows is None:
            names = {name for mailbox in shut for name in self._forms_of(mailbox)}
            return [line for line in self._present() if not _belongs(line, shut, names)]
        return [line for row in self._rows if self._counts(row, shut) for line in self._lines(row)]

    def _counts(self, row: AppPasswordRow, shut: Collection[str]) -> bool:
        return row.mailbox not in shut and not self._ledger.is_history(row.mailbox, row.generation)

    def _lines(self, row: AppPasswordRow) -> Iterator[str]:
        for name in filter(is_plain, self._forms_of(row.mailbox)):
            for service in row.scope:
                yield (
                    f"{service}/{name}/{row.selector}:{{SHA256.HEX}}{row.verifier}"
                    f"::::::user={row.mailbox} sekisho_app={row.id}"
                )

    def _causes(self) -> tuple[object, ...]:
        try:
            status = self._file.path.stat()
        except OSError:
            return ()
        stamp = status.st_ino, status.st_size, status.st_mtime_ns
        return self._rows, frozenset(self._shut()), stamp


def _belongs(line: str, mailboxes: Collection[str], names: Collection[str]) -> bool:
    """Whether a line opens one of these mailboxes; one that is not ours opens none that we know of."""
    match = _LINE.fullmatch(line)
    return match is not None and (match["mailbox"] in mailboxes or match["login"] in names)
