"""Accepting and keeping a suspended mailbox' mail, in the panel: the clock, the switch, the domain's rule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from casting import VICTIM
from sekisho.incidents import rescue
from sekisho.incidents.models import DeferredPair, MailboxStatus, Order

DOMAIN = VICTIM.partition("@")[2]
pytestmark = pytest.mark.django_db(databases=["default", "site"])


def page(client, incident) -> str:
    return client.get(reverse("incident", args=[incident.pk])).content.decode()


def press(client, incident, state: str):
    return client.post(reverse("incident_rescue", args=[incident.pk]), {"state": state}, follow=True)


def test_the_clock_says_how_long_the_first_sender_has(incident, sign_in):
    DeferredPair.objects.update(give_up_at=timezone.now() + timedelta(hours=31, minutes=20))
    for who, language, words in (("owner", "ja", "31時間"), ("operator", "en", "in about 31 hours")):
        client = sign_in(who, language)
        assert words in page(client, incident)
        assert words in client.get(reverse("dashboard")).content.decode()
        assert words in client.get(reverse("mailbox_edit", args=[VICTIM])).content.decode()


def test_what_never_came_back_is_said(incident, sign_in):
    DeferredPair.objects.update(give_up_at=timezone.now() - timedelta(hours=1))
    senders = DeferredPair.objects.filter(arrived_at=None).values("sender").distinct().count()
    client = sign_in("operator")
    assert "may have given up since" in client.get(reverse("dashboard")).content.decode()
    text = page(client, incident)
    assert f"{senders} senders have not come back" in text and "may have given up since" in text


def test_the_operator_switches_it_on_and_off(incident, sign_in):
    client = sign_in("operator")
    assert "Accept and keep the mail" in page(client, incident)
    text = press(client, incident, "on").content.decode()
    assert "stays suspended" in text and "Let senders wait again" in text
    assert MailboxStatus.objects.get(mailbox=VICTIM).rescue_since is not None
    assert "Its mail is accepted and kept." in client.get(reverse("dashboard")).content.decode()
    assert "accepted and kept" in client.get(reverse("mailbox_edit", args=[VICTIM])).content.decode()
    press(client, incident, "off")
    assert MailboxStatus.objects.get(mailbox=VICTIM).rescue_since is None
    assert list(Order.objects.filter(kind="rescue_off").values_list("state", flat=True)) == ["open"]


def test_a_domain_admin_sees_it_and_cannot_switch_it(incident, sign_in):
    client = sign_in("owner")
    assert "Accept and keep the mail" not in page(client, incident)
    assert press(client, incident, "on").status_code == 404
    assert client.post(reverse("rescue_rule", args=[DOMAIN]), {"hours": "5"}).status_code == 404
    assert not Order.objects.filter(kind="rescue_on").exists() and rescue.rule_of(DOMAIN) is None
    press(sign_in("operator"), incident, "on")
    assert "accepted and kept for its owner" in page(client, incident)


def test_it_changes_nothing_by_a_link_or_with_another_word(incident, sign_in):
    client = sign_in("operator")
    assert client.get(reverse("incident_rescue", args=[incident.pk])).status_code == 405
    assert press(client, incident, "perhaps").status_code == 404
    assert not Order.objects.filter(kind="rescue_on").exists()


def test_a_button_of_yesterday_says_that_things_have_moved_on(incident, sign_in):
    MailboxStatus.objects.filter(mailbox=VICTIM).update(status="probation")
    assert "has moved on" in press(sign_in("operator"), incident, "on").content.decode()


def test_the_operator_gives_a_domain_its_rule(incident, sign_in):
    client, url = sign_in("operator"), reverse("rescue_rule", args=[DOMAIN])
    assert "is saved" in client.post(url, {"hours": "12"}, follow=True).content.decode()
    assert rescue.rule_of(DOMAIN) == 12
    assert 'value="12"' in client.get(reverse("enforcement_preview", args=[DOMAIN])).content.decode()
    assert "1 to 47" in client.post(url, {"hours": "72"}, follow=True).content.decode()
    assert client.post(url, {"hours": "-1"}).status_code == 404
    client.post(url, {"hours": ""})
    assert rescue.rule_of(DOMAIN) is None


def test_without_a_delivery_agent_there_is_no_button(incident, sign_in, monkeypatch):
    monkeypatch.setattr("sekisho.incidents.rescue.is_set_up", lambda: False)
    client = sign_in("operator")
    assert "Accept and keep" not in page(client, incident)
    assert "Hours before" not in client.get(reverse("enforcement_preview", args=[DOMAIN])).content.decode()
