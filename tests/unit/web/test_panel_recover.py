"""The owner's way back without signing in, as a browser sees it."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import casting
from casting import DOMAIN, NEW_PASSWORD, STOLEN_PASSWORD, VICTIM
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents import decisions
from sekisho.incidents.models import Incident, Notice
from sekisho.recovery import contacts, paper, requests
from sekisho.recovery.models import OwnerContact, RecoveryRequest
from sekisho.web.masking import MaskingFormatter

pytestmark = pytest.mark.django_db(databases=["default", "site"])

OUTSIDE = "hanako@tayori.test"
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def old_mailboxes(cast: casting.Cast) -> None:
    SiteMailbox.objects.update(created=timezone.now() - 12 * MONTH)


@pytest.fixture
def browser(incident: Incident) -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def contact(incident: Incident, now: datetime) -> OwnerContact:
    return contacts.add(VICTIM, OUTSIDE, "ja", "admin", now - MONTH)


def ask(browser: Client, address: str = VICTIM) -> RecoveryRequest:
    answer = browser.post(reverse("recover"), {"address": address})
    assert (answer.status_code, answer.url) == (302, reverse("recover_code"))
    requests.answer(timezone.now())
    return RecoveryRequest.objects.latest("id")


def save(browser: Client, password: str = NEW_PASSWORD):  # type: ignore[no-untyped-def]
    return browser.post(reverse("recover_password"), {"password": password, "confirmation": password})


def is_open() -> bool:
    return decisions.current_status(VICTIM).status != "suspended"


def test_the_link_of_the_mail_leads_to_a_new_password_and_works_once(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    token = requests.token_of(request)
    answer = browser.get(reverse("recover_link", args=[token]))
    assert (answer.status_code, answer.url) == (302, reverse("recover_password"))
    page = browser.get(reverse("recover_password"))
    assert page.status_code == 200 and VICTIM in page.content.decode()
    assert token not in page.content.decode() and page.headers["Cache-Control"] == "no-store"
    answer = save(browser)
    assert (answer.status_code, answer.url) == (302, reverse("recover_done"))
    assert is_open() and verify_password(NEW_PASSWORD, SiteMailbox.objects.get(username=VICTIM).password)
    assert "The mailbox is being opened" in browser.get(reverse("recover_done")).content.decode()

    for again in (browser, Client()):
        again.get(reverse("recover_link", args=[token]))
        assert again.get(reverse("recover_password")).status_code == 410
        assert save(again, "another-Raion-4827-kaze").status_code == 410
    assert verify_password(NEW_PASSWORD, SiteMailbox.objects.get(username=VICTIM).password)


def test_opening_links_changes_nothing(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    before = RecoveryRequest.objects.values().get()
    for client in (browser, Client(), Client()):
        client.head(reverse("recover_link", args=[requests.token_of(request)]))
        client.get(reverse("recover_link", args=[requests.token_of(request)]), follow=True)
    assert RecoveryRequest.objects.values().get() == before and not is_open()


def test_neither_token_nor_code_is_in_the_session(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    browser.get(reverse("recover_link", args=[requests.token_of(request)]))
    stored = str(dict(browser.session.items()))
    assert requests.token_of(request) not in stored and requests.code_of(request) not in stored


def test_the_code_opens_only_the_browser_that_asked(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    code = requests.code_of(request)
    other = Client()
    ask(other)
    assert other.post(reverse("recover_code"), {"code": code}).status_code == 422
    assert other.get(reverse("recover_password")).status_code == 410
    assert browser.post(reverse("recover_code"), {"code": code}).status_code == 302
    assert save(browser).status_code == 302 and is_open()


def test_a_paper_code_is_enough(browser: Client, now: datetime) -> None:
    codes = paper.print_sheet(VICTIM, "admin", now - MONTH)
    ask(browser)
    assert browser.post(reverse("recover_code"), {"code": codes[0].upper()}).status_code == 302
    assert save(browser).status_code == 302 and is_open()


def test_the_old_password_and_the_mailbox_itself_help_nobody(browser: Client, now: datetime) -> None:
    contacts.add(VICTIM, "thief@mail.test", "ja", "an admin who was talked into it", now - timedelta(days=1))
    ask(browser)
    assert not Notice.objects.filter(kind="recovery_link").exists()
    assert browser.post(reverse("recover_code"), {"code": STOLEN_PASSWORD}).status_code == 422
    assert save(browser).status_code == 410
    answer = browser.post(
        reverse("recover_contact"), {"address": VICTIM, "contact": "thief@mail.test", "code": STOLEN_PASSWORD}
    )
    assert answer.status_code == 422 and not is_open()
    assert OwnerContact.objects.count() == 1


@pytest.mark.parametrize("address", [f"nobody@{DOMAIN}", "who@elsewhere.test", f"info@{DOMAIN}"])
def test_every_address_is_answered_alike(browser: Client, contact: OwnerContact, address: str) -> None:
    def answers(typed: str) -> list[str]:
        """What a browser is told, and how often the database is asked for it."""
        client, told = Client(headers={"accept-language": "en"}), []
        for method, name, fields in (
            ("post", "recover", {"address": typed}),
            ("get", "recover_code", {}),
            ("post", "recover_code", {"code": "12345678"}),
            ("post", "recover_code", {"code": "abcd-efgh-jkmn"}),
        ):
            with CaptureQueriesContext(connection) as queries:
                page = getattr(client, method)(reverse(name), fields)
            text = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page.content.decode()).replace(typed, "ADDRESS")
            told.append(f"{page.status_code} {page.headers.get('Location')} {len(queries)} queries {text}")
            requests.answer(timezone.now())
        return told

    # The first of all makes this client's row of tries.
    answers("first@elsewhere.test")
    assert answers(VICTIM) == answers(address)


def test_a_wrong_password_is_told_with_its_reasons_and_uses_nothing_up(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    browser.get(reverse("recover_link", args=[requests.token_of(request)]))
    page = save(browser, STOLEN_PASSWORD)
    assert page.status_code == 422 and "used before" in page.content.decode() and not is_open()
    assert save(browser).status_code == 302 and is_open()


def test_the_generator_is_there_for_who_has_the_proof(browser: Client, contact: OwnerContact) -> None:
    assert browser.post(reverse("recover_new_password")).status_code == 410
    browser.get(reverse("recover_link", args=[requests.token_of(ask(browser))]))
    page = browser.post(reverse("recover_new_password"), {"kind": "words"})
    assert page.status_code == 200 and 'id="generated"' in page.content.decode()


def test_tries_from_one_address_are_limited_and_the_link_still_works(browser: Client, contact: OwnerContact) -> None:
    request = ask(browser)
    codes = [browser.post(reverse("recover_code"), {"code": "1"}).status_code for _ in range(35)]
    assert codes[:5] == [422] * 5 and codes[-1] == 429
    browser.get(reverse("recover_link", args=[requests.token_of(request)]))
    assert save(browser).status_code == 302 and is_open()


def test_an_owner_of_a_code_enrols_a_contact(browser: Client, contact: OwnerContact, now: datetime) -> None:
    codes = paper.print_sheet(VICTIM, "admin", now - MONTH)
    fields = {"address": VICTIM, "contact": "new@other.test", "code": codes[0], "language": "en"}
    assert browser.post(reverse("recover_contact"), {**fields, "contact": f"info@{DOMAIN}"}).status_code == 422
    assert browser.post(reverse("recover_contact"), fields).status_code == 200
    assert browser.post(reverse("recover_contact"), {**fields, "contact": "second@other.test"}).status_code == 422
    added = OwnerContact.objects.get(address="new@other.test")
    assert (added.source, added.language) == ("paper", "en")
    assert added not in contacts.that_count(VICTIM, now + timedelta(days=13))
    assert Notice.objects.filter(kind="contact_told", recipient=OUTSIDE).exists()


def test_done_shows_only_what_this_browser_recovered(browser: Client) -> None:
    assert browser.get(reverse("recover_done")).url == reverse("recover")


def test_a_token_is_in_no_line_of_a_log() -> None:
    line = MaskingFormatter().format(
        logging.makeLogRecord({"msg": "Not Found: %s", "args": ("/recover/link/AbCdEf123_-x?y=1",)})
    )
    assert line.endswith(": Not Found: /recover/link/…?y=1")


# --- the admin's part


def test_an_admin_makes_a_page_for_the_owner_and_never_sees_a_password(sign_in, browser: Client) -> None:  # type: ignore[no-untyped-def]
    page = sign_in("owner").post(reverse("owner_recovery_page", args=[VICTIM])).content.decode()
    assert "data:image/svg+xml" in page and "no mail was sent" in page
    token = re.search(r"/recover/link/([\w-]{22})<", page).group(1)  # type: ignore[union-attr]
    browser.get(f"/recover/link/{token}")
    assert save(browser).status_code == 302 and is_open()


def test_an_admin_enrols_and_removes_a_contact(sign_in, incident: Incident) -> None:  # type: ignore[no-untyped-def]
    client = sign_in("owner")
    refused = client.post(reverse("owner_contact_add", args=[VICTIM]), {"contact": f"info@{DOMAIN}"})
    assert refused.status_code == 422 and "another provider" in refused.content.decode()
    assert client.post(reverse("owner_contact_add", args=[VICTIM]), {"contact": OUTSIDE}).status_code == 302
    page = client.get(reverse("owner_proofs", args=[VICTIM])).content.decode()
    assert OUTSIDE in page and "Not during this incident" in page
    number = OwnerContact.objects.get().pk
    assert sign_in("stranger").post(reverse("owner_contact_remove", args=[VICTIM, number])).status_code == 404
    elsewhere = reverse("owner_contact_remove", args=[casting.BYSTANDER, number])
    assert client.post(elsewhere).status_code == 404
    assert client.post(reverse("owner_contact_remove", args=[VICTIM, number])).status_code == 302
    assert not contacts.of_mailbox(VICTIM).exists()


def test_a_sheet_is_shown_once(sign_in, incident: Incident) -> None:  # type: ignore[no-untyped-def]
    client = sign_in("owner")
    page = client.post(reverse("owner_codes", args=[VICTIM])).content.decode()
    codes = re.findall(r"[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4}", page)
    assert len(codes) == 10
    again = client.get(reverse("owner_proofs", args=[VICTIM])).content.decode()
    assert "10 codes are left" in again and not any(code in again for code in codes)


@pytest.mark.parametrize("name", ["owner_contact_add", "owner_codes", "owner_recovery_page"])
def test_a_stranger_makes_no_proof_for_somebody_elses_mailbox(name: str, sign_in, incident: Incident) -> None:  # type: ignore[no-untyped-def]
    assert sign_in("stranger").post(reverse(name, args=[VICTIM]), {"contact": OUTSIDE}).status_code == 404
    assert sign_in("owner").get(reverse(name, args=[VICTIM])).status_code == 405
    assert Client().post(reverse(name, args=[VICTIM])).url.startswith(reverse("sign_in"))
    assert not OwnerContact.objects.exists() and not RecoveryRequest.objects.exists()


def test_a_stranger_does_not_see_who_proves_the_owner(sign_in, contact: OwnerContact) -> None:  # type: ignore[no-untyped-def]
    assert sign_in("stranger").get(reverse("owner_proofs", args=[VICTIM])).status_code == 404
    assert sign_in("operator").get(reverse("owner_proofs", args=[VICTIM])).status_code == 200
