"""The settings test's page: what it says of each attempt, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
from casting import FOREIGN, NEW_PASSWORD, VICTIM
from sekisho.config import settings
from sekisho.directory.models import MailHost, SiteMailbox
from sekisho.incidents import burned, decisions, settings_test
from sekisho.incidents.models import Incident, SettingsAttempt, SettingsWatch, SignIn
from sekisho.journal import AttemptSeen
from sekisho.recovery import requests
from sekisho.web.slips_memory import MEMORY
from sekisho.wire.dovecot_policy import password_hash

pytestmark = pytest.mark.django_db(databases=["default", "site"])

NONCE = "nonce-of-a-test"
PAGE = reverse("settings_test", args=[VICTIM])
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def nonce(cast: casting.Cast) -> Iterator[None]:
    file = Path(settings().dovecot.policy_hash_nonce_file)
    former = file.read_text()
    file.write_text(f"{NONCE}\n")
    burned._read_nonce.cache_clear()
    MailHost.objects.all().update(tls=True)
    yield
    # The other tests of this process have the same file, and remember it.
    file.write_text(former)
    file.chmod(0o640)
    burned._read_nonce.cache_clear()
    MEMORY.forget(VICTIM)


@pytest.fixture
def owner(sign_in: Any, incident: Incident) -> Client:
    """The domain admin, who has just set a new password."""
    browser: Client = sign_in("owner")
    form = {"password": NEW_PASSWORD, "confirmation": NEW_PASSWORD, "active": "on"}
    answer = browser.post(reverse("mailbox_edit", args=[VICTIM]), form)
    assert answer.url == reverse("reinstatement", args=[VICTIM])
    return browser


def comes(password: str = NEW_PASSWORD, name: str = VICTIM, form: str = "own", **more: Any) -> None:
    """The guard tells an attempt."""
    fields = {"success": False, "protocol": "imap", "ip": "127.0.0.1", "slip": "", "tls": True, **more}
    hash_of = password_hash(name, password, NONCE)
    settings_test.keep(AttemptSeen(t=datetime.now().timestamp(), mailbox=VICTIM, form=form, pwhash=hash_of, **fields))


def text_of(browser: Client, path: str = PAGE) -> str:
    return browser.get(path).content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        ({"password": f" {NEW_PASSWORD}"}, "A blank before the password"),
        ({"password": f"{NEW_PASSWORD}\u3000"}, "A blank behind the password"),
        ({"password": NEW_PASSWORD.swapcase()}, "the wrong way round"),
        ({"password": "something else"}, "Another password"),
        ({}, "the mailbox did not let it in"),
        ({"tls": False, "success": True}, "The connection is not encrypted"),
        ({"server_name": "mail.hana.example", "success": True}, "The server name is not the right one"),
        ({"form": "local_part", "slip": "local_part", "name": "sato"}, "only the part before the @"),
    ],
)
def test_an_attempt_is_named_by_what_is_wrong_with_it(owner: Client, attempt: dict[str, Any], words: str) -> None:
    comes(**attempt)
    page = text_of(owner)
    assert words in page
    assert page.count('class="fault"') == 1


def test_two_mistakes_at_once_are_both_named(owner: Client) -> None:
    comes(f"{NEW_PASSWORD} ", "sato", "local_part", slip="local_part", tls=False)
    page = text_of(owner)
    assert page.count('class="fault"') == 3
    assert "only the part before the @" in page and "A blank behind the password" in page


def test_what_opened_the_mailbox_before_is_the_old_password(owner: Client) -> None:
    old = password_hash(VICTIM, "the old one", NONCE)
    SignIn.objects.create(
        mailbox=VICTIM, at=timezone.now() - timedelta(days=2), success=True, protocol="imap", ip="x", pwhash=old
    )
    comes("the old one")
    assert "The old password" in text_of(owner)


def test_it_is_green_only_when_both_doors_let_the_program_in(owner: Client) -> None:
    assert "next login" in text_of(owner)
    comes(success=True)
    assert "Receiving and sending work" not in text_of(owner)
    comes(success=True, protocol="smtp", tls=False)
    assert "Receiving and sending work" not in text_of(owner), "an unencrypted one is not green"
    comes(success=True, protocol="smtp")
    assert "Receiving and sending work" in text_of(owner)


def test_a_strangers_guess_spoils_nothing(owner: Client) -> None:
    comes(success=True)
    comes(success=True, protocol="smtp")
    comes("a guess", ip="203.0.113.9", protocol="smtp")
    page = text_of(owner)
    assert "Receiving and sending work" in page and "from another network" in page


def test_while_nothing_changes_nothing_is_sent(owner: Client) -> None:
    first = owner.get(PAGE, headers=HTMX)
    seen = first.content.decode().split("?seen=")[1][:16]
    assert owner.get(PAGE, {"seen": seen}, headers=HTMX).status_code == 204
    comes()
    changed = owner.get(PAGE, {"seen": seen}, headers=HTMX)
    assert changed.status_code == 200 and "<html" not in changed.content.decode()


def test_it_ends_after_half_an_hour_and_begins_again_on_demand(owner: Client) -> None:
    comes("a guess")
    SettingsWatch.objects.update(until=timezone.now())
    page = text_of(owner)
    assert "hx-get" not in page and "Nobody is watching any more." in page
    assert settings_test.watched(timezone.now()) == {}
    assert owner.post(PAGE).status_code == 302
    assert settings_test.watched(timezone.now()) == {VICTIM: ("127.0.0.1",)}
    assert 'class="fault"' not in text_of(owner), "what was before is not shown again"


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_not_yours_does_not_exist(owner: Client, sign_in: Any, method: str) -> None:
    assert getattr(sign_in("stranger"), method)(PAGE).status_code == 404
    assert getattr(owner, method)(reverse("settings_test", args=[FOREIGN])).status_code == 404
    answer = getattr(Client(), method)(reverse("recover_settings_test"))
    assert (answer.status_code, answer.url) == (302, reverse("recover"))


def test_the_owner_sees_it_until_anything_happens_to_the_mailbox(incident: Incident) -> None:
    browser = Client(headers={"accept-language": "en"})
    SiteMailbox.objects.update(created=timezone.now() - timedelta(days=400))
    token = requests.start_by_admin(VICTIM, "admin", timezone.now())
    browser.get(reverse("recover_link", args=[token]))
    browser.post(reverse("recover_password"), {"password": NEW_PASSWORD, "confirmation": NEW_PASSWORD})
    comes(f" {NEW_PASSWORD}")
    page = reverse("recover_settings_test")
    assert "A blank before the password" in text_of(browser, page)
    again = decisions.suspend(VICTIM, "once more", "operator")
    assert "The mailbox is suspended" in text_of(browser, page)
    decisions.dismiss(again, "operator")
    assert browser.get(page).status_code == 302
    assert browser.get(page, headers=HTMX).status_code == 204


def test_rows_are_few_and_short_lived(owner: Client) -> None:
    for number in range(settings_test.MOST_ATTEMPTS + 10):
        comes(f"guess {number}")
    assert SettingsAttempt.objects.count() == settings_test.MOST_ATTEMPTS
    settings_test.prune(timezone.now() + settings_test.KEPT + settings_test.WATCHED + timedelta(seconds=1))
    assert not SettingsAttempt.objects.exists() and not SettingsWatch.objects.exists()


def test_without_the_nonce_a_slip_is_another_password(sign_in: Any, incident: Incident) -> None:
    Path(settings().dovecot.policy_hash_nonce_file).unlink()
    browser = sign_in("owner")
    form = {"password": NEW_PASSWORD, "confirmation": NEW_PASSWORD, "active": "on"}
    assert browser.post(reverse("mailbox_edit", args=[VICTIM]), form).status_code == 302
    comes(f" {NEW_PASSWORD}")
    assert "Another password" in text_of(browser)
    nonce = Path(settings().dovecot.policy_hash_nonce_file)
    nonce.write_text(NONCE)
    nonce.chmod(0o640)
