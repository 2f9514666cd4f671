from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import OperationalError
from test_decisions import ALICE, T, record

from sekisho.config import Settings, settings
from sekisho.incidents import app_passwords, decisions, ingest, letters
from sekisho.incidents.deferred import summarize
from sekisho.incidents.ingest import Intake
from sekisho.incidents.models import Audit, DeferredPair, Incident, Notice, QueueIdLogin, SignIn, TimelineEntry
from sekisho.incidents.timeline import returned_mail
from sekisho.journal import (
    AppendLog,
    DecisionRecord,
    DeliveryResult,
    Event,
    GuardGap,
    LoginSeen,
    MailArrived,
    MessageSubmitted,
    NoticeArrived,
    NoticeSeen,
    QueueIdPaired,
    ReturnFiled,
    ScriptChanged,
    SenderDeferred,
    format_record,
)

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@dataclass
class Guard:
    """Writes what the guard would have written; `take` is the worker's side."""

    settings: Settings

    def decide(self, *records: DecisionRecord) -> None:
        self._append(self.settings.journal_directory, records)

    def see(self, *events: Event) -> None:
        self._append(self.settings.spool_directory, events)

    def _append(self, directory: Path, records: tuple[Any, ...]) -> None:
        log = AppendLog(directory, fsync=False, max_total_bytes=1 << 26)
        log.append(*(item if isinstance(item, bytes) else format_record(item) for item in records))
        log.close()

    def take(self) -> Intake:
        intake = Intake(self.settings)
        while intake.take():
            pass
        return intake


@pytest.fixture
def guard(two_tenants: None, tmp_path: Path) -> Guard:
    return Guard(msgspec.structs.replace(settings(), var=str(tmp_path)))


def deferred(sender: str = "s@outside.test", t: float = T + 10, **fields: Any) -> SenderDeferred:
    values = {"recipient": ALICE, "client": "192.0.2.9", "where": "sender", **fields}
    return SenderDeferred(t=t, mailbox=ALICE, sender=sender, **values)


def login(success: bool = False, t: float = T, ip: str = "192.0.2.1") -> LoginSeen:
    return LoginSeen(t=t, mailbox=ALICE, success=success, protocol="imap", ip=ip, country="JP", asn=64500)


def test_decisions_are_recorded_before_the_events_that_need_them(guard: Guard) -> None:
    guard.see(deferred())
    guard.decide(record())
    guard.take()
    assert DeferredPair.objects.get().incident == Incident.objects.get()


def test_a_second_worker_reads_nothing_twice(guard: Guard) -> None:
    guard.decide(record())
    guard.see(login(), login(), deferred(), deferred())
    guard.take()
    guard.take()
    assert SignIn.objects.get().count == 2
    assert DeferredPair.objects.get().tries == 2


def test_the_last_use_of_an_app_password_is_kept(guard: Guard) -> None:
    row, _ = app_passwords.add(ALICE, "phone", ["imap"], "operator")
    used = [
        msgspec.structs.replace(login(True, T + seconds, ip), app_password=str(row.pk))
        for seconds, ip in ((1, "192.0.2.1"), (9, "192.0.2.9"))
    ]
    guard.see(*used, login(True, T + 20, "192.0.2.20"))
    guard.take()
    row.refresh_from_db()
    assert row.last_used_at == datetime.fromtimestamp(T + 9, UTC)
    assert (row.last_protocol, row.last_ip, row.last_country) == ("imap", "192.0.2.9", "JP")


def test_a_journal_begun_anew_is_read_from_its_start(guard: Guard, tmp_path: Path) -> None:
    guard.decide(record())
    guard.take()
    for path in guard.settings.journal_directory.glob("*.log"):
        path.rename(path.with_name("0000000009.log"))
    guard.take()
    for path in guard.settings.journal_directory.glob("*.log"):
        path.unlink()
    guard.decide(record("d2", "alert", t=T + 5))
    guard.take()
    assert Incident.objects.get().decisions.count() == 2


def test_a_poisoned_record_is_set_aside_and_the_next_one_taken(guard: Guard) -> None:
    guard.decide(record(mailbox="x" * 300 + "@ours.test"))  # type: ignore[arg-type]
    guard.decide(b'{"type":"decision"}', b"no json at all", record("d2"))  # type: ignore[arg-type]
    intake = guard.take()
    assert Incident.objects.filter(mailbox=ALICE).count() == 1
    assert intake.rejected >= 2
    kept = (Path(guard.settings.var) / "worker" / "rejected").read_bytes()
    assert b"no json at all" in kept


def test_a_record_that_breaks_our_code_is_set_aside(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ingest.record_detection

    def breaks(found: DecisionRecord) -> object:
        if found.id == "bad":
            raise RuntimeError("a bug")
        return real(found)

    monkeypatch.setattr(ingest, "record_detection", breaks)
    guard.decide(record("bad"), record("good"))
    assert guard.take().rejected == 1
    assert Incident.objects.count() == 1


def test_while_the_database_is_locked_nothing_is_lost(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: object) -> None:
        raise OperationalError("database is locked")

    guard.decide(record())
    intake = Intake(guard.settings)
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "record_detection", locked)
        with pytest.raises(OperationalError):
            intake.take()
    assert not Incident.objects.exists()
    assert intake.take() == 1
    assert Incident.objects.count() == 1
    assert intake.rejected == 0


def test_failed_logins_are_counted_per_source_and_hour(guard: Guard) -> None:
    guard.see(*(login(ip=f"192.0.2.{number % 4}") for number in range(100)), login(t=T + 3600, ip="192.0.2.0"))
    guard.take()
    assert SignIn.objects.count() == 5
    assert sum(SignIn.objects.values_list("count", flat=True)) == 101
    assert not Incident.objects.exists()


def test_successful_and_failed_logins_are_kept_apart(guard: Guard) -> None:
    guard.see(login(success=True), login(success=False), login(success=True))
    guard.take()
    assert {row.success: row.count for row in SignIn.objects.all()} == {True: 2, False: 1}


def test_queue_ids_belong_to_their_login_also_after_a_filter(guard: Guard) -> None:
    guard.see(
        MessageSubmitted(t=T, mailbox=ALICE, queue_id="4AAA", sender=ALICE, recipients=3, size=900),
        QueueIdPaired(t=T, mailbox=ALICE, queue_id="4AAA"),
        QueueIdPaired(t=T, mailbox=ALICE, queue_id="4BBB", former_queue_id="4AAA"),
    )
    guard.take()
    rows = {row.queue_id: (row.mailbox, row.recipients) for row in QueueIdLogin.objects.all()}
    assert rows == {"4AAA": (ALICE, 3), "4BBB": (ALICE, 3)}


def test_the_ledger_counts_pairs_and_arrivals(guard: Guard) -> None:
    guard.decide(record())
    guard.see(
        deferred("a@outside.test"),
        deferred("a@outside.test", T + 20),
        deferred("b@outside.test", T + 30),
        deferred("<>", T + 40, where="ours"),
        MailArrived(t=T + 100, mailbox=ALICE, sender="a@outside.test", queue_id="4A"),
        MailArrived(t=T + 101, mailbox=ALICE, sender="nobody@outside.test", queue_id="4B"),
    )
    guard.take()
    waiting = summarize(Incident.objects.get())
    assert (waiting.waited, waiting.arrived, waiting.tries) == (3, 1, 4)
    assert waiting.oldest_at is not None and waiting.oldest_at.timestamp() == T + 30
    assert waiting.earliest_return is not None and waiting.earliest_return.timestamp() == T + 30 + 2 * 86400


def test_mail_of_one_sender_to_two_forms_arrives_one_by_one(guard: Guard) -> None:
    guard.decide(record())
    guard.see(deferred(), deferred(t=T + 20, recipient="alice@alias.test"))
    guard.see(MailArrived(t=T + 100, mailbox=ALICE, sender="s@outside.test", queue_id="4A"))
    guard.take()
    assert summarize(Incident.objects.get()).arrived == 1


def test_a_pair_deferred_again_waits_again(guard: Guard) -> None:
    guard.decide(record())
    arrived = MailArrived(t=T + 15, mailbox=ALICE, sender="s@outside.test", queue_id="4A")
    guard.see(deferred(), arrived, deferred(t=T + 20))
    guard.take()
    assert summarize(Incident.objects.get()).arrived == 0


def test_a_deferral_without_an_incident_is_not_counted(guard: Guard) -> None:
    guard.see(deferred())
    guard.take()
    assert not DeferredPair.objects.exists()


def test_strangers_cannot_fill_the_ledger(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sekisho.incidents.deferred.MOST_PAIRS", 5)
    guard.decide(record())
    guard.see(*(deferred(f"s{number}@outside.test") for number in range(20)))
    guard.take()
    assert DeferredPair.objects.count() == 5


def test_a_planted_rule_bounces_and_a_gap_of_the_guard_are_in_the_story(guard: Guard) -> None:
    guard.decide(record())
    guard.see(
        ScriptChanged(t=T + 1, mailbox=ALICE, change="forward", target="x@evil.test", script="fwd", ip="192.0.2.1"),
        DeliveryResult(t=T + 2, mailbox=ALICE, queue_id="4A", recipient="a@b.test", status="bounced", dsn="5.1.1"),
        DeliveryResult(t=T + 3, mailbox=ALICE, queue_id="4A", recipient="c@b.test", status="bounced", dsn="5.1.1"),
        DeliveryResult(t=T + 3, mailbox=ALICE, queue_id="4A", recipient="d@b.test", status="sent", dsn="2.0.0"),
        GuardGap(t=T + 9, since=T + 5, until=T + 8),
    )
    guard.take()
    told = {entry.kind: entry.details for entry in TimelineEntry.objects.all()}
    assert told["script"]["target"] == "x@evil.test"
    assert told["mail_bounced"]["count"] == 2
    assert told["guard_gap"] == {"since": T + 5, "until": T + 8}
    assert Audit.objects.filter(verb="guard_gap").count() == 1


def test_a_notice_seen_in_the_log_is_sent(guard: Guard) -> None:
    guard.decide(record())
    guard.take()
    notice = Notice.objects.get()
    Notice.objects.update(state="sending")
    guard.see(NoticeSeen(t=T + 50, message_id=notice.message_id, queue_id="4C"))
    guard.take()
    notice.refresh_from_db()
    assert notice.state == "sent"


def test_a_letter_that_the_log_shows_in_its_mailbox_has_arrived(guard: Guard) -> None:
    letters.enqueue(ALICE, "test_mail", "test 1", ALICE, "ja", datetime.fromtimestamp(T, UTC))
    letter = Notice.objects.get()
    guard.see(NoticeArrived(t=T + 50, message_id=letter.message_id, mailbox=ALICE))
    guard.take()
    letter.refresh_from_db()
    assert letter.arrived_at is not None and letter.arrived_at.timestamp() == T + 50


KILLED = """
import os, sys
sys.path[:0] = [{tests!r}, {here!r}]
os.environ["DJANGO_SETTINGS_MODULE"] = "testing_settings"
import django
django.setup()
from django.conf import settings as django_settings
from django.db import connections
for alias in ("default", "site"):
    connections[alias].settings_dict["NAME"] = {databases!r} + "/" + alias
import msgspec
from sekisho.config import settings
from sekisho.incidents.ingest import Intake
intake = Intake(msgspec.structs.replace(settings(), var={var!r}))
while intake.take():
    pass
"""


@pytest.mark.parametrize("place", ["worker.ingest.before_commit", "worker.ingest.after_commit"])
def test_a_worker_killed_around_the_commit_counts_everything_once(guard: Guard, tmp_path: Path, place: str) -> None:
    here, databases, failpoints = Path(__file__).parent, tmp_path / "db", tmp_path / "failpoints"
    databases.mkdir()
    failpoints.mkdir()
    _copy_databases(databases)
    guard.decide(record())
    guard.see(deferred(), deferred(t=T + 20), login(), login())
    (failpoints / place).touch()
    script = KILLED.format(tests=str(here.parents[1]), here=str(here), databases=str(databases), var=str(tmp_path))
    environment = {**os.environ, "SEKISHO_FAILPOINTS": str(failpoints)}
    first = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert first.returncode == -signal.SIGKILL
    (failpoints / place).touch()
    second = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert second.returncode == -signal.SIGKILL
    third = subprocess.run([sys.executable, "-c", script], env=environment, timeout=60)
    assert third.returncode == 0
    assert _count(databases, "SELECT count(*), max(tries) FROM incidents_deferredpair") == (1, 2)
    assert _count(databases, "SELECT count(*), max(count) FROM incidents_signin") == (1, 2)
    assert _count(databases, "SELECT count(*) FROM incidents_incident") == (1,)


def _copy_databases(directory: Path) -> None:
    """The tests' two databases as files, for a process of its own."""
    from django.db import connections

    for alias in ("default", "site"):
        with connections[alias].cursor() as cursor:
            tables = "\n".join(line for line in cursor.connection.iterdump())
        import sqlite3

        with sqlite3.connect(directory / alias) as copy:
            copy.executescript(tables)


def _count(directory: Path, query: str) -> tuple[Any, ...]:
    import sqlite3

    with sqlite3.connect(directory / "default") as database:
        return tuple(database.execute(query).fetchone())


def test_a_message_id_is_kept_with_its_queue_id(guard: Guard) -> None:
    guard.see(
        MessageSubmitted(T, ALICE, "4msg", ALICE, 1, 500),
        QueueIdPaired(T, ALICE, "4msg", message_id="<1@shop.test>"),
        # The log names somebody else for it: whatever that is, it is not this message's.
        QueueIdPaired(T, "bob@shop.test", "4msg", message_id="<2@shop.test>"),
    )
    guard.take()
    assert QueueIdLogin.objects.get(pk="4msg").message_id == "<1@shop.test>"


def test_returned_mail_is_counted_for_the_incident_that_was_recovered_from(guard: Guard) -> None:
    guard.see(ReturnFiled(T, ALICE))
    guard.take()
    assert not TimelineEntry.objects.filter(kind="returned_filed").exists()
    guard.decide(record())
    guard.take()
    decisions.reinstate(ALICE, "operator")
    incident = Incident.objects.get()
    guard.see(*(ReturnFiled(T + 60 + number, ALICE) for number in range(3)), ReturnFiled(T + 3 * 86_400, ALICE))
    guard.take()
    assert returned_mail(incident) == 4
    assert TimelineEntry.objects.filter(kind="returned_filed").count() == 2


def test_the_order_to_open_names_what_was_sent_in_the_incident(guard: Guard) -> None:
    guard.see(
        MessageSubmitted(T - 86_400, ALICE, "4before", ALICE, 1, 500),
        MessageSubmitted(T, ALICE, "4spam", ALICE, 1, 500),
        QueueIdPaired(T, ALICE, "4spam", message_id="<spam@shop.test>"),
        MessageSubmitted(T, "bob@shop.test", "4bobs", ALICE, 1, 500),
    )
    guard.decide(record())
    guard.take()
    [order] = decisions.reinstate(ALICE, "operator")
    assert order.details["sent_ids"] == ["4spam"]
    assert order.details["sent_message_ids"] == ["<spam@shop.test>"]


def test_a_dismissal_names_nothing_for_the_mail_was_the_owners(guard: Guard) -> None:
    guard.see(MessageSubmitted(T, ALICE, "4spam", ALICE, 1, 500))
    guard.decide(record())
    guard.take()
    [order] = decisions.dismiss(Incident.objects.get(), "operator")
    assert "sent_ids" not in order.details
