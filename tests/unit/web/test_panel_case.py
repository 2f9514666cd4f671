"""The page that says whether a notice is genuine: to anybody, and nothing more than that."""

from __future__ import annotations

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sekisho.config import AppriseChannel, settings
from sekisho.incidents import channels, decisions
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Audit, Notice, Transition
from sekisho.web.views import case

pytestmark = pytest.mark.django_db(databases=["default", "site"])


def test_a_genuine_number_is_confirmed_without_a_sign_in_and_names_no_mailbox(two_tenants: None) -> None:
    incident = decisions.suspend("alice@ours.test", "spam complaints", "operator")
    answer = Client().post("/case/", {"number": case_number(incident)}, headers={"accept-language": "en"})
    page = answer.content.decode()
    assert answer.status_code == 200 and "This case number is ours." in page
    for kept in ("alice", "ours.test", "spam complaints", "suspend"):
        assert kept not in page
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_wrong_number_and_an_ill_formed_one_are_answered_alike(two_tenants: None) -> None:
    incident = decisions.suspend("alice@ours.test", "x", "operator")
    pages = set()
    for typed in (f"SK-{incident.pk}-000000", f"SK-{incident.pk + 7}-000000", "SK", "<script>alert(1)</script>"):
        answer = Client().post("/case/", {"number": typed}, headers={"accept-language": "en"})
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "<script>alert" not in page
        pages.add(page[page.index("This is no case number") : page.index('<form method="post" novalidate')])
    assert len(pages) == 1


def test_opening_it_changes_nothing(two_tenants: None) -> None:
    decisions.suspend("alice@ours.test", "x", "operator")
    before = (Audit.objects.count(), Notice.objects.count(), Transition.objects.count())
    assert Client().get("/case/?number=SK-1-ABCDEF").status_code == 200
    assert before == (Audit.objects.count(), Notice.objects.count(), Transition.objects.count())


def test_guessing_is_slowed_down(two_tenants: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case, "TRIES_PER_ADDRESS", 2)
    codes = [Client().post("/case/", {"number": "SK-1-000000"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_the_sign_in_page_leads_there(two_tenants: None) -> None:
    assert 'href="/case/"' in Client().get("/sign-in/").content.decode()


def test_the_incidents_page_names_the_case_and_hides_the_operators_channels(
    incident, sign_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = incident.domain
    ours = (AppriseChannel("bakery-chat", "x", domains=(domain,)), AppriseChannel("ops-pager", "x"))
    monkeypatch.setattr(channels, "settings", lambda: msgspec.structs.replace(settings(), channels=ours))
    for name in ("bakery-chat", "ops-pager"):
        Notice.objects.create(
            incident=incident, kind="suspended", recipient=f"channel:{name}", message_id=name, created_at=timezone.now()
        )
    path = reverse("incident", args=[incident.pk])
    owner, operator = (sign_in(who, "en").get(path).content.decode() for who in ("owner", "operator"))
    assert case_number(incident) in owner
    assert "bakery-chat" in owner and "ops-pager" not in owner and "channel:" not in owner
    assert "ops-pager" in operator
