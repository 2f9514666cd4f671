"""`sekisho backup`: one file with everything that Sekisho itself knows, taken while all of it runs.

The order makes it consistent: places before what they are places in, the database before the ledger, the journal last.
So the journal holds every decision that the database knows, and more; whoever reads on from the places in the backup
meets some records twice, which all readers allow, and misses none.

Not in it: the site's own database (its owner's; to bring an old one back would bring burned passwords back), the mail,
the events of the spool (history only, bounded, worth nothing without their moment), logs, and secrets unless asked for.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sekisho import __version__
from sekisho.config import Settings, configuration_path, known_secrets
from sekisho.config.secret_files import CREDENTIAL
from sekisho.keeping import databases, standing
from sekisho.keeping.archive import FORMAT, Manifest, is_safe_name, members_of, write_archive

# Of the agent's directory: no lock, no status of a process, nothing that is made anew.
AGENT_PARTS = ("journal.cursor", "domains.json", "state.json")
AGENT_TREES = ("ledger", "refreshes", "held")
PROFILES = "guard/profiles"
JOURNAL = "guard/journal"


def write_backup(settings: Settings, target: Path | None, *, with_secrets: bool = False) -> Manifest:
    """Writes the backup (None: to standard output) and says what is in it; raises OSError or DatabaseFailed, then no
    file was made and a former one stands."""
    databases.require_own(settings)
    taken_at = time.time()
    # Beside the target, where there is room for it; it names every mailbox, so nobody else may look.
    beside = target.parent if target is not None else None
    with tempfile.TemporaryDirectory(prefix=".sekisho-backup-", dir=beside) as directory:
        staging = Path(directory)
        _collect(settings, staging, with_secrets=with_secrets)
        manifest = Manifest(
            format=FORMAT,
            program=__version__,
            host=settings.host,
            taken_at=taken_at,
            engine=settings.database.engine,
            migrations=applied_migrations(),
            with_secrets=with_secrets,
            mailboxes=standing.listed(standing.of_all(settings)),
            members=members_of(staging),
        )
        write_archive(staging, manifest, target)
    return manifest


def applied_migrations() -> tuple[str, ...]:
    """The migrations that our database has, "app.name", sorted."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    return tuple(sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()))


def _collect(settings: Settings, staging: Path, *, with_secrets: bool) -> None:
    agent = Path(settings.var) / "agent"
    for name in AGENT_PARTS:
        _copy(agent / name, staging / "agent" / name)
    databases.dump(settings.database, staging)
    for name in AGENT_TREES:
        _copy_tree(agent / name, staging / "agent" / name)
    _copy_profiles(settings.profiles_file, staging / PROFILES)
    _copy_tree(settings.journal_directory, staging / JOURNAL)
    if with_secrets:
        for path, name in secret_files(settings):
            _copy(path, staging / name)


def secret_files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Files that hold secrets, and their names in a backup: sekisho.toml, in which Dovecot's key may stand, what it
    names (`config` marks those settings), and the key of Apple's profiles. systemd's credentials are not ours to
    copy."""
    yield configuration_path(), "settings/sekisho.toml"
    for number, named in enumerate([*known_secrets.secret_files(settings), settings.mail_server.profile_key]):
        if named and not named.startswith(CREDENTIAL):
            name = Path(named).name
            yield Path(named), f"secrets/{number}-{name if is_safe_name(name) else 'secret'}"


def _copy(source: Path, target: Path) -> None:
    """A file that is not there is not missed: a host that never suspended anybody has no ledger."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        target.unlink(missing_ok=True)


def _copy_tree(source: Path, target: Path) -> None:
    """Whole files of a directory and its subdirectories; one that goes meanwhile is passed over, drafts are as well."""
    if not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        name = str(path.relative_to(source))
        if is_safe_name(name) and path.is_file():
            _copy(path, target / name)


def _copy_profiles(source: Path, target: Path) -> None:
    """By SQLite's own means: the guard may be writing a snapshot."""
    import sqlite3
    from contextlib import closing

    if not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(source, timeout=databases.LOCK_WAIT_S)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
