"""A look at the barrier from outside the agent: reads every file, changes none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sekisho.config import Settings
from sekisho.containment.barrier import FILES, MAPS, SENTINEL, rows_to_lower, wanted_rows
from sekisho.containment.commands import CommandError, Runner, run
from sekisho.containment.ledger import Entry
from sekisho.containment.passwd_file import PasswdFile
from sekisho.containment.postfix import Postfix


class Look(NamedTuple):
    """What does not agree: rows as "file: key", files with what keeps them from being read."""

    missing: list[str]
    unexplained: list[str]
    unreadable: list[str]
    # All rows that were read, without the sentinels.
    rows: int


def look(settings: Settings, entries: Iterable[Entry], runner: Runner = run) -> Look:
    """Compares the files with what these ledger entries ask for."""
    known = list(entries)
    wanted, found = wanted_rows(known), Look([], [], [], 0)
    explained: dict[str, set[str]] = {file: set(wanted[file]) for file in FILES}
    for entry in known:
        for file, rows in rows_to_lower(entry).items():
            explained[file].update(rows)
    count = 0
    for file in FILES:
        try:
            rows = _read(settings, file, runner)
        except (CommandError, OSError) as error:
            found.unreadable.append(f"{file}: {error}")
            continue
        count += len(rows)
        found.missing.extend(f"{file}: {key}" for key, value in wanted[file].items() if rows.get(key) != value)
        found.unexplained.extend(f"{file}: {key}" for key in rows if key not in explained[file])
    return found._replace(rows=count)


def _read(settings: Settings, file: str, runner: Runner) -> dict[str, str]:
    directory = Path(settings.barrier)
    if file in MAPS:
        # Robustness: postmap would make a new, empty file of none.
        (directory / f"{file}.lmdb").stat()
        rows = Postfix(settings.postfix.config_directory, runner).all_rows(directory / file)
        rows.pop(SENTINEL, None)
        return rows
    lines = (line.partition(":") for line in PasswdFile(directory / file).lines() if line)
    return {key: f":{rest}" if rest else "" for key, _, rest in lines}
