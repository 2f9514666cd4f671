"""What was read in a session, as a row: each record once, the newest counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.utils import timezone
from test_decisions import ALICE, T

from sekisho.config import settings
from sekisho.config.model import RetentionSettings
from sekisho.incidents import retention, session_readings
from sekisho.incidents.ingest import Intake
from sekisho.incidents.models import Incident, SessionReading
from sekisho.journal import AppendLog, FolderRead, SearchMade, SessionRead, format_record

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def read(identifier: str = "r1", t: float = T, **fields: object) -> SessionRead:
    values: dict[str, object] = {
        "id": identifier,
        "t": t,
        "mailbox": ALICE,
        "session": "s1",
        "protocol": "imap",
        "ip": "203.0.113.9",
        "country": "NG",
        "asn": 64500,
        "since": T,
        "until": t,
        "ended": False,
    }
    return SessionRead(**{**values, **fields})  # type: ignore[arg-type]


def test_a_record_from_the_spool_becomes_a_row(two_tenants: None, tmp_path: Path) -> None:
    ours = msgspec.structs.replace(settings(), var=str(tmp_path))
    spool = AppendLog(ours.spool_directory, fsync=False, max_total_bytes=1 << 26)
    folders = (FolderRead("あいう", opened=1, uids="1:3", fetches=4),)
    searches = (SearchMade(T + 1, "INBOX", 'BODY "振込"'),)
    spool.append(format_record(read(folders=folders, searches=searches, octets=9, logged_fetches=4)))
    intake = Intake(ours)
    while intake.take():
        pass
    row = SessionReading.objects.get()
    assert (row.mailbox, row.ip, row.country, row.asn, row.ended) == (ALICE, "203.0.113.9", "NG", 64500, False)
    assert (row.folders[0]["name"], row.folders[0]["uids"], row.folders[0]["fetches"]) == ("あいう", "1:3", 4)
    assert row.searches == [{"t": T + 1, "folder": "INBOX", "words": 'BODY "振込"'}]
    assert (row.octets, row.logged_fetches) == (9, 4)


def test_of_two_records_of_a_session_the_newest_counts_whenever_it_is_taken(two_tenants: None) -> None:
    later = read(t=T + 60, folders=(FolderRead("INBOX", uids="1:2", fetches=2),), ended=True)
    for record in (read(folders=(FolderRead("INBOX", uids="1", fetches=1),)), later, later, read()):
        session_readings.keep(record)
    row = SessionReading.objects.get()
    assert (row.folders[0]["uids"], row.ended, row.until.timestamp()) == ("1:2", True, T + 60)


def days_ago(days: float, name: str = "") -> None:
    at = (timezone.now() - timedelta(days=days)).timestamp()
    session_readings.keep(read(name or f"r{days}", at, since=at))


def left() -> set[str]:
    """The rows after a prune."""
    for _ in retention.batches(RetentionSettings(), timezone.now()):
        pass
    return set(SessionReading.objects.values_list("pk", flat=True))


def test_a_travellers_rows_go_with_the_messages(two_tenants: None) -> None:
    days_ago(11)
    days_ago(9)
    assert left() == {"r9"}


def test_an_incident_keeps_what_was_read_in_its_time_and_a_dismissed_one_nothing(incident: Incident) -> None:
    now = timezone.now()
    first, recovered = now - timedelta(days=40), now - timedelta(days=38)
    Incident.objects.update(first_risk_at=first, recovered_at=recovered, closed_at=recovered, phase="closed")
    for days in (41, 39, 37):
        days_ago(days)
    assert left() == {"r39"}
    Incident.objects.update(phase="dismissed")
    assert left() == set()
