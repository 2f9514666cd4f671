"""What was kept long enough goes, in small batches; a domain's own days count for its mailboxes only; what is still in
use never goes."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from django.utils import timezone

from sekisho.cli import sekisho
from sekisho.config import RetentionSettings, Settings, settings
from sekisho.incidents import decisions, old_segments, retention
from sekisho.incidents.changes import NotAllowed
from sekisho.incidents.deferred import note_waiting
from sekisho.incidents.models import (
    Audit,
    DeferredPair,
    ForwardedMail,
    HeldMessage,
    Incident,
    Notice,
    QueueIdLogin,
    ReadPosition,
    ReportedMessage,
    RetentionRule,
    ScorePoint,
    SentElsewhere,
    SentRecipient,
    SessionReading,
    SignIn,
)
from sekisho.journal import AppendLog, Cursor, SenderDeferred, write_cursor
from sekisho.journal.files import SEGMENT_BYTES

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ALICE, CAROL = "alice@ours.test", "carol@theirs.test"
DEFAULTS = RetentionSettings()
IP = "192.0.2.1"


def prune(now=None) -> dict[tuple[str, str], int]:  # type: ignore[no-untyped-def]
    removed: dict[tuple[str, str], int] = {}
    for kind, domain, number in retention.batches(DEFAULTS, now or timezone.now()):
        removed[kind, domain] = removed.get((kind, domain), 0) + number
    return removed


def sign_in(mailbox: str, days: float, *, success: bool = True) -> None:
    at = timezone.now() - timedelta(days=days)
    SignIn.objects.create(mailbox=mailbox, at=at, success=success, protocol="imap", ip=IP)


def one_of_each(incident: Incident, days: float) -> None:
    """A row of every kind, so old."""
    at = timezone.now() - timedelta(days=days)
    sign_in(ALICE, days)
    sign_in(ALICE, days, success=False)
    QueueIdLogin.objects.create(queue_id=f"Q{days}", mailbox=ALICE, at=at)
    copy = {"recipient": f"r{days}@far.test", "domain": "far.test", "relation": "stranger"}
    SentRecipient.objects.create(queue_id=f"Q{days}", mailbox=ALICE, at=at, **copy)
    ForwardedMail.objects.create(mailbox=ALICE, target="x@far.test", via="sieve", hour=at, first_at=at, last_at=at)
    DeferredPair.objects.create(
        incident=incident,
        mailbox=ALICE,
        sender=f"s{days}@far.test",
        recipient=ALICE,
        where="sender",
        first_at=at,
        last_at=at,
    )
    HeldMessage.objects.create(incident=incident, host="h", queue_id=f"H{days}", state="purged", at=at)
    common = {"recipient": f"r{days}@far.test", "state": "sent", "created_at": at}
    Notice.objects.create(incident=incident, kind="x", message_id=f"<n{days}>", **common)
    Notice.objects.create(mailbox=ALICE, about=f"request {days}", kind="x", message_id=f"<l{days}>", **common)
    ScorePoint.objects.create(id=f"p{days}", mailbox=ALICE, generation=0, t=at, score=1.0)
    SentElsewhere.objects.create(mailbox=ALICE, day=at.date(), ip=IP, refused=True, first_at=at, last_at=at)
    ReportedMessage.objects.create(key=f"c{days}", mailbox=ALICE, first_at=at, last_at=at)
    SessionReading.objects.create(id=f"r{days}", mailbox=ALICE, session="s", since=at, until=at, told_at=at)


def test_every_kind_goes_after_its_days_and_not_before(incident: Incident) -> None:
    decisions.dismiss(incident, "operator")
    Incident.objects.filter(pk=incident.pk).update(closed_at=timezone.now() - timedelta(days=400))
    Notice.objects.all().delete()
    one_of_each(incident, 1)
    assert set(prune()) == {("correspondents", "")}, "that one counts from the end of its incident"
    one_of_each(incident, 4000)
    assert {kind for kind, _ in prune()} == set(retention.KINDS)
    assert prune() == {}
    for model in (SignIn, QueueIdLogin, HeldMessage, Notice, ScorePoint, ReportedMessage):
        assert model.objects.exists(), "the young one stays"
    assert Incident.objects.filter(pk=incident.pk).exists() and Audit.objects.exists()


def test_what_an_incident_s_mailbox_sent_stays_until_its_report_is_no_longer_asked_for(incident: Incident) -> None:
    now = timezone.now()

    def kept() -> set[str]:
        prune()
        return set(SentRecipient.objects.values_list("queue_id", flat=True))

    first_risk, recovered = now - timedelta(days=60), now - timedelta(days=50)
    Incident.objects.filter(pk=incident.pk).update(first_risk_at=first_risk, recovered_at=recovered)
    copy = {"recipient": "r@far.test", "domain": "far.test", "relation": "stranger"}
    for name, mailbox, days in (
        ("before", ALICE, 61), ("during", ALICE, 55), ("after", ALICE, 49), ("another", CAROL, 55), ("young", CAROL, 1),
    ):  # fmt: skip
        SentRecipient.objects.create(queue_id=name, mailbox=mailbox, at=now - timedelta(days=days), **copy)
    assert kept() == {"during", "young"}
    Incident.objects.filter(pk=incident.pk).update(phase="closed", closed_at=now - timedelta(days=89))
    assert kept() == {"young"}, "closed before, it needs nothing of later days"
    Incident.objects.filter(pk=incident.pk).update(first_risk_at=now - timedelta(days=95))
    SentRecipient.objects.create(queue_id="during", mailbox=ALICE, at=now - timedelta(days=93), **copy)
    assert kept() == {"during", "young"}
    Incident.objects.filter(pk=incident.pk).update(closed_at=now - timedelta(days=91))
    assert kept() == {"young"}


@pytest.mark.parametrize("kind", [name for name in retention.KINDS if name not in retention.SETTING_OF])
def test_every_kind_has_a_setting(kind: str) -> None:
    assert retention.days_of(DEFAULTS, kind) >= retention.LEAST_DAYS


def test_who_waits_for_an_open_incident_is_kept_and_a_forgotten_one_leaves_its_number(incident: Incident) -> None:
    long_ago = timezone.now() - timedelta(days=300)
    for number in range(3):
        note_waiting(
            SenderDeferred(
                long_ago.timestamp(), ALICE, f"s{number}@far.test", ALICE, "out.far.test[192.0.2.9]", "sender"
            )
        )
    assert prune() == {}
    DeferredPair.objects.filter(sender="s0@far.test").update(arrived_at=long_ago)
    decisions.dismiss(incident, "operator")
    Incident.objects.filter(pk=incident.pk).update(closed_at=timezone.now() - timedelta(days=91))
    assert prune()["correspondents", ""] == 3
    entry = incident.timeline.get(kind="senders_forgotten")
    assert entry.details == {"count": 3, "arrived": 1}


def test_what_is_on_hold_or_unsent_never_goes(incident: Incident) -> None:
    long_ago = timezone.now() - timedelta(days=4000)
    for state in HeldMessage.STATES:
        HeldMessage.objects.create(incident=incident, host="h", queue_id=state, state=state, at=long_ago)
    Notice.objects.all().delete()
    for state in ("open", "sending", "sent"):
        Notice.objects.create(
            incident=incident, kind=state, recipient="x@far.test", message_id=state, state=state, created_at=long_ago
        )
    prune()
    assert set(HeldMessage.objects.values_list("state", flat=True)) == {"held", "released"}
    assert set(Notice.objects.values_list("state", flat=True)) == {"open", "sending"}


def test_a_domains_own_days_count_for_its_mailboxes_alone(two_tenants: None) -> None:
    for mailbox in (ALICE, CAROL, "mallory@not-ours.test"):
        for days in (20, 100):
            sign_in(mailbox, days)
    assert retention.set_rule("ours.test", "sign_ins", 14, "operator")
    assert retention.set_rule("theirs.test", "sign_ins", 36_500, "operator")
    assert not retention.set_rule("ours.test", "sign_ins", 14, "operator")
    assert Audit.objects.get(verb="retention", domain="ours.test").details == {
        "kind": "sign_ins", "before": None, "days": 14,
    }  # fmt: skip
    assert prune() == {("sign_ins", "ours.test"): 2, ("sign_ins", ""): 1}
    assert SignIn.objects.filter(mailbox=CAROL).count() == 2
    retention.set_rule("theirs.test", "sign_ins", None, "operator")
    assert prune() == {("sign_ins", ""): 1}


@pytest.mark.parametrize(
    ("domain", "kind", "days"), [("far.test", "scores", 30), ("ours.test", "audit", 30), ("ours.test", "scores", 6)]
)
def test_a_rule_that_makes_no_sense_is_refused(two_tenants: None, domain: str, kind: str, days: int) -> None:
    with pytest.raises(NotAllowed):
        retention.set_rule(domain, kind, days, "operator")
    assert not RetentionRule.objects.exists()


def test_it_goes_in_batches(two_tenants: None) -> None:
    for _ in range(5):
        sign_in(ALICE, 100)
    sizes = [number for _, _, number in retention.batches(DEFAULTS, timezone.now(), size=2)]
    assert sizes == [2, 2, 1]


# --- the guard's files


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = msgspec.structs.replace(settings(), var=str(tmp_path))
    monkeypatch.setattr("sekisho.cli.prune.settings", lambda: found)
    return found


def segments_of(site: Settings, ages: list[int]) -> list[Path]:
    """A journal of segments so many days old, the newest last."""
    log = AppendLog(site.journal_directory, fsync=False, max_total_bytes=100 * SEGMENT_BYTES)
    for _ in ages:
        log.append(b'{"pad": "' + b"x" * SEGMENT_BYTES + b'"}')
    log.close()
    paths = sorted(site.journal_directory.glob("*.log"))
    for path, age in zip(paths, ages, strict=True):
        at = timezone.now().timestamp() - age * 86_400
        os.utime(path, (at, at))
    return paths


def read_to(site: Settings, worker: int, agent: int) -> None:
    ReadPosition.objects.update_or_create(name=f"journal@{site.host}", defaults={"segment": worker})
    write_cursor(Path(site.var) / "agent" / "journal.cursor", Cursor(agent, 0))


def test_segments_go_when_they_are_old_and_both_readers_have_left_them(site: Settings) -> None:
    paths = segments_of(site, [400, 300, 200, 10])
    read_to(site, 4, 1)
    assert old_segments.due(site, timezone.now()) == []
    read_to(site, 2, 4)
    assert old_segments.due(site, timezone.now()) == paths[:1]
    read_to(site, 4, 4)
    assert old_segments.remove(site, timezone.now()) == 3
    assert sorted(site.journal_directory.glob("*.log")) == paths[3:]


def test_the_segment_being_written_stays_however_old(site: Settings) -> None:
    paths = segments_of(site, [400])
    read_to(site, 9, 9)
    assert old_segments.remove(site, timezone.now()) == 0 and paths[0].exists()


# --- the commands


def run(*arguments: str) -> str:
    result = CliRunner().invoke(sekisho, list(arguments), env={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"})
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_a_dry_run_counts_and_removes_nothing(two_tenants: None, site: Settings) -> None:
    sign_in(ALICE, 100)
    assert "would go" in run("prune", "--dry-run")
    rows = {row["kind"]: row["rows"] for row in json.loads(run("prune", "--dry-run", "--json"))["rows"]}
    assert rows["sign_ins"] == 1 and rows["journal_segments"] == 0 and SignIn.objects.count() == 1
    rows = {row["kind"]: row["rows"] for row in json.loads(run("prune", "--json"))["rows"]}
    assert rows["sign_ins"] == 1 and not SignIn.objects.exists()


def test_a_domains_days_are_set_and_shown(two_tenants: None, site: Settings) -> None:
    found = json.loads(run("domain", "retention", "OURS.test", "scores", "30", "--json"))
    assert {"kind": "scores", "days": 30, "own": True} in found["retention"]
    run("domain", "retention", "ours.test", "scores", "default")
    assert "yes" not in run("domain", "retention", "ours.test")
