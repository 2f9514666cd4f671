"""The owner's letters: to whom they may go, when, how many an hour, and how they look."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from reporting import rows
from sekisho.directory.models import SiteMailbox
from sekisho.impact import apologies
from sekisho.impact.model import EvidenceRow
from sekisho.incidents import letters
from sekisho.incidents.models import Audit, Incident, MailboxStatus, Notice

sys.path.insert(0, str(Path(__file__).parents[1] / "incidents"))
from test_notices import Postfix, outbox, postfix  # noqa: F401

pytestmark = pytest.mark.django_db(databases=["default", "site"])
CHOSEN = ["nakamura@yubin.test", "kyoko.ito@tegami.test"]


@pytest.fixture
def recovered(incident: Incident) -> Incident:
    now = timezone.now()
    Incident.objects.filter(pk=incident.pk).update(recovered_at=now, contained_at=now, phase="recovered")
    MailboxStatus.objects.update_or_create(
        mailbox=incident.mailbox,
        defaults={"domain": incident.domain, "status": "probation", "generation": 1, "since": now},
    )
    SiteMailbox.objects.filter(username=incident.mailbox).update(name="佐藤 花子")
    Notice.objects.all().delete()
    incident.refresh_from_db()
    return incident


def ask(incident: Incident, chosen=CHOSEN, delivered=None, now=None) -> int:
    given = rows("sent.delivered") if delivered is None else delivered
    return apologies.send(incident, given, chosen, "ja", "owner (app)", now or timezone.now())


def test_it_is_written_to_those_chosen_once_and_to_nobody_else(recovered):
    assert ask(recovered) == 2
    with pytest.raises(apologies.NotNow) as refused:
        ask(recovered)
    assert refused.value.why == "nobody"
    assert set(Notice.objects.values_list("recipient", flat=True)) == set(CHOSEN)
    assert ask(recovered, ["chumon@hanaichi.test"]) == 1
    assert [row.details["recipients"] for row in Audit.objects.filter(verb="apology_asked")] == [2, 1]


def test_somebody_who_did_not_get_the_mail_cannot_be_written_to(recovered):
    with pytest.raises(apologies.NotNow):
        ask(recovered, ["president@government.test"])
    assert not Notice.objects.filter(kind="apology").exists()


def test_nothing_leaves_before_the_recovery_or_while_the_mailbox_is_shut_again(recovered, postfix):  # noqa: F811
    Incident.objects.filter(pk=recovered.pk).update(recovered_at=None)
    recovered.refresh_from_db()
    with pytest.raises(apologies.NotNow) as refused:
        ask(recovered)
    assert refused.value.why == "shut"
    Incident.objects.filter(pk=recovered.pk).update(recovered_at=timezone.now())
    recovered.refresh_from_db()
    ask(recovered)
    MailboxStatus.objects.filter(mailbox=recovered.mailbox).update(status="suspended")
    outbox().send_due(timezone.now(), True)
    assert postfix.sent == [] and set(Notice.objects.values_list("state", flat=True)) == {"dropped"}


def test_two_months_later_it_is_too_late(recovered):
    with pytest.raises(apologies.NotNow) as refused:
        ask(recovered, now=timezone.now() + apologies.WITHIN + timedelta(days=1))
    assert refused.value.why == "late"


def test_twenty_leave_within_an_hour_and_others_mail_does_not_wait_for_them(recovered, postfix, monkeypatch):  # noqa: F811
    many = [EvidenceRow("d", "recipient", str(n), 0.0, {"recipient": f"p{n}@many.test"}) for n in range(45)]
    assert ask(recovered, [f"p{n}@many.test" for n in range(45)], many) == 45
    letters.compose_by(["test"], lambda letter: ("about", "text"))
    monkeypatch.setattr(letters, "_composers", letters._composers)
    letters.enqueue("bob@ours.test", "test", "x", "boss@outside.test", "ja", timezone.now())
    box, now = outbox(), timezone.now()
    for _ in range(4):
        box.send_due(now, True)
    assert len(postfix.sent) == apologies.AN_HOUR + 1
    assert "boss@outside.test" in [message["To"] for message in postfix.sent]
    box.send_due(now + timedelta(minutes=59), True)
    assert len(postfix.sent) == apologies.AN_HOUR + 1
    box.send_due(now + timedelta(minutes=61), True)
    assert len(postfix.sent) == 2 * apologies.AN_HOUR + 1
    assert apologies.stop(recovered, "owner (app)", now) == 5


def test_more_than_a_days_worth_is_refused_as_a_whole(recovered):
    many = [EvidenceRow("d", "recipient", str(n), 0.0, {"recipient": f"p{n}@many.test"}) for n in range(481)]
    with pytest.raises(apologies.NotNow) as refused:
        ask(recovered, [f"p{n}@many.test" for n in range(481)], many)
    assert refused.value.why == "many" and not Notice.objects.exists()


def test_it_leaves_from_the_owners_own_address_as_a_persons_mail(recovered, postfix):  # noqa: F811
    ask(recovered, CHOSEN[:1])
    outbox().send_due(timezone.now(), True)
    (message,) = postfix.sent
    assert message["From"] == f'"佐藤 花子" <{recovered.mailbox}>' or recovered.mailbox in message["From"]
    assert recovered.mailbox in message["Reply-To"] and message["Auto-Submitted"] is None
    assert message["To"] == CHOSEN[0]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_it_does_not_look_like_phishing(recovered, language):
    subject, body = apologies.text(recovered, language, CHOSEN[0])
    assert not re.search(r"https?:|www\.|://|\.example/|ログインして|至急|click|urgent", f"{subject}\n{body}", re.I)
    assert recovered.mailbox in subject and "\n" not in subject and CHOSEN[0] in body
    assert {word for word in re.findall(r"[\w.]+@[\w.]+", body)} <= {recovered.mailbox, CHOSEN[0]}


@pytest.mark.parametrize("name", ["http://evil.test", "Bank\r\nBcc: all@evil.test", "support@bank.test", "  "])
def test_a_name_that_would_mislead_is_left_out(recovered, name):
    SiteMailbox.objects.filter(username=recovered.mailbox).update(name=name)
    assert name.strip() not in apologies.text(recovered, "ja")[1] or not name.strip()
    ask(recovered, CHOSEN[:1])
    sender = letters.sender_of(Notice.objects.get(kind="apology"))
    assert sender is not None and sender.addr_spec == recovered.mailbox and "\n" not in sender.display_name
