"""The incident page and what can be done there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

import casting
from casting import FOREIGN, VICTIM
from sekisho.incidents.models import (
    Audit,
    DeferredPair,
    Incident,
    MailboxStatus,
    Order,
    ReportedMessage,
    SignIn,
    Step,
    TimelineEntry,
)
from sekisho.incidents.timeline import add_entry

OFFICE = "198.18.40.9"
pytestmark = pytest.mark.django_db(databases=["default", "site"])


def page(client, incident) -> str:
    return client.get(reverse("incident", args=[incident.pk])).content.decode()


@pytest.mark.parametrize("language,index", [("ja", 2), ("en", 3)])
def test_evidence_is_told_in_the_viewers_language(language, index, incident, sign_in):
    text = page(sign_in("owner", language), incident)
    for indicator in casting.INDICATORS:
        assert indicator[index] in text


def test_steps_have_a_word_beside_their_colour(incident, sign_in):
    Step.objects.filter(incident=incident, name="kick_sessions").update(state="failed")
    text = page(sign_in("operator", "ja"), incident)
    assert "失敗(再試行します)" in text
    assert len(re.findall(r'class="step-done">\s*<span class="badge tone-good">完了</span>', text)) == 9


def test_who_still_tries_the_old_password_is_listed_and_told_apart(incident, sign_in):
    assert "以前のパスワードでの試行" not in page(sign_in("owner", "ja"), incident)
    at = timezone.now()
    known = [at - timedelta(days=day) for day in (2, 3, 4)]
    SignIn.objects.bulk_create(
        SignIn(mailbox=VICTIM, at=day, success=True, protocol="imap", ip=OFFICE) for day in known
    )
    for ip, device, country in ((OFFICE, "<b>iPhone Mail</b>", "JP"), ("198.19.18.66", "", "NG")):
        SignIn.objects.create(
            mailbox=VICTIM, at=at, success=False, protocol="imap", ip=ip, device=device, country=country, count=7,
            old_password=True,
        )  # fmt: skip
    text = page(sign_in("owner", "ja"), incident).partition("以前のパスワードでの試行")[2]
    device, stranger = (line for line in text.split("<li>") if "7回" in line)
    if OFFICE not in device:
        device, stranger = stranger, device
    assert "更新が必要な端末" in device and "&lt;b&gt;iPhone Mail" in device
    assert "第三者" in stranger and "198.19.18.66" in stranger and "NG" in stranger


def test_dismissal_needs_the_address_typed(incident, sign_in):
    client = sign_in("owner", "ja")
    answer = client.post(reverse("incident_dismiss", args=[incident.pk]), {"address": FOREIGN})
    assert "このインシデントのものと違います" in answer.content.decode()
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"


@pytest.mark.parametrize("who", ["operator", "owner", "colleague"])
def test_dismissal_opens_the_mailbox_and_is_audited(who, incident, cast, sign_in):
    client = sign_in(who)
    answer = client.post(reverse("incident_dismiss", args=[incident.pk]), {"address": f" {VICTIM.upper()} "})
    assert answer.url == reverse("incident", args=[incident.pk])
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "active"
    assert Incident.objects.get(pk=incident.pk).phase == "dismissed"
    assert Order.objects.get(kind="dismiss").mailbox == VICTIM
    assert Audit.objects.filter(account=getattr(cast, who), subject=VICTIM, verb="active").exists()


def test_a_second_dismissal_changes_nothing_and_says_so(incident, sign_in):
    client = sign_in("owner")
    client.post(reverse("incident_dismiss", args=[incident.pk]), {"address": VICTIM})
    answer = client.post(reverse("incident_dismiss", args=[incident.pk]), {"address": VICTIM}, follow=True)
    assert "moved on meanwhile" in answer.content.decode()
    assert Order.objects.filter(kind="dismiss").count() == 1


def test_an_incident_that_holds_a_mailbox_is_not_closed(incident, sign_in):
    client = sign_in("operator")
    assert "Close the incident" not in page(client, incident)
    answer = client.post(reverse("incident_close", args=[incident.pk]), follow=True)
    assert "moved on meanwhile" in answer.content.decode()
    assert Incident.objects.get(pk=incident.pk).phase == "contained"


def test_a_recovered_incident_is_closed(incident, sign_in):
    from sekisho.recovery import flow

    flow.reinstate(VICTIM, casting.NEW_PASSWORD, "operator")
    client = sign_in("owner")
    assert "Close the incident" in page(client, incident)
    client.post(reverse("incident_close", args=[incident.pk]))
    assert Incident.objects.get(pk=incident.pk).phase == "closed"


def test_it_counts_senders_once_and_those_whose_mail_arrived(incident, sign_in):
    DeferredPair.objects.filter(sender="nakamura@yubin.test").update(arrived_at=incident.detected_at)
    once = DeferredPair.objects.get(sender="chumon@hanaichi.test")
    once.pk, once.recipient = None, f"sato@alias.{casting.DOMAIN}"
    once.save()
    text = page(sign_in("owner", "en"), incident)
    assert "At least <strong>2 senders</strong>" in text
    assert "The mail of 1 has arrived since" in text


def test_a_timeline_word_we_do_not_know_is_shown_rather_than_lost(incident, sign_in):
    TimelineEntry.objects.create(incident=incident, at=incident.detected_at, kind="brand_new", key="x")
    assert "brand new" in page(sign_in("owner"), incident)


def test_evidence_cannot_bring_markup_into_the_page(incident, sign_in):
    DeferredPair.objects.filter(sender="nakamura@yubin.test").update(sender="<script>alert(1)</script>@x.test")
    text = page(sign_in("owner"), incident)
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_the_list_shows_open_ones_first_and_all_on_demand(incident, sign_in):
    Incident.objects.filter(pk=incident.pk).update(phase="closed")
    client = sign_in("owner")
    assert VICTIM not in client.get(reverse("incidents")).content.decode()
    assert VICTIM in client.get(reverse("incidents") + "?show=all").content.decode()
    assert VICTIM in client.get(reverse("incidents") + "?show=all&q=198.19.18.66").content.decode()


def test_the_dashboard_counts_and_shows_who_is_silent(incident, sign_in):
    from datetime import timedelta

    from django.utils import timezone

    from sekisho.incidents.models import HostHeartbeat

    casting.heartbeats()
    HostHeartbeat.objects.filter(process="agent").update(at=timezone.now() - timedelta(minutes=5))
    HostHeartbeat.objects.filter(process="guard").update(facts={"alarms": ["journal cannot be written"]})
    text = sign_in("operator").get(reverse("dashboard")).content.decode()
    assert "No sign of life" in text and "journal cannot be written" in text and VICTIM in text
    assert "No sign of life" not in sign_in("owner").get(reverse("dashboard")).content.decode()


def test_a_restriction_does_not_claim_that_doors_were_shut(incident, sign_in):
    """The page once said of a restricted mailbox that every door was shut and that its mail waits; neither is true."""
    Incident.objects.filter(pk=incident.pk).update(action="restrict")
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="restricted")
    DeferredPair.objects.all().delete()
    entry = TimelineEntry.objects.get(incident=incident, kind="contained")
    entry.key = f"contained-{incident.pk}-restrict"
    entry.save()
    text = page(sign_in("operator", "en"), incident)
    for false in ("Every door was tried", "All doors shut", "stays at the sender", "open the mailbox"):
        assert false not in text
    assert "receives mail as usual" in text
    assert "The restriction is in force on every mail host" in text


def test_the_answer_lifts_a_restriction(incident, sign_in):
    Incident.objects.filter(pk=incident.pk).update(action="restrict")
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="restricted", limit=10)
    client = sign_in("owner", "ja")
    assert "はい、本人が送信しました" in page(client, incident)
    client.post(reverse("incident_answer", args=[incident.pk]))
    status = MailboxStatus.objects.get(mailbox=VICTIM)
    assert (status.status, status.generation) == ("active", 1)
    assert Order.objects.get(kind="release").mailbox == VICTIM


def test_the_answer_opens_no_suspended_mailbox(incident, sign_in):
    """Only a new password or a dismissal does; the question is asked about restrictions alone."""
    client = sign_in("owner", "en")
    assert "the owner started it" not in page(client, incident)
    client.post(reverse("incident_answer", args=[incident.pk]))
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"
    assert Order.objects.filter(kind="release").count() == 0


def test_a_stranger_cannot_answer(incident, sign_in):
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="restricted")
    assert sign_in("stranger").post(reverse("incident_answer", args=[incident.pk])).status_code == 404
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "restricted"


def test_the_dashboard_names_the_address_data_with_its_date(incident, sign_in):
    from sekisho.incidents.models import HostHeartbeat

    casting.heartbeats()
    source = {"kind": "tor-geoipdb", "path": "/usr/share/tor/geoip", "made_at": 1_782_362_039.0}
    HostHeartbeat.objects.filter(process="guard").update(facts={"address_sources": [source]})
    text = sign_in("operator").get(reverse("dashboard")).content.decode()
    assert "Address data: tor-geoipdb of 2026-06-25" in text
    assert "tor-geoipdb" not in sign_in("owner").get(reverse("dashboard")).content.decode()


def test_complaints_and_returned_mail_are_counted(incident, sign_in):
    at = incident.first_risk_at
    for key, vouched_by in (("4a", "192.0.2.0/28"), ("4b", "192.0.2.0/28"), ("4c", "")):
        ReportedMessage.objects.create(
            key=key, mailbox=VICTIM, submitted_at=at, first_at=at, last_at=at, vouched_by=vouched_by
        )
    add_entry(incident, at, "complaint", "c", {"count": 2, "reporter": "192.0.2.0/28"})
    add_entry(incident, at, "returned_filed", "r", {"count": 37})
    text = page(sign_in("owner", "en"), incident)
    assert "2 reported messages" in text and "and 1 by a reporter nobody vouches for" in text
    assert "37 messages in a folder of their own" in text
    assert "Receivers report mail of this mailbox as spam: 2 messages" in text
    assert "192.0.2.0/28" in text
    assert "専用フォルダーに 37 通" in page(sign_in("owner", "ja"), incident)
