"""`sekisho restore`: puts a backup in place, with the programs stopped, and opens nothing (docs/decisions/0008).

1. the whole file is read and checked before anything is touched; the programs must be stopped
2. mailboxes that the backup holds shut and this host has opened since: an operator must say what becomes of them
3. the database of the backup replaces the present one, which goes aside; migrations bring it to this program
4. the agent's ledgers are joined; guard's profiles, journal and the places in it stay where there are any
5. the record is brought to what is shut now (`incidents.restoring`), the ledger to the record, the barrier to that

The barrier is never lowered here, so Postfix and Dovecot may run all the while.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pwd
import shutil
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sekisho.config import Settings
from sekisho.deploy.rights import USER
from sekisho.journal import MailboxState
from sekisho.keeping import databases, standing
from sekisho.keeping.archive import Manifest, ShutMailbox
from sekisho.keeping.backup import AGENT_PARTS, AGENT_TREES, JOURNAL, PROFILES
from sekisho.keeping.standing import SHUT, Standing

log = logging.getLogger(__name__)

Released = Literal["ask", "shut", "open"]
# A panel that does not accept a connection within this is not there.
CONNECT_S = 1.0


class RestoreRefused(Exception):
    """Nothing was changed; the text says what is in the way and what to do."""


class MustDecide(RestoreRefused):
    """Mailboxes were opened after the backup was made: an operator must say whether they stay open."""

    def __init__(self, mailboxes: list[str]) -> None:
        super().__init__(", ".join(mailboxes))
        self.mailboxes = mailboxes


@dataclass
class Wanted:
    """What becomes of one mailbox, and why."""

    status: str
    generation: int
    limit: int | None = None
    confirmed: bool = False


@dataclass
class Report:
    """What was done, for the person who ordered it."""

    taken_at: float
    aside: str = ""
    # Shut before and in the backup, shut here only (suspended since), in the backup only (nobody here knows better).
    shut_in_both: list[str] = field(default_factory=list)
    shut_here_only: list[str] = field(default_factory=list)
    shut_in_backup_only: list[str] = field(default_factory=list)
    # Opened since the backup, and what the operator said about them.
    released: list[str] = field(default_factory=list)
    released_became: str = ""
    # This host had no ledger and no state file: what was opened since the backup cannot be known.
    without_memory: bool = False
    files: list[str] = field(default_factory=list)
    # Why the barrier could not be raised at once; the agent does it when it starts.
    barrier_waits: str = ""


# --- before anything is touched


def running(settings: Settings) -> list[str]:
    """Which of our programs run here: those that hold their lock, and the panel if somebody answers on its port."""
    found = []
    for name in ("guard", "agent", "worker"):
        path = Path(settings.var) / name / "lock"
        if path.exists():
            with path.open("r") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(name)
    with contextlib.suppress(OSError), socket.create_connection((settings.web.host, settings.web.port), CONNECT_S):
        found.append("web")
    return found


def require_place(settings: Settings, manifest: Manifest, *, replace: bool) -> None:
    """Raises RestoreRefused unless the programs are stopped, the place is empty or may be replaced, and this program
    can read what is in the backup."""
    if programs := running(settings):
        raise RestoreRefused(
            f"still running: {', '.join(programs)}; stop them first (mail goes on, the barrier stands)"
        )
    if manifest.engine != settings.database.engine:
        raise RestoreRefused(f"the backup is of {manifest.engine}, this installation uses {settings.database.engine}")
    if unknown := unknown_migrations(manifest.migrations):
        raise RestoreRefused(f"the backup is of a newer program ({unknown[0]}); install that version first")
    if not replace and not databases.is_empty(settings.database):
        raise RestoreRefused("there is a database already; --replace puts it aside and the backup in its place")


def unknown_migrations(names: Iterable[str]) -> list[str]:
    """Those of the migrations ("app.name") that this program does not know, sorted."""
    from django.db.migrations.loader import MigrationLoader

    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    return sorted(set(names) - known)


# --- what becomes of each mailbox


def decide(
    backup: Mapping[str, ShutMailbox], now: Standing | None, released: Released, report: Report
) -> dict[str, Wanted]:
    """For each mailbox that either side does not simply call active: what it will be. Fills the report's lists.

    Raises MustDecide when some were opened since the backup and nobody said what becomes of them.
    """
    report.without_memory = now is None
    wanted = {}
    for mailbox in sorted({*backup, *(now or {})}):
        kept = backup.get(mailbox, ShutMailbox("active", 0))
        here = (now or {}).get(mailbox, MailboxState("active", 0))
        wanted[mailbox] = _decide_one(mailbox, kept, here, released, report)
    if report.released and released == "ask":
        raise MustDecide(report.released)
    report.released_became = released if report.released else ""
    return wanted


def _decide_one(mailbox: str, kept: ShutMailbox, here: MailboxState, released: Released, report: Report) -> Wanted:
    generation = max(kept.generation, here.generation)
    in_backup, in_host = kept.status in SHUT, here.status in SHUT
    if in_backup and in_host:
        report.shut_in_both.append(mailbox)
        strict = "suspended" if "suspended" in (kept.status, here.status) else "restricted"
        return Wanted(strict, generation, _tighter(kept, here) if strict == "restricted" else None)
    if in_host:
        report.shut_here_only.append(mailbox)
        return Wanted(here.status, generation, here.limit if here.status == "restricted" else None)
    if in_backup and here.generation > kept.generation:
        report.released.append(mailbox)
        if released == "open":
            return Wanted("open", generation, confirmed=here.confirmed)
    elif in_backup:
        report.shut_in_backup_only.append(mailbox)
    if in_backup:
        return Wanted(kept.status, generation, kept.limit if kept.status == "restricted" else None)
    return Wanted(here.status if here.generation > kept.generation else kept.status, generation)


def _tighter(kept: ShutMailbox, here: MailboxState) -> int | None:
    limits = [limit for limit in (kept.limit, here.limit) if limit is not None]
    return min(limits) if limits else None


# --- doing it


def restore(
    settings: Settings, staging: Path, manifest: Manifest, *, replace: bool, released: Released, actor: str
) -> Report:
    """Puts an unpacked, checked backup in place. Raises RestoreRefused (nothing was changed), DatabaseFailed or OSError
    (the present database is in the directory that the text or `aside` names)."""
    databases.require_own(settings)
    databases.check_dump(manifest.engine, staging)
    require_place(settings, manifest, replace=replace)
    report = Report(manifest.taken_at)
    fresh = databases.is_empty(settings.database)
    now = standing.of_host(settings) if fresh else standing.of_present(settings)
    wanted = decide(manifest.mailboxes, now, released, report)
    aside = Path(settings.var) / f"replaced-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    aside.mkdir(mode=0o700, parents=True)
    report.aside = str(aside)
    try:
        _load(settings, staging, aside)
    except databases.DatabaseFailed as error:
        if any(aside.iterdir()):
            raise databases.DatabaseFailed(f"{error} (the former database is also in {aside})") from error
        aside.rmdir()
        raise
    _place_files(settings, staging, wanted, report)
    _settle(manifest, wanted, actor)
    _follow(settings, report)
    return report


def _load(settings: Settings, staging: Path, aside: Path) -> None:
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    databases.load(settings.database, staging, aside)
    connections.close_all()
    call_command("migrate", database="default", verbosity=0, interactive=False)


def _place_files(settings: Settings, staging: Path, wanted: Mapping[str, Wanted], report: Report) -> None:
    var = Path(settings.var)
    # Newer on this host than in any backup, and nothing in it opens a mailbox: it stays.
    had_journal = any((var / JOURNAL).glob("*.log"))
    _join_ledger(staging / "agent" / "ledger", settings.ledger_directory, wanted, report)
    for tree in AGENT_TREES[1:]:
        _fill_tree(staging / "agent" / tree, var / "agent" / tree, 0o600, report)
    for name in AGENT_PARTS:
        # A place in a journal belongs to that journal. The state file is written anew from record and ledger.
        if name != "state.json" and not (name == "journal.cursor" and had_journal):
            _fill(staging / "agent" / name, var / "agent" / name, 0o640, report)
    if not had_journal:
        _fill_tree(staging / JOURNAL, var / JOURNAL, 0o640, report)
        _forget_spool(settings)
    _fill(staging / PROFILES, settings.profiles_file, 0o640, report)
    _give_to_guard(var / "guard")


def _forget_spool(settings: Settings) -> None:
    """The spool is in no backup: a place in the former one means nothing in a new one."""
    from sekisho.incidents.models import ReadPosition

    if not any(settings.spool_directory.glob("*.log")):
        ReadPosition.objects.filter(name__startswith="spool@").update(segment=0, offset=0)


def _join_ledger(source: Path, target: Path, wanted: Mapping[str, Wanted], report: Report) -> None:
    """This host's entries stay as they are, those it does not know come from the backup; what is wanted open is put
    among the finished ones."""
    archive = target / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    known = {path.name for directory in (target, archive) for path in directory.glob("*.json")}
    live = {entry_file(source, e.mailbox, e.generation): e.mailbox for e in standing.read_entries(source)}
    for path in sorted(source.rglob("*.json")):
        if path.name in known:
            continue
        is_open = path not in live or getattr(wanted.get(live[path]), "status", "") not in SHUT
        _fill(path, (archive if is_open else target) / path.name, 0o600, report)


def entry_file(ledger: Path, mailbox: str, generation: int) -> Path:
    """Where a ledger's directory has a live entry."""
    from sekisho.containment.ledger import entry_name

    return ledger / entry_name(mailbox, generation)


def _fill_tree(source: Path, target: Path, mode: int, report: Report) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            _fill(path, target / path.relative_to(source), mode, report)


def _fill(source: Path, target: Path, mode: int, report: Report) -> None:
    """A file of the backup where this host has none."""
    if not source.exists() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.restored")
    shutil.copyfile(source, draft)
    draft.chmod(mode)
    draft.rename(target)
    report.files.append(str(target))


def _give_to_guard(directory: Path) -> None:
    """What root restored for the guard must be the guard's."""
    try:
        owner = pwd.getpwnam(USER)
    except KeyError:
        return
    if os.geteuid() == 0 and directory.exists():
        for path in (directory, *directory.rglob("*")):
            if path.stat().st_uid == 0:
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _settle(manifest: Manifest, wanted: Mapping[str, Wanted], actor: str) -> None:
    """The record says of each mailbox what was decided above."""
    from datetime import UTC, datetime

    from django.utils import timezone

    from sekisho.incidents import audit, restoring

    now = timezone.now()
    day = datetime.fromtimestamp(manifest.taken_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    reason = f"backup of {day} restored: stays shut until somebody decides"
    audit.record(actor, "backup_restored", details={"taken_at": day, "host": manifest.host}, at=now)
    restoring.drop_purges(actor, now)
    for mailbox, what in wanted.items():
        if what.status in SHUT:
            restoring.hold_shut(mailbox, what.status, what.generation, what.limit, reason, actor, now)
        elif what.status == "open":
            opened = f"opened after the backup of {day}, left open on restore"
            restoring.note_open(mailbox, what.generation, what.confirmed, opened, actor, now)
        else:
            restoring.raise_generation(mailbox, what.generation, what.status, actor, now)


def _follow(settings: Settings, report: Report) -> None:
    """The ledger follows the record as it would when the agent starts, and the barrier the ledger, before any of our
    programs runs; rows are only added."""
    from django.db import DatabaseError
    from django.utils import timezone

    from sekisho.containment.barrier import BarrierError, ensure
    from sekisho.containment.commands import CommandError
    from sekisho.containment.intake import Intake
    from sekisho.containment.ledger import Ledger
    from sekisho.containment.site_names import SiteNames
    from sekisho.directory.models import SiteDomain
    from sekisho.incidents.state import build_state

    names = SiteNames(settings.recipient_delimiter, Path(settings.var) / "agent" / "domains.json")
    try:
        state = build_state(timezone.now())
        domains = SiteDomain.objects.exclude(domain="ALL").values_list("domain", flat=True)
        names.take(state.alias_domains, frozenset(domain.lower() for domain in domains))
        Intake(Ledger(settings.ledger_directory), names, time.time, lambda order_id, word: None).take_record(state)
        ensure(settings)
    except (DatabaseError, BarrierError, CommandError, OSError) as error:
        log.error("the barrier could not be raised now: %s", error)
        report.barrier_waits = str(error)
