"""Sending from abroad in the panel, and the owner's own travel pass."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
from casting import BYSTANDER, DOMAIN, STOLEN_PASSWORD, VICTIM
from sekisho.directory.models import SendingChoice, SendingCountries, SiteMailbox, TravelPass
from sekisho.incidents.models import SentElsewhere
from sekisho.recovery import paper

pytestmark = pytest.mark.django_db(databases=["default", "site"])
PAGE = f"/admin/system/domains/{DOMAIN}/sending-countries/"
PLACES = f"/admin/system/mail/mailboxes/{VICTIM}/places/"


def seen(mailbox: str = VICTIM, *, refused: bool = False) -> None:
    now = timezone.now()
    SentElsewhere.objects.create(
        mailbox=mailbox, day=now.date(), ip="198.51.100.9", country="TH", refused=refused, first_at=now, last_at=now
    )


@pytest.mark.parametrize("who", ["operator", "owner", "colleague"])
def test_whoever_looks_after_the_domain_sees_whom_it_would_refuse_and_enforces_it(sign_in, who: str) -> None:
    seen()
    browser = sign_in(who)
    page = browser.get(PAGE).content.decode()
    assert "Only noted" in page and "Thailand" in page and VICTIM in page
    form = {"mode": "enforce", "country": ["JP", ""], "exceptions": "203.0.113.9\n203.0.113.64/29"}
    refused = browser.post(PAGE + "set/", form, follow=True).content.decode()
    assert "look at the list below first" in refused and not SendingCountries.objects.exists()
    browser.post(PAGE + "set/", {**form, "looked": "yes"})
    row = SendingCountries.objects.get()
    assert (row.domain, row.mode, row.countries) == (DOMAIN, "enforce", ["JP"])
    assert row.exceptions == ["203.0.113.64/29", "203.0.113.9/32"]
    browser.post(PAGE + "set/", {"follow": "yes"})
    assert not SendingCountries.objects.exists()


def test_a_stranger_sees_and_sets_nothing(sign_in) -> None:
    browser = sign_in("stranger")
    assert browser.get(PAGE).status_code == 404
    assert browser.post(PAGE + "set/", {"mode": "off", "country": "JP"}).status_code == 404
    assert browser.post(PLACES + "sending/", {"mode": "off"}).status_code == 404
    assert not SendingCountries.objects.exists() and not SendingChoice.objects.exists()


@pytest.mark.parametrize("wrong", [{"country": "ZZ"}, {"country": ""}, {"exceptions": "home"}, {"mode": "x"}])
def test_what_is_no_rule_is_refused_in_words(sign_in, wrong: dict[str, str]) -> None:
    form = {"mode": "observe", "country": "JP", "exceptions": "", **wrong}
    page = sign_in("owner").post(PAGE + "set/", form, follow=True)
    assert "Nothing was changed" in page.content.decode()
    assert not SendingCountries.objects.exists()


def test_a_mailbox_gets_its_own_mode_and_follows_its_domain_again(sign_in) -> None:
    browser = sign_in("owner")
    browser.post(PLACES + "sending/", {"mode": "off"})
    assert SendingChoice.objects.get().mode == "off"
    assert "Not looked at" in browser.get(PLACES).content.decode()
    assert VICTIM in browser.get(PAGE).content.decode()
    browser.post(PLACES + "sending/", {"mode": "x"})
    assert SendingChoice.objects.get().mode == "off"
    browser.post(PLACES + "sending/", {"mode": ""})
    assert not SendingChoice.objects.exists()


def test_another_tenants_senders_are_not_on_the_page(sign_in) -> None:
    seen(casting.FOREIGN)
    assert casting.FOREIGN not in sign_in("operator").get(PAGE).content.decode()


@pytest.fixture
def proved(cast) -> Client:
    """BYSTANDER's owner, who has shown a code from a month-old sheet of paper."""
    SiteMailbox.objects.update(created=timezone.now() - timedelta(days=400))
    codes = paper.print_sheet(BYSTANDER, "admin", timezone.now() - timedelta(days=30))
    client = Client(headers={"accept-language": "en"})
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    client.post(reverse("owner_proof"), {"code": codes.pop()})
    return client


def test_an_owner_who_has_proved_himself_makes_and_takes_back_a_travel_pass(proved: Client) -> None:
    page = proved.post(reverse("owner_travel_add"), {"country": "TH", "since": "", "days": "7"}, follow=True)
    assert "Thailand counts as usual" in page.content.decode()
    row = TravelPass.objects.get()
    assert (row.mailbox, row.country) == (BYSTANDER, "TH") and row.actor.startswith("owner (")
    proved.post(reverse("owner_travel_remove"), {"country": "TH"})
    assert not TravelPass.objects.exists()


def test_the_mailboxs_password_alone_makes_no_travel_pass(cast) -> None:
    client = Client(headers={"accept-language": "en"})
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    answer = client.post(reverse("owner_travel_add"), {"country": "TH", "days": "7"})
    assert answer.url.startswith(reverse("owner_proof")) and not TravelPass.objects.exists()


@pytest.mark.parametrize("wrong", [{"days": "31"}, {"days": "0"}, {"country": "ZZ"}, {"since": "2020-01-01"}])
def test_what_is_no_journey_of_an_owner_is_refused(proved: Client, wrong: dict[str, str]) -> None:
    page = proved.post(reverse("owner_travel_add"), {"country": "TH", "since": "", "days": "7", **wrong}, follow=True)
    assert "Nothing was changed" in page.content.decode() and not TravelPass.objects.exists()


def test_the_sixth_pass_and_one_during_an_incident_are_the_admins(proved: Client) -> None:
    for country in ("TH", "US", "FR", "DE", "IT", "ES"):
        proved.post(reverse("owner_travel_add"), {"country": country, "since": "", "days": "7"})
    assert TravelPass.objects.count() == 5
    TravelPass.objects.all().delete()
    casting.alert(BYSTANDER)
    page = proved.post(reverse("owner_travel_add"), {"country": "TH", "since": "", "days": "7"}, follow=True)
    assert "Not possible just now" in page.content.decode() and not TravelPass.objects.exists()


def test_the_owner_sees_what_was_refused(proved: Client) -> None:
    seen(BYSTANDER, refused=True)
    page = proved.get(reverse("owner_travel")).content.decode()
    assert "198.51.100.9" in page and "Thailand" in page and "refused" in page
