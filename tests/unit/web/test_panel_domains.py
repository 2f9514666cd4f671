"""The list of domains and the page of one: counts, who waits, admins, and nothing of another tenant."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
from casting import BYSTANDER, DOMAIN, OTHER_DOMAIN
from sekisho.directory.models import Contact, DomainMode, Role, SiteAliasDomain
from sekisho.incidents.models import DeferredPair, Incident, MailboxStatus
from sekisho.web import domain_list

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_row_counts_states_incidents_waiting_senders_admins_and_mode(incident):
    casting.status(BYSTANDER, "probation")
    casting.alert(f"tanaka@{DOMAIN}")
    DomainMode.objects.create(domain=DOMAIN, mode="observe")
    ours, theirs = domain_list.rows([DOMAIN, OTHER_DOMAIN], timezone.now())
    assert (ours["mailboxes"], ours["well"], ours["states"]) == (4, 2, [("suspended", 1), ("probation", 1)])
    assert (ours["incidents"], ours["alerts"], ours["waiting"], ours["admins"]) == (1, 1, 3, 2)
    assert ours["returns"] is not None and not ours["over"] and ours["mode"] == "observe"
    assert (theirs["mailboxes"], theirs["states"], theirs["waiting"], theirs["admins"]) == (1, [], 0, 1)


def test_mail_that_has_arrived_or_belongs_to_a_closed_incident_does_not_wait(incident):
    DeferredPair.objects.filter(sender="nakamura@yubin.test").update(arrived_at=timezone.now())
    assert domain_list.rows([DOMAIN], timezone.now())[0]["waiting"] == 2
    Incident.objects.update(phase="closed")
    assert domain_list.rows([DOMAIN], timezone.now())[0]["waiting"] == 0


def test_the_list_can_be_narrowed_to_what_asks_for_somebody(incident, sign_in):
    client = sign_in("operator")
    text = client.get(reverse("domains")).content.decode()
    assert DOMAIN in text and OTHER_DOMAIN in text
    text = client.get(reverse("domains"), {"show": "attention"}).content.decode()
    assert DOMAIN in text and OTHER_DOMAIN not in text
    assert "No domain matches" in client.get(reverse("domains"), {"q": "nowhere"}).content.decode()


def test_a_quiet_host_says_that_nothing_asks_for_attention(cast, sign_in):
    assert "no domain asks" in sign_in("operator").get(reverse("domains"), {"show": "attention"}).content.decode()


def test_a_login_without_a_domain_is_told_whom_to_ask(cast):
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create(username="new"))
    assert "Please ask the operator" in client.get(reverse("domains")).content.decode()


def test_the_owner_sees_admins_contacts_and_incidents_of_the_domain(incident, sign_in):
    Contact.objects.create(domain=DOMAIN, address="tencho@outside.test", language="ja")
    text = sign_in("owner").get(reverse("domain", args=[DOMAIN])).content.decode()
    for said in (f"tenin@{DOMAIN}", "tencho@outside.test", reverse("incident", args=[incident.pk]), "Senders known"):
        assert said in text, said
    assert reverse("enforcement_preview", args=[DOMAIN]) not in text and OTHER_DOMAIN not in text


def test_a_domain_without_contact_or_admin_is_warned_about(cast, sign_in):
    Role.objects.filter(domain=OTHER_DOMAIN).delete()
    text = sign_in("operator").get(reverse("domain", args=[OTHER_DOMAIN])).content.decode()
    assert "only the operator is told" in text and "Nobody may sign in" in text
    assert reverse("enforcement_preview", args=[OTHER_DOMAIN]) in text


def test_a_helpdesk_reads_no_names_of_people(incident):
    account = User.objects.create(username="madoguchi")
    Role.objects.create(account=account, role=Role.HELPDESK, domain=DOMAIN)
    Contact.objects.create(domain=DOMAIN, address="tencho@outside.test", language="ja")
    client = Client(headers={"accept-language": "en"})
    client.force_login(account)
    text = client.get(reverse("domain", args=[DOMAIN])).content.decode()
    assert "tencho@outside.test" not in text and f"tenin@{DOMAIN}" not in text and "3 logins" in text


def test_an_alias_domain_leads_to_its_target(cast, sign_in):
    SiteAliasDomain.objects.create(alias_domain=OTHER_DOMAIN, target_domain=DOMAIN)
    client = sign_in("operator")
    assert OTHER_DOMAIN not in client.get(reverse("domains")).content.decode()
    assert (
        f'href="{reverse("domain", args=[DOMAIN])}"'
        in client.get(reverse("domain", args=[OTHER_DOMAIN])).content.decode()
    )
    assert "hana.example" in client.get(reverse("domain", args=[DOMAIN])).content.decode()


def test_open_incidents_come_before_newer_closed_ones(incident, cast):
    newer = casting.alert(BYSTANDER)
    Incident.objects.filter(pk=newer.pk).update(phase="closed", detected_at=timezone.now() + timedelta(minutes=1))
    assert [one.pk for one, _ in domain_list.latest_incidents(DOMAIN, 5)] == [incident.pk, newer.pk]


def test_a_close_watch_is_told_on_every_page_and_ended_by_the_operator_alone(incident, sign_in):
    Incident.objects.filter(pk=incident.pk).update(phase="closed", recovered_at=timezone.now() - timedelta(days=9))
    MailboxStatus.objects.filter(mailbox=incident.mailbox).update(status="active")
    operator, owner = sign_in("operator"), sign_in("owner")
    end = reverse("incident_watch_end", args=[incident.pk])
    pages = {
        reverse("domain", args=[DOMAIN]): "Watched closely after a takeover",
        reverse("mailbox", args=[incident.mailbox]): "After the takeover this mailbox is watched closely",
        reverse("mailbox", args=[BYSTANDER]): "After a takeover of another mailbox this domain",
    }
    for page, words in pages.items():
        for client in (operator, owner):
            assert words in client.get(page).content.decode(), page
    assert end in operator.get(reverse("domain", args=[DOMAIN])).content.decode()
    assert end not in owner.get(reverse("domain", args=[DOMAIN])).content.decode()
    assert owner.post(end).status_code == 404
    assert (
        operator.post(end).status_code == 302
        and "The close watch is over already" in operator.post(end, follow=True).content.decode()
    )
    assert not any(words in operator.get(page).content.decode() for page, words in pages.items())
