"""App passwords in the panel: shown once, for the tenant's people only, away with one or all."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse, reverse_lazy
from django.utils import timezone

from casting import BYSTANDER, FOREIGN, NEW_PASSWORD, VICTIM
from sekisho.incidents import app_passwords, decisions
from sekisho.incidents.app_passwords import LETTERS, verifier_of
from sekisho.incidents.models import AppPassword
from sekisho.recovery import flow, requests
from sekisho.web import recovered as just_recovered

pytestmark = pytest.mark.django_db(databases=["default", "site"])

SECRET = re.compile(rf'<code id="app-password" translate="no">([{LETTERS}-]+)</code>')


def page(mailbox: str = BYSTANDER) -> str:
    return reverse("app_passwords", args=[mailbox])


def make(browser, name="iPhone", scope=("imap", "smtp"), mailbox=BYSTANDER):
    return browser.post(page(mailbox), {"name": name, "scope": scope})


def test_a_fresh_one_is_in_the_answer_and_never_again(cast, sign_in):
    owner = sign_in("owner")
    answer = make(owner)
    [secret] = SECRET.findall(answer.content.decode())
    assert AppPassword.objects.get(mailbox=BYSTANDER).verifier == verifier_of(secret)
    assert "no-store" in answer.headers["Cache-Control"]
    later = owner.get(page()).content.decode()
    assert "iPhone" in later and secret not in later and not SECRET.search(later)
    assert "1 app password" in owner.get(reverse("mailbox_edit", args=[BYSTANDER])).content.decode()


@pytest.mark.parametrize("language,reason", [("en", "There is an app password of this name"), ("ja", "もうあります")])
def test_a_refusal_says_why_and_keeps_what_was_typed(language, reason, cast, sign_in):
    owner = sign_in("owner", language)
    make(owner)
    answer = make(owner, scope=("pop3",))
    text = answer.content.decode()
    assert answer.status_code == 422 and reason in text
    assert 'value="iPhone"' in text and 'value="pop3" checked' in text and 'value="imap" checked' not in text
    assert make(owner, name="x", scope=()).status_code == make(owner, name="x" * 200).status_code == 422
    assert AppPassword.objects.count() == 1


def test_one_or_all_are_deleted_and_one_is_renewed(cast, sign_in):
    owner = sign_in("owner")
    for name in ("iPhone", "printer", "tablet"):
        make(owner, name)
    phone, printer, _ = app_passwords.held(BYSTANDER)
    renewed = owner.post(reverse("app_password_renew", args=[BYSTANDER, phone.pk]))
    assert verifier_of(SECRET.findall(renewed.content.decode())[0]) == app_passwords.named(BYSTANDER, "iPhone").verifier
    owner.post(reverse("app_password_revoke", args=[BYSTANDER, printer.pk]))
    assert [row.name for row in app_passwords.held(BYSTANDER)] == ["iPhone", "tablet"]
    assert owner.post(reverse("app_password_revoke", args=[BYSTANDER, printer.pk])).status_code == 404
    owner.post(reverse("app_password_revoke_all", args=[BYSTANDER]))
    assert not app_passwords.held(BYSTANDER).exists()


def test_nothing_is_changed_by_a_get(cast, sign_in):
    owner = sign_in("owner")
    make(owner)
    row = app_passwords.named(BYSTANDER, "iPhone")
    for name, arguments in (
        ("app_password_renew", [BYSTANDER, row.pk]),
        ("app_password_revoke", [BYSTANDER, row.pk]),
        ("app_password_revoke_all", [BYSTANDER]),
    ):
        assert owner.get(reverse(name, args=arguments)).status_code == 405
    assert app_passwords.named(BYSTANDER, "iPhone").pk == row.pk


def test_another_tenant_sees_and_changes_nothing(cast, sign_in):
    make(sign_in("owner"))
    row = app_passwords.named(BYSTANDER, "iPhone")
    stranger = sign_in("stranger")
    assert stranger.get(page()).status_code == make(stranger, "x").status_code == 404
    for name, arguments in (
        ("app_password_renew", [BYSTANDER, row.pk]),
        ("app_password_revoke", [BYSTANDER, row.pk]),
        # His own mailbox, somebody else's number.
        ("app_password_revoke", [FOREIGN, row.pk]),
        ("app_password_revoke_all", [BYSTANDER]),
    ):
        assert stranger.post(reverse(name, args=arguments)).status_code == 404
    assert [held.pk for held in app_passwords.held(BYSTANDER)] == [row.pk]


def test_a_suspended_mailbox_gets_none_and_afterwards_each_is_renewed(cast, sign_in):
    owner = sign_in("owner")
    make(owner, mailbox=VICTIM)
    decisions.suspend(VICTIM, "spam", "operator")
    text = owner.get(page(VICTIM)).content.decode()
    assert "switched off with the suspension" in text and "no app password can be made" in text
    assert make(owner, "x", mailbox=VICTIM).status_code == 422
    flow.reinstate(VICTIM, NEW_PASSWORD, "operator")
    assert "the intruder may know it" in owner.get(page(VICTIM)).content.decode()
    assert "1 app password is off" in owner.get(reverse("reinstatement", args=[VICTIM])).content.decode()
    row = app_passwords.named(VICTIM, "iPhone")
    assert SECRET.search(owner.post(reverse("app_password_renew", args=[VICTIM, row.pk])).content.decode())
    assert [held.disabled_at for held in app_passwords.held(VICTIM)] == [None]


def test_a_new_mailbox_password_takes_them_away_only_when_ticked(cast, sign_in):
    owner = sign_in("owner")
    make(owner)
    edit = reverse("mailbox_edit", args=[BYSTANDER])
    assert "Delete all app passwords as well" in owner.get(edit).content.decode()
    for tick, left in (({}, 1), ({"revoke_app_passwords": "on"}, 0)):
        password = f"{NEW_PASSWORD}-{left}"
        assert owner.post(edit, {"password": password, "confirmation": password, **tick}).status_code == 302
        assert app_passwords.held(BYSTANDER).count() == left
    assert "Delete all app passwords as well" not in owner.get(edit).content.decode()


@pytest.fixture
def recovered(cast):
    """The browser of an owner who has just recovered the mailbox by a link; one app password was on before."""
    app_passwords.add(VICTIM, "iPhone", ["imap"], "operator")
    decisions.suspend(VICTIM, "spam", "operator")
    browser = Client(headers={"accept-language": "en"})
    browser.get(reverse("recover_link", args=[requests.start_by_admin(VICTIM, "admin", timezone.now())]))
    saved = browser.post(reverse("recover_password"), {"password": NEW_PASSWORD, "confirmation": NEW_PASSWORD})
    assert saved.status_code == 302
    return browser


OWNERS = reverse_lazy("recover_app_passwords")


def test_an_owner_who_just_recovered_renews_makes_and_deletes_them(recovered):
    assert "1 app password is off" in recovered.get(reverse("recover_done")).content.decode()
    row = app_passwords.named(VICTIM, "iPhone")
    answer = recovered.post(reverse("recover_app_password_renew", args=[row.pk]))
    assert verifier_of(SECRET.findall(answer.content.decode())[0]) == app_passwords.named(VICTIM, "iPhone").verifier
    assert "no-store" in answer.headers["Cache-Control"]
    assert SECRET.search(recovered.post(OWNERS, {"name": "tablet", "scope": ["pop3"]}).content.decode())
    tablet = app_passwords.named(VICTIM, "tablet")
    assert tablet.created_by == "owner (recovery)"
    assert recovered.post(reverse("recover_app_password_revoke", args=[tablet.pk])).url == OWNERS
    recovered.post(reverse("recover_app_password_revoke_all"))
    assert not app_passwords.held(VICTIM).exists()


def test_nobody_else_gets_there_and_the_owner_for_half_an_hour_only(recovered, monkeypatch):
    assert Client().get(OWNERS).url == reverse("recover")
    before_the_proof_is_used = Client()
    before_the_proof_is_used.get(
        reverse("recover_link", args=[requests.start_by_admin(VICTIM, "admin", timezone.now())])
    )
    assert before_the_proof_is_used.post(OWNERS, {"name": "x", "scope": ["imap"]}).url == reverse("recover")
    row = app_passwords.add(BYSTANDER, "printer", ["smtp"], "operator")[0]
    assert recovered.post(reverse("recover_app_password_revoke", args=[row.pk])).status_code == 404
    assert recovered.get(OWNERS).status_code == 200
    monkeypatch.setattr(just_recovered, "OPEN_S", 0.0)
    assert recovered.get(OWNERS).url == reverse("recover")


def test_a_new_suspension_closes_the_owners_page(recovered):
    incident = decisions.suspend(VICTIM, "again", "operator")
    assert recovered.post(OWNERS, {"name": "x", "scope": ["imap"]}).status_code == 422
    decisions.dismiss(incident, "operator")
    assert recovered.get(OWNERS).url == reverse("recover")
