"""Which mailboxes are not simply active, by everything this host knows: record, agent's ledger, state file.

The stricter word wins, as it does for the guard (containment.state_writer.overlay): the ledger is ahead of the record
when the database was away, the record ahead of the ledger when the decision was another host's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sekisho.config import Settings
from sekisho.containment.ledger import Entry
from sekisho.containment.state_writer import overlay
from sekisho.journal import MailboxState, RecordError, StateFile, read_state
from sekisho.keeping.archive import ShutMailbox

log = logging.getLogger(__name__)

SHUT = ("suspended", "restricted")
Standing = dict[str, MailboxState]


def read_entries(ledger: Path) -> list[Entry]:
    """The live entries of a ledger's directory, older generations first; also of one that nobody may write."""
    found = []
    for path in sorted(ledger.glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Entry))
        except (OSError, msgspec.MsgspecError) as error:
            log.error("ledger: %s cannot be read: %s", path.name, error)
    return sorted(found, key=lambda entry: (entry.mailbox, entry.generation))


def opened_in(ledger: Path) -> dict[str, int]:
    """The newest generation in which the ledger knows each mailbox to have been opened again, also from its archive."""
    opened: dict[str, int] = {}
    for entry in [*read_entries(ledger), *read_entries(ledger / "archive")]:
        if entry.opening is not None:
            opened[entry.mailbox] = max(opened.get(entry.mailbox, 0), entry.opening.generation)
    return opened


def of_files(state_file: Path, ledger: Path) -> Standing | None:
    """What state file and ledger say together; None where there is neither (a host without a past)."""
    try:
        state = read_state(state_file)
    except (RecordError, OSError) as error:
        log.error("the state file cannot be read, the ledger counts alone: %s", error)
        state = None
    entries = read_entries(ledger)
    if state is None and not entries and not any((ledger / "archive").glob("*.json")):
        return None
    return _with_opened(overlay(state or StateFile(0.0), entries).mailboxes, opened_in(ledger))


def _with_opened(known: Mapping[str, MailboxState], opened: Mapping[str, int]) -> Standing:
    """Without a state file an opened mailbox would look as if it had never been shut."""
    found = dict(known)
    for mailbox, generation in opened.items():
        if mailbox not in found:
            found[mailbox] = MailboxState("probation", generation)
    return found


def of_host(settings: Settings) -> Standing | None:
    """What this host's files say now."""
    return of_files(settings.state_file, settings.ledger_directory)


def of_present(settings: Settings) -> Standing | None:
    """What this host's files and the present database, if it still answers, say together: a panel's host has no ledger,
    and a decision of another host is in the record only. The later generation counts, within one the stricter word."""
    from django.db import DatabaseError
    from django.utils import timezone

    from sekisho.incidents.state import mailbox_states

    files = of_host(settings)
    try:
        record = mailbox_states(timezone.now())
    except DatabaseError as error:
        log.warning("the present database does not count, it cannot be read: %s", error)
        return files
    if files is None and not record:
        return None
    found = dict(files or {})
    for mailbox, state in record.items():
        known = found.get(mailbox)
        if known is None or _weight(state) > _weight(known):
            found[mailbox] = state
    return found


def _weight(state: MailboxState) -> tuple[int, int]:
    return state.generation, {"suspended": 2, "restricted": 1}.get(state.status, 0)


def of_all(settings: Settings) -> Standing:
    """Record and ledger together; asks the database."""
    from django.utils import timezone

    from sekisho.incidents.state import mailbox_states

    record = StateFile(0.0, mailbox_states(timezone.now()))
    return dict(overlay(record, read_entries(settings.ledger_directory)).mailboxes)


def listed(standing: Mapping[str, MailboxState]) -> dict[str, ShutMailbox]:
    """As a manifest lists them: those in another status than active, or of a later generation."""
    return {
        mailbox: ShutMailbox(state.status, state.generation, state.limit, state.since)
        for mailbox, state in sorted(standing.items())
    }
