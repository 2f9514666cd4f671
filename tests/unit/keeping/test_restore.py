"""After a restore nothing is open that was shut: not what was suspended since, not what the backup holds shut; what was
opened since is an operator's decision. The backup is taken from live databases and holds no session of anybody."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from django.db import connections
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.cli.output import Refused
from sekisho.config import Settings, settings
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.incidents import decisions, restoring
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Order, ReadPosition
from sekisho.journal import AppendLog, MailboxState, StateFile, write_state
from sekisho.keeping import archive, backup, databases, restore, standing
from sekisho.keeping.archive import ShutMailbox
from sekisho.keeping.restore import MustDecide, Report, RestoreRefused, decide

ALICE, BOB, CAROL = "alice@ours.test", "bob@ours.test", "carol@theirs.test"


# --- what becomes of each mailbox


def kept(status: str, generation: int, limit: int | None = None) -> ShutMailbox:
    return ShutMailbox(status, generation, limit)


def decided(
    backup: ShutMailbox | None, here: MailboxState | None, released: Any = "shut"
) -> tuple[str, int, int | None]:
    what = decide(
        {ALICE: backup} if backup else {},
        {ALICE: here} if here else {BOB: MailboxState("active", 1)},
        released,
        Report(0),
    )[ALICE]
    return what.status, what.generation, what.limit


@pytest.mark.parametrize(
    ("in_backup", "here", "becomes"),
    [
        # Shut on both sides: the stricter, in the later generation.
        (kept("suspended", 0), MailboxState("suspended", 0), ("suspended", 0, None)),
        (kept("suspended", 0), MailboxState("restricted", 0, 10), ("suspended", 0, None)),
        (kept("restricted", 0, 10), MailboxState("restricted", 0, 0), ("restricted", 0, 0)),
        (kept("restricted", 0, 0), MailboxState("suspended", 3), ("suspended", 3, None)),
        # Suspended since the backup was made.
        (None, MailboxState("suspended", 0), ("suspended", 0, None)),
        (kept("probation", 2), MailboxState("suspended", 2), ("suspended", 2, None)),
        (kept("active", 1), MailboxState("restricted", 4, 0), ("restricted", 4, 0)),
        # This host knows no more about it than the backup does.
        (kept("suspended", 2), MailboxState("suspended", 1), ("suspended", 2, None)),
        (kept("suspended", 2), MailboxState("probation", 1), ("suspended", 2, None)),
        (kept("suspended", 0), None, ("suspended", 0, None)),
        # Opened since.
        (kept("suspended", 0), MailboxState("probation", 1), ("suspended", 1, None)),
        # Open on both sides.
        (kept("active", 1), MailboxState("probation", 2), ("probation", 2, None)),
        (kept("probation", 3), MailboxState("active", 1), ("probation", 3, None)),
    ],
)
def test_what_is_shut_on_either_side_is_shut_afterwards(
    in_backup: ShutMailbox | None, here: MailboxState | None, becomes: tuple[str, int, int | None]
) -> None:
    assert decided(in_backup, here) == becomes


def test_whatever_either_side_shuts_is_never_open_unless_it_was_opened_later_and_somebody_says_so() -> None:
    statuses = ["active", "restricted", "suspended", "probation"]
    for old in statuses:
        for new in statuses:
            for before, after in ((0, 0), (0, 1), (1, 0), (2, 2)):
                what = decided(kept(old, before), MailboxState(new, after), "open")[0]  # type: ignore[arg-type]
                opened_since = new not in standing.SHUT and after > before
                if new in standing.SHUT or (old in standing.SHUT and not opened_since):
                    assert what in standing.SHUT, (old, before, new, after)
                if "suspended" in (old, new) and what in standing.SHUT and not opened_since:
                    assert what == "suspended"


def test_what_was_opened_since_is_asked_about_by_name() -> None:
    with pytest.raises(MustDecide) as question:
        decided(kept("suspended", 0), MailboxState("active", 1), "ask")
    assert question.value.mailboxes == [ALICE]
    assert decided(kept("suspended", 0), MailboxState("active", 1), "open")[:2] == ("open", 1)


def test_a_host_without_a_past_follows_the_backup_and_says_that_it_knows_no_better() -> None:
    report = Report(0)
    wanted = decide({ALICE: kept("suspended", 0)}, None, "ask", report)
    assert wanted[ALICE].status == "suspended" and report.without_memory


# --- the record afterwards


@pytest.mark.django_db(databases=["default", "site"])
def test_what_was_shut_since_gets_an_incident_that_can_be_decided(two_tenants: None) -> None:
    now = timezone.now()
    assert restoring.hold_shut(ALICE, "suspended", 3, None, "restored", "operator", now)
    row = MailboxStatus.objects.get(pk=ALICE)
    assert (row.status, row.generation) == ("suspended", 3)
    incident = Incident.objects.get(mailbox=ALICE)
    assert incident.generation == 3 and incident.phase == "detected"
    assert Order.objects.get(incident=incident).kind == "contain"
    assert not restoring.hold_shut(ALICE, "suspended", 3, None, "restored", "operator", now)
    orders = decisions.dismiss(incident, "operator")
    assert [(order.kind, order.generation) for order in orders] == [("dismiss", 4)]


@pytest.mark.django_db(databases=["default", "site"])
def test_an_incident_of_an_older_generation_makes_room(incident: Incident) -> None:
    restoring.hold_shut(ALICE, "suspended", 2, None, "restored", "operator", timezone.now())
    incident.refresh_from_db()
    assert incident.phase == "closed"
    assert decisions.open_incident(ALICE).generation == 2  # type: ignore[union-attr]
    assert not Order.objects.filter(generation=0, state__in=["open", "claimed"]).exists()


@pytest.mark.django_db(databases=["default", "site"])
def test_it_never_loosens(incident: Incident) -> None:
    restoring.hold_shut(ALICE, "restricted", 1, 10, "restored", "operator", timezone.now())
    row = MailboxStatus.objects.get(pk=ALICE)
    assert (row.status, row.generation, row.limit) == ("suspended", 1, None)


@pytest.mark.django_db(databases=["default", "site"])
@pytest.mark.parametrize(
    ("confirmed", "kind", "phase"), [(False, "release", "recovered"), (True, "dismiss", "dismissed")]
)
def test_what_an_operator_leaves_open_goes_on_probation_in_its_hosts_generation(
    incident: Incident, confirmed: bool, kind: str, phase: str
) -> None:
    orders = restoring.note_open(ALICE, 5, confirmed, "opened since", "operator", timezone.now())
    assert [(order.kind, order.generation) for order in orders] == [(kind, 5)]
    row = MailboxStatus.objects.get(pk=ALICE)
    assert (row.status, row.generation) == ("probation", 5)
    incident.refresh_from_db()
    assert incident.phase == phase


@pytest.mark.django_db(databases=["default", "site"])
def test_a_deletion_still_in_its_grace_is_not_carried_out(incident: Incident) -> None:
    Order.objects.create(
        incident=incident,
        mailbox=ALICE,
        kind="purge_held",
        generation=0,
        host="mx01",
        created_at=timezone.now(),
        actor="x",
    )
    assert restoring.drop_purges("operator", timezone.now()) == 1
    assert Order.objects.get(kind="purge_held").state == "obsolete"
    assert Audit.objects.filter(verb="purge_dropped").exists()


# --- the whole way, on a database file


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation whose database is the tests' own file."""
    name = str(connections["default"].settings_dict["NAME"])
    database = msgspec.structs.replace(settings().database, name=name)
    var = tmp_path / "var"
    (var / "agent").mkdir(parents=True)
    found = msgspec.structs.replace(settings(), var=str(var), barrier=str(tmp_path / "barrier"), database=database)
    for module in ("sekisho.cli.backup", "sekisho.cli.verify"):
        monkeypatch.setattr(f"{module}.settings", lambda: found)
    return found


def hold(site: Settings, mailbox: str, generation: int = 0, opened: int | None = None) -> Ledger:
    """An entry of the agent's ledger; opened again and archived when `opened` names a generation."""
    ledger = Ledger(site.ledger_directory)
    entry = Entry(mailbox, generation, "suspended", None, 1.0, 1.0, [mailbox], [mailbox])
    entry.plans["contain"] = PlanRecord("contain", generation, 1.0)
    ledger.save(entry)
    if opened is not None:
        entry.plans["release"] = PlanRecord("release", opened, 2.0)
        entry.status = "released"
        ledger.archive(entry)
    return ledger


def run(*arguments: str) -> Any:
    return CliRunner().invoke(sekisho, list(arguments), env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_there_and_back_on_one_host(two_tenants: None, site: Settings, tmp_path: Path) -> None:
    # Before: alice and bob are suspended. After: bob is recovered, carol is suspended, in ledger and state file only.
    decisions.suspend(ALICE, "spam", "operator")
    decisions.suspend(BOB, "spam", "operator")
    hold(site, ALICE)
    hold(site, BOB)
    journal = AppendLog(site.journal_directory, fsync=False, max_total_bytes=1 << 20)
    journal.append(b'{"before": 1}')
    file = tmp_path / "b.tar.gz"
    assert run("backup", str(file)).exit_code == 0
    assert json.loads(run("backup", str(file), "--check", "--json").output)["shut"] == 2
    journal.append(b'{"after": 1}')
    journal.close()
    Ledger(site.ledger_directory).archive(Ledger(site.ledger_directory).get(BOB, 0))  # type: ignore[arg-type]
    hold(site, BOB, 0, opened=1)
    hold(site, CAROL)
    states = {
        ALICE: MailboxState("suspended", 0),
        BOB: MailboxState("probation", 1),
        CAROL: MailboxState("suspended", 0),
    }
    write_state(site.state_file, StateFile(1.0, states))

    result = run("restore", str(file))
    assert isinstance(result.exception, Refused) and "--replace" in str(result.exception)
    result = run("restore", str(file), "--replace")
    assert isinstance(result.exception, Refused) and BOB in str(result.exception) and ALICE not in str(result.exception)
    with open(site.ledger_directory.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run("restore", str(file), "--replace", "--released=open")
        assert isinstance(result.exception, Refused) and "agent" in str(result.exception)
    assert not list(Path(site.var).glob("replaced-*")), "a refusal changes nothing"

    report = json.loads(run("restore", str(file), "--replace", "--released=open", "--json").output)
    assert (report["shut_in_both"], report["shut_here_only"], report["released"]) == ([ALICE], [CAROL], [BOB])
    rows = {row.mailbox: (row.status, row.generation) for row in MailboxStatus.objects.all()}
    assert rows == {ALICE: ("suspended", 0), BOB: ("probation", 1), CAROL: ("suspended", 0)}
    assert {row.mailbox for row in Incident.objects.filter(phase="detected")} == {ALICE, CAROL}
    assert {entry.mailbox for entry in Ledger(site.ledger_directory).shut_entries()} == {ALICE, CAROL}
    assert b"after" in (site.journal_directory / "0000000001.log").read_bytes(), "the newer journal stays"
    aside = Path(report["aside"])
    assert aside.stat().st_mode & 0o777 == 0o700 and list(aside.iterdir())


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_a_new_host_holds_shut_what_the_backup_does(two_tenants: None, site: Settings, tmp_path: Path) -> None:
    decisions.suspend(ALICE, "spam", "operator")
    hold(site, ALICE)
    # Suspended a moment before the backup: the record has it, the ledger not yet.
    decisions.suspend(CAROL, "spam", "operator")
    ReadPosition.objects.create(name="spool@mx01", segment=7, offset=70)
    AppendLog(site.journal_directory, fsync=False, max_total_bytes=1 << 20).append(b'{"one": 1}')
    site.profiles_file.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(site.profiles_file)) as profiles:
        profiles.execute("CREATE TABLE profile (mailbox TEXT)")
    file = tmp_path / "b.tar.gz"
    backup.write_backup(site, file)
    connections.close_all()
    MailboxStatus.objects.all().delete()
    fresh = msgspec.structs.replace(site, var=str(tmp_path / "other"))
    Path(fresh.var).mkdir()
    with archive.unpacked(file) as (staging, manifest):
        report = restore.restore(fresh, staging, manifest, replace=True, released="ask", actor="operator")
    assert report.without_memory and report.shut_in_backup_only == [ALICE, CAROL]
    assert {entry.mailbox for entry in Ledger(fresh.ledger_directory).shut_entries()} == {ALICE, CAROL}
    assert (fresh.journal_directory / "0000000001.log").exists() and fresh.profiles_file.exists()
    assert ReadPosition.objects.get(name="spool@mx01").segment == 0
    assert Audit.objects.filter(verb="backup_restored").exists()


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_no_session_and_no_secret_is_in_a_backup(two_tenants: None, site: Settings, tmp_path: Path) -> None:
    from django.contrib.sessions.models import Session

    Session.objects.create(session_key="the-key-that-opens-the-panel", session_data="x", expire_date=timezone.now())
    file = tmp_path / "b.tar.gz"
    backup.write_backup(site, file)
    key = Path(site.web.secret_key_file).read_bytes().strip()
    with archive.unpacked(file) as (staging, manifest):
        everything = b"".join(path.read_bytes() for path in staging.rglob("*") if path.is_file())
        assert b"the-key-that-opens-the-panel" not in everything
        assert key not in everything and site.guard.auth_policy_key.encode() not in everything
        assert not manifest.with_secrets
    assert Session.objects.count() == 1, "the live one stays"


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_secrets_come_along_when_they_are_asked_for(
    two_tenants: None, site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKISHO_CONFIG", str(Path(settings().var) / "sekisho.toml"))
    file = tmp_path / "b.tar.gz"
    backup.write_backup(site, file, with_secrets=True)
    with archive.unpacked(file) as (staging, manifest):
        assert manifest.with_secrets
        key = Path(site.web.secret_key_file)
        assert [path.read_bytes() for path in (staging / "secrets").glob(f"*-{key.name}")] == [key.read_bytes()]
        assert (staging / "settings" / "sekisho.toml").exists()


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_a_backup_waits_for_nobody_who_writes(two_tenants: None, site: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(site.database.name, timeout=1, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO directory_domainmode VALUES ('half.test', 'observe')")
        databases.dump(site.database, tmp_path)
        writer.execute("ROLLBACK")
    with closing(sqlite3.connect(tmp_path / databases.DUMPS["sqlite"])) as copy:
        assert copy.execute("SELECT count(*) FROM directory_domainmode").fetchone() == (0,)
        assert copy.execute("SELECT count(*) FROM directory_contact").fetchone()[0] == 2


@pytest.mark.django_db(databases=["default", "site"])
def test_a_backup_of_a_newer_program_is_refused(site: Settings, tmp_path: Path) -> None:
    assert restore.unknown_migrations(["incidents.0001_initial", "incidents.9999_later"]) == ["incidents.9999_later"]
    manifest = archive.Manifest(archive.FORMAT, "9", "h", 0.0, "sqlite", ("incidents.9999_later",), False, {}, {})
    with pytest.raises(RestoreRefused, match="newer program"):
        restore.require_place(site, manifest, replace=True)
    with pytest.raises(RestoreRefused, match="postgresql"):
        restore.require_place(site, msgspec.structs.replace(manifest, engine="postgresql"), replace=True)


def test_a_damaged_database_in_a_backup_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "database").mkdir()
    (tmp_path / databases.DUMPS["sqlite"]).write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(databases.DatabaseFailed, match="damaged"):
        databases.check_dump("sqlite", tmp_path)


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_what_only_the_present_database_knows_to_be_shut_stays_shut(
    two_tenants: None, site: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar.gz"
    backup.write_backup(site, file)
    decisions.suspend(ALICE, "spam", "operator")
    with archive.unpacked(file) as (staging, manifest):
        report = restore.restore(site, staging, manifest, replace=True, released="ask", actor="operator")
    assert report.shut_here_only == [ALICE]
    assert MailboxStatus.objects.get(pk=ALICE).status == "suspended"
    assert [entry.mailbox for entry in Ledger(site.ledger_directory).shut_entries()] == [ALICE]
