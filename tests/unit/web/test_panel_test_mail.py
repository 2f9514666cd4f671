"""The test mail to the mailbox itself: who sends one, how often, and how the page learns that it has arrived."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from test_owner_pages import browser, signed_in, text

import casting
from casting import BYSTANDER, VICTIM
from sekisho.incidents import letters
from sekisho.incidents.models import Audit, Notice
from sekisho.recovery import test_mail
from sekisho.web.views import owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture(autouse=True)
def quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)


def ago(seconds: float) -> None:
    Notice.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))


def test_the_owner_sends_one_and_sees_it_arrive(cast):
    client = signed_in()
    assert "Send a test mail" in text(client, "owner_test_mail")
    assert client.post(reverse("owner_test_mail")).url == reverse("owner_test_mail")
    letter = Notice.objects.get(kind="test_mail")
    assert (letter.recipient, letter.incident, letter.state) == (BYSTANDER, None, "open")
    subject, body = letters.compose(letter)
    assert subject == "Test mail: receiving works" and BYSTANDER in body and "://" not in body
    assert "On its way" in text(client, "owner_test_mail")
    ago(4)
    letters.mark_arrived(letter.message_id, BYSTANDER, timezone.now())
    shown = client.get(reverse("owner_test_mail"), headers={"hx-request": "true"}).content.decode()
    assert "has arrived" in shown and "4 seconds" in shown and "hx-get" not in shown and "<html" not in shown
    assert Audit.objects.get(verb="test_mail_sent").actor == "owner (password)"


def test_only_the_mailbox_it_was_written_to_makes_it_arrive(cast):
    test_mail.send(BYSTANDER, "ja", "x", timezone.now())
    letter = Notice.objects.get()
    letters.mark_arrived(letter.message_id, VICTIM, timezone.now())
    letters.mark_arrived("<sekisho.notice.other@host.test>", BYSTANDER, timezone.now())
    found = test_mail.latest(BYSTANDER, timezone.now())
    assert found is not None and found.waits and found.arrived_at is None


def test_what_is_late_or_failed_is_said_so(cast):
    client = signed_in()
    client.post(reverse("owner_test_mail"))
    ago(130)
    assert "Not there after 13" in text(client, "owner_test_mail")
    Notice.objects.update(state="failed")
    assert "could not be sent" in text(client, "owner_test_mail")
    ago(3700)
    assert test_mail.latest(BYSTANDER, timezone.now()) is None


def test_one_a_minute_and_twenty_a_day(cast):
    client = signed_in()
    client.post(reverse("owner_test_mail"))
    again = client.post(reverse("owner_test_mail"))
    assert again.status_code == 422 and "within the last minute" in again.content.decode()
    for number in range(20):
        ago(3600)
        letters.enqueue(BYSTANDER, "test_mail", f"test {number}", BYSTANDER, "ja", timezone.now())
    ago(3600)
    assert "many for one day" in client.post(reverse("owner_test_mail")).content.decode()
    assert Audit.objects.filter(verb="test_mail_sent").count() == 1


def test_a_stopped_mailbox_gets_none(cast):
    casting.takeover(VICTIM)
    page = text(signed_in(VICTIM), "owner_test_mail")
    assert "takes no mail" in page and "Send a test mail" not in page
    answer = signed_in(VICTIM).post(reverse("owner_test_mail"))
    assert answer.status_code == 422 and "takes no mail" in answer.content.decode()
    assert not Notice.objects.filter(kind="test_mail").exists()


def test_looking_sends_nothing_and_nobody_without_the_password_sends_any(cast):
    client = signed_in()
    text(client, "owner_test_mail")
    assert browser().post(reverse("owner_test_mail")).url == reverse("owner_sign_in")
    assert not Notice.objects.exists()


def test_the_admin_sends_one_to_a_mailbox_of_the_domain_and_a_stranger_does_not(cast, sign_in):
    here = reverse("mailbox_test_mail", args=[BYSTANDER])
    assert sign_in("stranger").post(here).status_code == 404
    admin = sign_in("owner")
    assert admin.post(here).url == here
    assert Notice.objects.get().recipient == BYSTANDER
    assert "On its way" in admin.get(here).content.decode()
    assert Audit.objects.get(verb="test_mail_sent").actor == f"kanri@{casting.DOMAIN}"
