"""The page behind the link in a notice: two buttons, no sign-in, nothing by GET."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.utils import timezone

import casting
from sekisho.directory.models import Contact, TravelPass
from sekisho.incidents import decisions, questions
from sekisho.incidents.models import Allowance, Incident, MailboxStatus, Notice, QuestionLink, QueueIdLogin
from sekisho.incidents.question_links import token_of
from sekisho.journal import DecisionRecord, IndicatorRecord

pytestmark = pytest.mark.django_db(databases=["default", "site"])
CONTACT = "boss@outside.example"


def restriction(limit: int = 10) -> Incident:
    now = timezone.now()
    Contact.objects.create(domain=casting.DOMAIN, address=CONTACT, language="ja")
    name, value, ja, en = casting.INDICATORS[0]
    record = DecisionRecord(
        id="d1", t=now.timestamp(), host=casting.HOST, mailbox=casting.VICTIM, generation=0, action="restrict",
        before="active", after="restricted", limit=limit, enforced=True, score=7.0,
        indicators=(IndicatorRecord(name, value, ja, en),), ip="198.19.18.66", country="NG", asn=65018,
        first_risk_at=now.timestamp() - 60,
    )  # fmt: skip
    QueueIdLogin.objects.create(queue_id="4a", mailbox=casting.VICTIM, at=now, recipients=800)
    found = decisions.record_detection(record)
    assert found is not None
    # It has left: a suspension drops what it has not.
    Notice.objects.update(state="sent")
    return found


def address() -> str:
    return f"/question/{token_of(QuestionLink.objects.get().seed)}"


def browser(language: str = "en") -> Client:
    return Client(headers={"accept-language": language}, enforce_csrf_checks=True)


def status() -> str:
    return MailboxStatus.objects.get(mailbox=casting.VICTIM).status


def test_opening_the_link_shows_address_figures_and_buttons_and_changes_nothing(cast: casting.Cast) -> None:
    restriction()
    for _ in range(2):
        page = browser().get(address())
        text = page.content.decode()
        assert page.status_code == 200
        assert casting.VICTIM in text and "a mailing to 800 addresses" in text and "Nigeria" in text
        assert "Yes, it was me" in text and "No, it was not me" in text
        assert page["Referrer-Policy"] == "no-referrer" and page["Cache-Control"] == "no-store"
    assert browser().head(address()).status_code == 200
    assert status() == "restricted"
    assert "800 件" in browser("ja").get(address()).content.decode()


def test_yes_lifts_the_restriction_under_an_allowance_and_the_link_is_spent(cast: casting.Cast) -> None:
    restriction()
    done = browser().post(address(), {"answer": "yes"}, follow=True)
    assert "Answered: it was the owner" in done.content.decode()
    assert (status(), Allowance.objects.get().recipients) == ("active", 1000)
    assert not TravelPass.objects.exists()
    late = browser().post(address(), {"answer": "no"})
    assert late.status_code == 409 and "Nothing was changed" in late.content.decode()
    assert status() == "active"


def test_yes_from_abroad_opens_the_country_when_the_box_is_ticked(cast: casting.Cast) -> None:
    restriction()
    browser().post(address(), {"answer": "yes", "travel": "on"})
    assert TravelPass.objects.get().country == "NG"


def test_no_suspends(cast: casting.Cast) -> None:
    restriction()
    done = browser().post(address(), {"answer": "no"}, follow=True)
    assert "suspended until it gets a new password" in done.content.decode()
    assert status() == "suspended"


def test_where_all_sending_was_stopped_the_page_offers_only_no(cast: casting.Cast) -> None:
    restriction(limit=0)
    text = browser().get(address()).content.decode()
    assert "Yes, it was me" not in text and "sign in to the panel" in text
    assert browser().post(address(), {"answer": "yes"}).status_code == 409
    assert status() == "restricted"


def test_a_token_nobody_made_and_an_answer_nobody_offered_are_not_found(cast: casting.Cast) -> None:
    restriction()
    assert browser().get("/question/" + "0" * 32).status_code == 404
    assert browser().post(address(), {"answer": "perhaps"}).status_code == 404
    assert status() == "restricted"


def test_no_log_holds_a_token(cast: casting.Cast) -> None:
    from sekisho.web.masking import MaskingFormatter, mask

    restriction()
    assert mask(f"GET {address()} HTTP/1.1") == "GET /question/… HTTP/1.1"
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s: %s", ("Not Found", address()), None)
    assert MaskingFormatter().format(record).endswith("django.request: Not Found: /question/…")


def test_the_domain_admin_reads_that_the_operator_was_asked_and_not_where(cast: casting.Cast, sign_in) -> None:
    from datetime import timedelta

    incident = restriction()
    Contact.objects.create(domain="ALL", address="night@provider.example", language="ja")
    assert questions.escalate(timezone.now() + timedelta(hours=5)) == 1
    link = QuestionLink.objects.get(notice__kind="unanswered")
    browser().post(f"/question/{token_of(link.seed)}", {"answer": "yes"})
    page = sign_in("owner").get(f"/admin/incidents/{incident.pk}/").content.decode()
    assert "the operator was asked, too" in page and "operator (link)" in page
    assert "night@provider.example" not in page
    assert "night@provider.example" in sign_in("operator").get(f"/admin/incidents/{incident.pk}/").content.decode()
