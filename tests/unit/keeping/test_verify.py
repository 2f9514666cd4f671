"""Record, ledger, barrier, Dovecot, queue and the site's table are compared; what disagrees is named, and repaired only
where that shuts more or shows better."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from containment.fake_host import Clock, FakeHost
from django.utils import timezone

from sekisho.config import Settings, settings
from sekisho.containment.barrier import ensure
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.deploy.doctor import Verdict
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import audit, decisions
from sekisho.incidents.models import Audit, HeldMessage, Incident, MailboxStatus
from sekisho.keeping import verify

pytestmark = pytest.mark.django_db(databases=["default", "site"])
ALICE, CAROL = "alice@ours.test", "carol@theirs.test"


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings(), var=str(tmp_path / "var"), barrier=str(tmp_path / "barrier"))


@pytest.fixture
def host(site: Settings) -> FakeHost:
    host = FakeHost(Path(site.barrier), Clock())
    ensure(site, host)
    return host


def hold(site: Settings, mailbox: str, **fields: object) -> Entry:
    entry = Entry(mailbox, 0, "suspended", None, 1.0, 1.0, [mailbox], [mailbox])
    entry.plans["contain"] = PlanRecord("contain", 0, 1.0)
    for name, value in fields.items():
        setattr(entry, name, value)
    Ledger(site.ledger_directory).save(entry)
    return entry


@pytest.fixture
def shut(site: Settings, host: FakeHost, incident: Incident) -> Entry:
    """alice is suspended everywhere."""
    entry = hold(site, ALICE, former_active=True)
    ensure(site, host)
    SiteMailbox.objects.filter(username=ALICE).update(active=False)
    return entry


def bad(site: Settings, host: FakeHost) -> dict[str, Verdict]:
    found = verify.examine(site, runner=host, sleep=lambda seconds: None)
    assert len({one.name for one in found}) == len(found) >= 12
    assert all(one.evidence[0] and one.evidence[1] for one in found)
    assert all(one.repair[0] for one in found if one.verdict)
    return {one.name: one.verdict for one in found if one.verdict}


def test_a_host_on_which_all_agrees(site: Settings, host: FakeHost, shut: Entry) -> None:
    assert bad(site, host) == {}
    assert verify.repair(site, "operator", host) == []


def test_the_record_calls_shut_what_is_not_held(site: Settings, host: FakeHost, shut: Entry) -> None:
    decisions.suspend(CAROL, "spam", "operator")
    assert "record.ledger" in bad(site, host)


def test_what_is_held_without_a_record_gets_one(site: Settings, host: FakeHost, shut: Entry) -> None:
    hold(site, CAROL)
    ensure(site, host)
    assert bad(site, host)["ledger.record"] is Verdict.FAIL
    assert any(CAROL in line for line in verify.repair(site, "operator", host))
    assert MailboxStatus.objects.get(pk=CAROL).status == "suspended"
    assert decisions.open_incident(CAROL) is not None
    assert "ledger.record" not in bad(site, host)


def test_a_missing_row_is_named_and_stands_again(site: Settings, host: FakeHost, shut: Entry) -> None:
    (Path(site.barrier) / "deny").write_text("")
    assert bad(site, host) == {"barrier.rows": Verdict.FAIL}
    (Path(site.barrier) / "rcpt.lmdb").unlink()
    assert bad(site, host) == {"barrier.rows": Verdict.FAIL}
    verify.repair(site, "operator", host)
    assert bad(site, host) == {}


def test_a_row_that_nobody_can_explain_is_named_and_stays(site: Settings, host: FakeHost, shut: Entry) -> None:
    with (Path(site.barrier) / "deny").open("a") as deny:
        deny.write("stranger@ours.test\n")
    assert bad(site, host) == {"barrier.unexplained": Verdict.WARN}
    verify.repair(site, "operator", host)
    assert "stranger@ours.test" in (Path(site.barrier) / "deny").read_text()


def test_a_session_of_a_suspended_mailbox_is_ended(site: Settings, host: FakeHost, shut: Entry) -> None:
    host.sessions[ALICE] = 2
    assert bad(site, host) == {"dovecot.sessions": Verdict.FAIL}
    assert verify.repair(site, "operator", host) == [f"sessions of {ALICE} ended"]
    assert bad(site, host) == {}


def test_mail_that_should_be_on_hold_is_put_there_again(site: Settings, host: FakeHost, shut: Entry) -> None:
    host.add_message("4ABCDEF1234", "victim@far.test")
    hold(site, ALICE, former_active=True, held=["4ABCDEF1234"])
    assert bad(site, host) == {"queue.held": Verdict.FAIL}
    verify.repair(site, "operator", host)
    assert bad(site, host) == {}
    host.queue.clear()
    assert bad(site, host) == {"queue.held": Verdict.WARN}


def test_held_mail_that_no_ledger_entry_knows_is_named(
    site: Settings, host: FakeHost, shut: Entry, incident: Incident
) -> None:
    HeldMessage.objects.create(
        incident=incident, host=site.host, queue_id="4ABCDEF9999", state="held", at=timezone.now()
    )
    assert bad(site, host) == {"record.held": Verdict.WARN}


def test_a_click_in_the_sites_panel_is_named_and_shown_right(site: Settings, host: FakeHost, shut: Entry) -> None:
    SiteMailbox.objects.filter(username=ALICE).update(active=True)
    assert bad(site, host) == {"site.active": Verdict.WARN}
    verify.repair(site, "operator", host)
    assert not SiteMailbox.objects.get(username=ALICE).active
    SiteMailbox.objects.filter(username=ALICE).delete()
    assert bad(site, host) == {"site.mailboxes": Verdict.WARN}


def test_a_suspension_without_an_incident_is_named_and_gets_one(
    site: Settings, host: FakeHost, shut: Entry, incident: Incident
) -> None:
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    assert bad(site, host) == {"record.incidents": Verdict.FAIL}
    verify.repair(site, "operator", host)
    assert "record.incidents" not in bad(site, host)


def test_an_altered_audit_log_is_named(site: Settings, host: FakeHost, shut: Entry) -> None:
    from django.db import connections

    from sekisho.incidents.audit_seal import unseal

    unseal(connections["default"], "update")
    audit.record("operator", "looked", ALICE)
    Audit.objects.filter(verb="looked").update(actor="nobody")
    assert bad(site, host) == {"audit": Verdict.FAIL}


def test_a_suspension_under_way_is_looked_at_again(site: Settings, host: FakeHost, shut: Entry) -> None:
    decisions.suspend(CAROL, "spam", "operator")

    def agent_follows(seconds: float) -> None:
        hold(site, CAROL, former_active=True)
        ensure(site, host)
        SiteMailbox.objects.filter(username=CAROL).update(active=False)

    found = verify.examine(site, runner=host, sleep=agent_follows)
    assert [one.name for one in found if one.verdict] == []
