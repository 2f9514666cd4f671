"""The page of one mailbox: everything about it at one address, for those who look after it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
from casting import BYSTANDER, DOMAIN, VICTIM
from sekisho.directory.models import Role
from sekisho.incidents import app_passwords
from sekisho.incidents.models import KnownSetting, MailboxStatus, PlantedItem, QueueIdLogin, UsualUse
from sekisho.web.mailbox_page import masked_address

pytestmark = pytest.mark.django_db(databases=["default", "site"])

FORWARD = {"address": VICTIM, "target": "shiranai@outside.example", "targets": ["shiranai@outside.example"]}


@pytest.fixture
def page(sign_in):
    def read(who: str, address: str = VICTIM) -> str:
        return sign_in(who).get(reverse("mailbox", args=[address])).content.decode()

    return read


def test_it_joins_state_logins_incident_waiting_mail_and_ways_out(incident, page):
    casting.sign_ins(VICTIM)
    casting.scores(incident)
    text = page("owner")
    assert "Nobody can log in, send or receive" in text and "Suspended" in text
    assert "Hana Hikari Network" in text and "Nigeria" in text and "iPhone Mail" in text
    assert f'href="{reverse("incident", args=[incident.pk])}"' in text
    assert "At least <strong>3 senders</strong>" in text and "nakamura@yubin.test" in text
    assert "Recipients never written to" in text
    for name in ("mailbox_edit", "owner_proofs", "sign_ins", "app_passwords", "places", "settings_test"):
        assert reverse(name, args=[VICTIM]) in text, name


def test_a_quiet_mailbox_says_so_instead_of_showing_empty_tables(page):
    text = page("owner", BYSTANDER)
    for sentence in ("Receiving, sending and logging in work as usual", "has not told anything", "never near an alert",
                     "Nothing unusual was ever noticed", "None was seen"):  # fmt: skip
        assert sentence in text, sentence
    assert "Mail that waits" not in text


def test_places_say_on_how_many_days_and_whether_the_profile_knows_them(page):
    casting.sign_ins(VICTIM)
    UsualUse.objects.create(
        mailbox=VICTIM, at=timezone.now(), facts={"owners": [64540], "countries": ["JP"], "days": 4}
    )
    text = page("owner")
    home, abroad = text.index("Hana Hikari Network"), text.index("AS65018")
    assert home < abroad
    assert "Familiar</span>" in text[home:abroad] and "Not familiar yet" in text[abroad:]


@pytest.mark.parametrize(("limit", "sentence"), [(0, "nothing can be sent"), (10, "never written to is limited")])
def test_a_restriction_says_what_still_works(limit, sentence, page):
    casting.status(VICTIM, "restricted", limit=limit)
    assert sentence in page("owner")


def test_sent_mail_of_a_day_stands_beside_the_usual(page):
    now = timezone.now()
    for number, days in enumerate([0, 0, 0, 1, 1, 2, 2]):
        at = now - timedelta(days=days, hours=1)
        QueueIdLogin.objects.create(queue_id=f"q{number}", mailbox=VICTIM, at=at, recipients=4)
    text = page("owner")
    assert "3 messages, 12 recipients" in text and "usual on a day with mail: 2" in text


def test_app_passwords_are_named_and_never_shown(page):
    _, secret = app_passwords.add(BYSTANDER, "Printer", ["smtp"], "operator")
    text = page("owner", BYSTANDER)
    assert "Printer" in text and "Sending (SMTP)" in text and secret not in text


def test_forwards_and_planted_settings_are_there_with_the_way_to_decide(incident, page):
    now = timezone.now()
    KnownSetting.objects.create(
        mailbox=VICTIM, kind="forward", key="a", what=FORWARD, first_seen=now - timedelta(days=90), last_seen=now
    )
    PlantedItem.objects.create(
        incident=incident, host="mx", kind="forward", key="b", what=FORWARD, state="frozen", found_at=now
    )
    text = page("owner")
    assert text.count("sends mail to shiranai@outside.example") == 2
    assert f'{reverse("incident", args=[incident.pk])}#planted">Keep or delete it' in text


def test_a_helpdesk_reads_no_third_partys_address_and_has_no_form(incident):
    account = User.objects.create(username="madoguchi")
    Role.objects.create(account=account, role=Role.HELPDESK, domain=DOMAIN)
    now = timezone.now()
    KnownSetting.objects.create(mailbox=VICTIM, kind="forward", key="a", what=FORWARD, first_seen=now, last_seen=now)
    client = Client(headers={"accept-language": "en"})
    client.force_login(account)
    text = client.get(reverse("mailbox", args=[VICTIM])).content.decode()
    assert "sends mail to …@outside.example" in text and "shiranai" not in text
    assert "At least <strong>3 senders</strong>" in text and "nakamura@yubin.test" not in text
    assert 'id="id_reason"' not in text


def test_only_an_operator_is_offered_to_stop_it(page):
    assert 'id="id_reason"' in page("operator", BYSTANDER) and 'id="id_reason"' not in page("owner", BYSTANDER)


def test_a_mailbox_the_site_switched_off_is_not_said_to_work(page):
    from sekisho.directory.models import SiteMailbox

    SiteMailbox.objects.filter(username=BYSTANDER).update(active=False)
    assert not MailboxStatus.objects.exists()
    text = page("owner", BYSTANDER)
    assert "switched this mailbox off" in text and "logging in work as usual" not in text


@pytest.mark.parametrize(
    ("text", "masked"), [("a@b.test", "…@b.test"), ("rules", "rules"), ("", ""), ("@b.test", "@b.test")]
)
def test_a_masked_address_keeps_its_domain_only(text, masked):
    assert masked_address(text) == masked
