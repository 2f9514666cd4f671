"""A password in the site's tables that nobody answers for: the panel asks, and a yes opens with that very password."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from casting import VICTIM
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import hash_password
from sekisho.incidents.models import Audit, MailboxStatus, Order
from sekisho.recovery import site_edits
from sekisho.recovery.models import SiteWatch

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def put_password(number: int = 1) -> None:
    """Another program of the provider's writes it, and the worker looks until it asks."""
    new = hash_password(f"umi-no-kaze-{number}-yuugata-58", "SHA512-CRYPT")
    SiteMailbox.objects.filter(username=VICTIM).update(password=new)
    for _ in range(2):
        site_edits.SiteEdits()(timezone.now())


@pytest.fixture
def asked(incident) -> SiteWatch:
    site_edits.SiteEdits()(timezone.now())
    put_password()
    row = site_edits.open_question(incident)
    assert row is not None
    return row


def say(client, incident, mark: str, answer: str):
    address = reverse("incident_site_password", args=[incident.pk])
    return client.post(address, {"mark": mark, "answer": answer}, follow=True)


def page(client, incident) -> str:
    return client.get(reverse("incident", args=[incident.pk])).content.decode()


def status() -> str:
    return MailboxStatus.objects.get(mailbox=VICTIM).status


@pytest.mark.parametrize("who", ["operator", "owner"])
def test_a_yes_opens_the_mailbox_and_stands_in_the_audit_log(who, asked, incident, sign_in):
    client = sign_in(who)
    assert "Was the new password set by you?" in page(client, incident)
    form = client.get(reverse("incident_site_password", args=[incident.pk]))
    assert form.status_code == 200 and asked.password_mark in form.content.decode() and status() == "suspended"
    text = say(client, incident, asked.password_mark, "yes").content.decode()
    assert "is being opened with it" in text and status() == "probation"
    assert Order.objects.filter(kind="release", mailbox=VICTIM).exists()
    line = Audit.objects.get(verb="site_password")
    assert line.subject == VICTIM and line.actor != "worker"
    assert "Was the new password set by you?" not in page(client, incident)


def test_a_no_keeps_it_shut_and_asks_no_more(asked, incident, sign_in):
    client = sign_in("owner", "ja")
    assert "新しいパスワードは、管理者が設定したものですか" in page(client, incident)
    say(client, incident, asked.password_mark, "no")
    assert status() == "suspended" and site_edits.open_question(incident) is None
    assert Audit.objects.filter(verb="site_password_refused", subject=VICTIM).count() == 1
    assert "管理者が設定したものですか" not in page(client, incident)
    say(client, incident, asked.password_mark, "yes")
    assert status() == "suspended"


def test_it_answers_for_the_password_that_was_asked_about_only(asked, incident, sign_in):
    put_password(2)
    client = sign_in("operator")
    assert "Nothing was opened" in say(client, incident, asked.password_mark, "yes").content.decode()
    assert "nothing was changed" in say(client, incident, asked.password_mark, "perhaps").content.decode()
    assert status() == "suspended"
    assert "Was the new password set by you?" in page(client, incident)


def test_a_stranger_and_a_link_change_nothing(asked, incident, sign_in):
    assert say(sign_in("stranger"), incident, asked.password_mark, "yes").status_code == 404
    sign_in("owner").get(
        reverse("incident_site_password", args=[incident.pk]), {"mark": asked.password_mark, "answer": "yes"}
    )
    assert status() == "suspended"


def test_a_session_that_was_left_open_is_asked_who_it_is(asked, incident, sign_in):
    client = sign_in("owner")
    session = client.session
    session.pop("sekisho_confirmed")
    session.save()
    answer = client.post(
        reverse("incident_site_password", args=[incident.pk]), {"mark": asked.password_mark, "answer": "yes"}
    )
    assert answer.status_code == 302 and answer.url.startswith(reverse("confirm"))
    assert status() == "suspended"


def test_without_a_question_there_is_nothing_to_answer(incident, sign_in):
    client = sign_in("operator")
    assert "Was the new password set by you?" not in page(client, incident)
    text = client.get(reverse("incident_site_password", args=[incident.pk]), follow=True).content.decode()
    assert "has moved on" in text
