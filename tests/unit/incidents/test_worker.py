from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.db import OperationalError
from django.utils import timezone
from test_decisions import ALICE, record

from sekisho.config import Settings, settings
from sekisho.directory.models import SiteAlias
from sekisho.incidents import app_passwords, decisions, worker
from sekisho.incidents.deferred import note_waiting
from sekisho.incidents.models import (
    AppPassword,
    HostHeartbeat,
    Incident,
    KnownSetting,
    Notice,
    QueueIdLogin,
    SettingsLook,
    SignIn,
)
from sekisho.incidents.worker import Worker
from sekisho.journal import AppendLog, SenderDeferred, format_record

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def ours(two_tenants: None, tmp_path: Path) -> Settings:
    quiet = msgspec.structs.replace(settings().notices, sender="")
    return msgspec.structs.replace(settings(), var=str(tmp_path), notices=quiet)


def run_until(found: Worker, done: Callable[[], bool], monkeypatch: pytest.MonkeyPatch, turns: int = 20) -> None:
    """Runs the loop without its pauses until `done()`, at most so many turns."""
    left = iter(range(turns))

    def no_pause(_: float) -> bool:
        if done() or next(left, None) is None:
            found.stop()
        return False

    monkeypatch.setattr(found._stopping, "wait", no_pause)
    assert found.run() == 0


def test_it_looks_at_everybodys_settings_with_its_start_and_not_again_at_once(
    ours: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    SiteAlias.objects.filter(address=ALICE).update(goto=f"{ALICE},own@elsewhere.test")
    turns = iter(range(3))
    run_until(Worker(ours), lambda: next(turns, None) is None, monkeypatch)
    look = SettingsLook.objects.get(part="tables")
    assert look.first_at == look.last_at
    assert KnownSetting.objects.get().mailbox == ALICE


def test_it_takes_the_journal_in_and_gives_signs_of_life(ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    AppendLog(ours.journal_directory, fsync=False, max_total_bytes=1 << 26).append(format_record(record()))
    run_until(Worker(ours), lambda: Incident.objects.exists(), monkeypatch)
    assert Incident.objects.get().mailbox == ALICE
    assert HostHeartbeat.objects.get(process="worker").facts["rejected"] == 0
    told = json.loads((Path(ours.var) / "worker" / "status.json").read_bytes())
    assert told["database"] == "ok"
    assert "nobody is told" in told["alarms"][0]
    assert "nobody is called" in told["alarms"][1]


def test_it_leaves_the_database_to_others_between_two_batches(ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    AppendLog(ours.journal_directory, fsync=False, max_total_bytes=1 << 26).append(format_record(record()))
    found, pauses = Worker(ours), []

    def note(seconds: float) -> bool:
        pauses.append(seconds)
        found.stop()
        return False

    monkeypatch.setattr(found._stopping, "wait", note)
    found.run()
    assert Incident.objects.exists()
    # SQLite's busy handler looks each 0.1 s whether the lock is free.
    assert pauses[0] > 0.1


def test_it_waits_out_a_locked_database_and_loses_nothing(ours: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    AppendLog(ours.journal_directory, fsync=False, max_total_bytes=1 << 26).append(format_record(record()))
    real, refusals = worker.Intake.take, iter(range(5))

    def locked_five_times(self: worker.Intake) -> int:
        if next(refusals, None) is not None:
            told = Path(ours.var) / "worker" / "status.json"
            assert not told.exists() or json.loads(told.read_bytes())["database"] == "away"
            raise OperationalError("database is locked")
        return real(self)

    monkeypatch.setattr(worker.Intake, "take", locked_five_times)
    monkeypatch.setattr(worker.connections, "all", list)
    run_until(Worker(ours), lambda: Incident.objects.exists(), monkeypatch)
    assert Incident.objects.count() == 1


def test_old_rows_are_pruned(ours: Settings) -> None:
    now = timezone.now()
    for days, success in ((31, False), (31, True), (91, True), (1, False)):
        SignIn.objects.create(mailbox=ALICE, at=now - timedelta(days=days), success=success, protocol="imap", ip="")
    for queue_id, days in (("A", 11), ("B", 1)):
        QueueIdLogin.objects.create(queue_id=queue_id, mailbox=ALICE, at=now - timedelta(days=days))
    revoked, long_ago = app_passwords.add(ALICE, "phone", ["imap"], "operator")[0], now - timedelta(days=91)
    AppPassword.objects.filter(pk=revoked.pk).update(revoked_at=long_ago)
    found = Worker(ours)
    found._prune()
    while found._batches is not None:
        found._prune_a_batch()
    assert not AppPassword.objects.exists()
    assert SignIn.objects.count() == 2
    assert set(QueueIdLogin.objects.values_list("queue_id", flat=True)) == {"B"}


def test_each_minute_it_looks_whether_waiting_mail_runs_out_of_time(ours: Settings) -> None:
    decisions.suspend(ALICE, "spam complaints", "operator")
    first = timezone.now() - timedelta(hours=37)
    note_waiting(SenderDeferred(first.timestamp(), ALICE, "s@outside.test", ALICE, "out.outside.test", "sender"))
    for _ in range(2):
        Worker(ours)._keep_house()
    assert Notice.objects.filter(kind="waiting_low").count() == 1


def test_a_second_worker_does_not_start(ours: Settings) -> None:
    with worker._sole_worker(Path(ours.var) / "worker") as alone:
        assert alone
        assert worker.run(ours) == 1
