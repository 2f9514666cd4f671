"""The barrier (DESIGN §5): plain files that Postfix and Dovecot read themselves, written by this process only.

Four LMDB maps for Postfix, changed in place so that open sessions meet a new row at their next command; two
passwd-files for Dovecot, replaced by rename. The wanted content is a function of the ledger. Rows nobody can explain
stay and raise an alarm; a row falls only through `lower`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from sekisho.config import Settings, settings
from sekisho.containment.commands import CommandError, Runner, run
from sekisho.containment.ledger import Entry, Ledger
from sekisho.containment.passwd_file import PasswdFile
from sekisho.containment.postfix import Postfix
from sekisho.wire import replies

log = logging.getLogger(__name__)

# The order of raising: first what lets a hijacker act, then what protects the mailbox's mail.
MAPS = ("sasl", "rcpt", "identity", "transport")
PASSWD_FILES = ("deny", "lmtp")
FILES = ("sasl", "deny", "rcpt", "identity", "transport", "lmtp")

# A row of ours in every map: a file without it is broken or not ours. RFC 6761: .invalid is nobody's.
SENTINEL = "barrier@sekisho.invalid"
_SENTINEL_VALUES = {"sasl": "DUNNO", "rcpt": "DUNNO", "identity": SENTINEL, "transport": "retry:4.2.1 sentinel"}

# More rows than this are written as a whole map in one transaction instead of one transaction each (0.6 ms on an idle
# host, 4 ms on a busy one).
MOST_SINGLE_ROWS = 20

# What LMTP gets for mail already in flight: a temporary failure (451). The numbers are never used.
_LMTP_FIELDS = "::5000:5000::/nonexistent::userdb_tempfail=suspended"

# Personal Sieve is off with an empty location (measured, Pigeonhole 0.5.19); the site's own scripts still run. In 2.4
# a personal script has whatever name the site gives it, so there all Sieve is off (measured, 2.4.1).
_NO_SCRIPTS = "userdb_sieve="
_NO_SCRIPTS_24 = "userdb_sieve_enabled=no"
# The first setting of every configuration of Dovecot 2.4, and of none before.
_IS_24 = re.compile(r"^\s*dovecot_config_version\s*=", re.MULTILINE).search
# A passwd-file's own columns; everything else is an extra field.
_COLUMNS = ("uid", "gid", "home")

# file -> key -> value; the value of a passwd-file's key is the rest of its line.
Rows = dict[str, dict[str, str]]


class BarrierError(Exception):
    """Some files could not be brought to the wanted content; the text names them. Tried again."""


class Findings(NamedTuple):
    """What a look at the files found. Everything but `unexplained` has been put right."""

    # Files that were missing, unreadable or replaced by somebody else, and hold what they should again.
    rebuilt: list[str]
    # Rows that were missing or altered, "file: key".
    restored: list[str]
    # Rows that no ledger entry explains, "file: key": an alarm, never removed.
    unexplained: list[str]


def is_plain(name: str) -> bool:
    """Whether a name can be a key of every file: printable, without blank, colon or quote, not like a comment."""
    return name.isprintable() and bool(name) and not any(c in name for c in ' :"\\') and name[0] != "#"


def rows_of(entry: Entry) -> Rows:
    """The rows one entry asks for; none when it is released or restricted with a limit above 0 (the guard's work)."""
    rows: Rows = {file: {} for file in FILES}
    logins = [name for name in entry.login_names if is_plain(name)]
    addresses = [name for name in entry.addresses if is_plain(name)]
    if entry.status == "suspended":
        rows["sasl"] = dict.fromkeys(logins, replies.SUBMISSION_SUSPENDED)
        rows["deny"] = dict.fromkeys(logins, "")
        rows["rcpt"] = dict.fromkeys(addresses, replies.inbound_suspended(settings().inbound_text))
        rows["identity"] = dict.fromkeys(addresses, entry.mailbox)
        # The real address only: identity expands every form to it. A row for a form would live on in smtpd's memory of
        # resolved addresses, which has no expiry, and refuse mail to it after the release (measured: 92 s).
        rows["transport"] = {a: f"retry:{replies.QUEUE_SUSPENDED}" for a in addresses if a == entry.mailbox}
        rows["lmtp"] = {f"lmtp/{address}": _LMTP_FIELDS for address in addresses}
        if entry.accepts:
            rows |= _accepting_rows(entry, addresses)
    elif entry.status == "restricted" and entry.limit == 0:
        rows["sasl"] = dict.fromkeys(logins, replies.SUBMISSION_STOPPED)
    return rows


def _accepting_rows(entry: Entry, addresses: list[str]) -> Rows:
    """What is different in a rescue: no 450, a delivery agent that bounces nothing, Dovecot without personal Sieve."""
    home = entry.home
    rest = [f"userdb_{name}={value}" for name, value in home.items() if name not in _COLUMNS]
    extra = [no_scripts(Path(settings().dovecot.config_file)), *rest]
    fields = f"::{home['uid']}:{home['gid']}::{home['home']}::{' '.join(extra)}"
    transport = {a: settings().postfix.rescue_transport for a in addresses if a == entry.mailbox}
    # A form of the address that was expanded before the trip is delivered under the mailbox's own name.
    lmtp = {f"lmtp/{a}": fields if a == entry.mailbox else f"{fields} userdb_user={entry.mailbox}" for a in addresses}
    return {"rcpt": {}, "transport": transport, "lmtp": lmtp}


def no_scripts(config_file: Path) -> str:
    """The userdb field that keeps a mailbox's own Sieve from running, in the words of the Dovecot that is there."""
    try:
        is_24 = _IS_24(config_file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        is_24 = None
    return _NO_SCRIPTS_24 if is_24 else _NO_SCRIPTS


def rows_to_lower(entry: Entry) -> Rows:
    """Every row an entry can have asked for, whatever its status is now."""
    rows = rows_of(msgspec.structs.replace(entry, status="suspended", accepts=False))
    # Also what an older agent, or a hand, wrote for the other forms of the address.
    rows["transport"] = dict.fromkeys(rows["rcpt"], f"retry:{replies.QUEUE_SUSPENDED}")
    return rows


def wanted_rows(entries: Iterable[Entry]) -> Rows:
    """The barrier as these entries ask for it; a suspension outdoes a restriction of the same mailbox."""
    wanted: Rows = {file: {} for file in FILES}
    for entry in sorted(entries, key=lambda e: e.status == "suspended"):
        for file, rows in rows_of(entry).items():
            wanted[file].update(rows)
    return wanted


def _line(key: str, value: str) -> str:
    return f"{key}:{value}" if not value.startswith(":") else key + value


def _parse_line(line: str) -> tuple[str, str]:
    key, _, rest = line.partition(":")
    return key, f":{rest}" if rest else ""


class Barrier:
    """The files, and what is known to stand in them. Thread-safe: one change at a time."""

    def __init__(self, directory: Path, postfix: Postfix) -> None:
        self._directory = directory
        self._postfix = postfix
        self._passwd = {name: PasswdFile(directory / name) for name in PASSWD_FILES}
        self.lock = threading.RLock()
        # What was read or written last; None: not known.
        self._rows: dict[str, dict[str, str] | None] = dict.fromkeys(FILES)
        self._stamps: dict[str, tuple[int, int, int]] = {}

    # --- changing

    def raise_rows(self, wanted: Rows) -> None:
        """Adds every wanted row not known to stand; tries all files; raises BarrierError naming the failures."""
        self._each_file(lambda file: self._add(file, wanted[file]), "could not be written")

    def verify(self, wanted: Rows) -> None:
        """Reads the rows back as Postfix and Dovecot will; raises BarrierError naming what is not there."""
        self._each_file(lambda file: self._verify(file, wanted[file]), "not as wanted")

    def lower(self, rows: Rows, still_wanted: Rows) -> None:
        """Takes rows away, but for keys another entry still wants (those get its value back)."""

        def lower_file(file: str) -> None:
            keep = {key: value for key, value in still_wanted[file].items() if key in rows[file]}
            self._remove(file, [key for key in rows[file] if key not in keep])
            self._add(file, keep)

        self._each_file(lower_file, "could not be written")

    def verify_lowered(self, rows: Rows, still_wanted: Rows) -> None:
        """Raises BarrierError when a row that should have fallen still stands."""
        for file in FILES:
            gone = [key for key in rows[file] if key not in still_wanted[file]]
            if standing := self._look_up(file, gone):
                raise BarrierError(f"{file} still holds {len(standing)} rows")
        self.verify({file: {k: v for k, v in still_wanted[file].items() if k in rows[file]} for file in FILES})

    def _each_file(self, act: Callable[[str], None], failure: str) -> None:
        failed = []
        with self.lock:
            for file in FILES:
                try:
                    act(file)
                except (CommandError, OSError, BarrierError) as error:
                    failed.append(f"{file} {failure} ({error})")
        if failed:
            raise BarrierError("; ".join(failed))

    def _add(self, file: str, rows: Mapping[str, str]) -> None:
        known = self._known(file)
        missing = {key: value for key, value in rows.items() if known.get(key) != value}
        if not missing:
            return
        if file in MAPS:
            if len(missing) > MOST_SINGLE_ROWS and (known := self._read(file)).keys() == set(filter(is_plain, known)):
                self._postfix.replace(self._directory / file, {SENTINEL: _SENTINEL_VALUES[file]} | known | missing)
            else:
                self._postfix.insert(self._directory / file, missing)
            self._remember(file, known | missing)
        else:
            self._write_passwd(file, known | missing)

    def _remove(self, file: str, keys: list[str]) -> None:
        # Robustness: also keys we do not know of are asked away; memory may be older than the file.
        if not keys:
            return
        left = {key: value for key, value in self._known(file).items() if key not in keys}
        if file in MAPS:
            self._postfix.remove(self._directory / file, keys)
            self._remember(file, left)
        else:
            self._write_passwd(file, left)

    def _write_passwd(self, file: str, rows: Mapping[str, str]) -> None:
        self._passwd[file].replace(_line(key, value) for key, value in rows.items())
        self._remember(file, dict(rows))

    # --- reading

    def _known(self, file: str) -> dict[str, str]:
        rows = self._rows[file]
        if rows is None:
            rows = self._read(file)
            self._remember(file, rows)
        return rows

    def _read(self, file: str) -> dict[str, str]:
        """All rows of a file but the sentinel; raises CommandError or OSError when it cannot be read."""
        if file in MAPS:
            # Robustness: postmap would make a new, empty file of none.
            (self._directory / f"{file}.lmdb").stat()
            rows = self._postfix.all_rows(self._directory / file)
            if rows.pop(SENTINEL, None) != _SENTINEL_VALUES[file]:
                # A readable map that somebody else made (empty, before the first start): made ours in place.
                self._postfix.insert(self._directory / file, {SENTINEL: _SENTINEL_VALUES[file]})
            return rows
        return dict(_parse_line(line) for line in self._passwd[file].lines() if line)

    def _look_up(self, file: str, keys: Iterable[str]) -> dict[str, str]:
        asked = list(keys)
        if not asked:
            return {}
        if file in MAPS:
            (self._directory / f"{file}.lmdb").stat()
            return self._postfix.look_up(self._directory / file, asked)
        rows = self._read(file)
        return {key: rows[key] for key in asked if key in rows}

    def _verify(self, file: str, rows: Mapping[str, str]) -> None:
        if self._look_up(file, rows) != dict(rows):
            self._rows[file] = None
            raise BarrierError("rows are missing")

    def missing_rows(self, wanted: Rows) -> int:
        """How many wanted rows are not known to stand (from memory, no file is opened)."""
        return sum(
            (known or {}).get(key) != value for file, known in self._rows.items() for key, value in wanted[file].items()
        )

    # --- watching

    def _path(self, file: str) -> Path:
        return self._directory / (f"{file}.lmdb" if file in MAPS else file)

    def _stamp(self, file: str) -> tuple[int, int, int]:
        status = self._path(file).stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _remember(self, file: str, rows: dict[str, str]) -> None:
        self._rows[file] = rows
        self._stamps[file] = self._stamp(file)

    def _changed(self, file: str) -> bool:
        """Whether a file is not the one we left: deleted, replaced or written by somebody else (one stat)."""
        try:
            return self._stamps.get(file) != self._stamp(file)
        except OSError:
            return True

    def check(self, wanted: Rows, explained: Rows, *, thorough: bool, reload: bool = True) -> Findings:
        """Looks at the files (all content if `thorough`, else only changed ones), puts right what is missing, and
        says what was found; raises BarrierError when something could not be put right. `reload` is False only before
        Postfix runs."""
        findings = Findings([], [], [])

        def check_file(file: str) -> None:
            if thorough or self._changed(file):
                self._check_file(file, wanted[file], explained[file], findings)

        with self.lock:
            try:
                self._each_file(check_file, "could not be repaired")
            finally:
                if reload and any(file in MAPS for file in findings.rebuilt):
                    self._reload()
        return findings

    def _check_file(self, file: str, wanted: dict[str, str], explained: dict[str, str], findings: Findings) -> None:
        try:
            rows = self._read(file)
        except (CommandError, OSError) as error:
            log.error("barrier: %s is missing or broken and is rebuilt: %s", file, error)
            self._rebuild(file, (self._rows[file] or {}) | wanted)
            findings.rebuilt.append(file)
            return
        if file in self._stamps and self._stamps[file][0] != self._stamp(file)[0]:
            # Another file under the name: daemons that have the former one open must open this one.
            findings.rebuilt.append(file)
        self._remember(file, rows)
        restored = [key for key, value in wanted.items() if rows.get(key) != value]
        findings.restored.extend(f"{file}: {key}" for key in restored)
        self._add(file, wanted)
        findings.unexplained.extend(f"{file}: {key}" for key in rows if key not in wanted and key not in explained)

    def _rebuild(self, file: str, rows: dict[str, str]) -> None:
        if file in PASSWD_FILES:
            self._write_passwd(file, rows)
            return
        workshop = self._directory / ".rebuild"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        self._postfix.replace(workshop / file, {SENTINEL: _SENTINEL_VALUES[file]} | rows)
        built = workshop / f"{file}.lmdb"
        built.chmod(0o644)
        _sync(built)
        built.rename(self._path(file))
        workshop.rmdir()
        self._remember(file, rows)

    def _reload(self) -> None:
        """A daemon that holds the old file open reads it for up to max_use requests more; a reload ends that."""
        try:
            self._postfix.reload()
        except CommandError as error:
            log.error("barrier: Postfix was not told of a rebuilt file: %s", error)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def ensure(settings: Settings, runner: Runner = run) -> None:
    """Makes the barrier complete before Postfix and Dovecot start: every file there, every ledger row in it.

    An absent `deny` at Dovecot's start opens logins; an absent map is a 451 for everybody. Raises BarrierError.
    """
    directory = Path(settings.barrier)
    directory.mkdir(parents=True, exist_ok=True)
    barrier = Barrier(directory, Postfix(settings.postfix.config_directory, runner))
    wanted = wanted_rows(Ledger(settings.ledger_directory).entries())
    barrier.check(wanted, wanted, thorough=True, reload=False)
    ensure_probe_file(directory)


def ensure_probe_file(directory: Path) -> None:
    """Makes an empty `probe`: Dovecot answers "temporary failure" to wrong passwords while a passwd-file is missing."""
    if not (directory / "probe").exists():
        probe_file(directory).replace(())


def probe_file(directory: Path) -> PasswdFile:
    """The one-time secrets' file behind `deny`: for Dovecot's authentication process only."""
    return PasswdFile(directory / "probe", mode=0o640, group="dovecot")
