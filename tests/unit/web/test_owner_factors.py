"""An owner's app and passkeys: who may set one up, what it opens, and what it never does."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from test_owner_pages import an_alert, browser, proved, signed_in, text

import casting
from casting import BYSTANDER, FOREIGN, STOLEN_PASSWORD, VICTIM
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import Audit, Notice
from sekisho.recovery import contacts, owner_factors, paper, requests
from sekisho.recovery.models import OwnerFactor, RecoveryRequest
from sekisho.recovery.texts import compose
from sekisho.web import owner_keys
from sekisho.web.masking import MaskingFormatter
from sekisho.web.views import owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])

OUTSIDE = "hana@tayori.test"
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)


@pytest.fixture
def site(cast: casting.Cast) -> None:
    SiteMailbox.objects.update(created=timezone.now() - timedelta(days=400))


@pytest.fixture
def admin(site: None, sign_in) -> Client:  # type: ignore[no-untyped-def]
    client: Client = sign_in("owner")
    client.get(reverse("dashboard"))
    session = client.session
    session["sekisho_confirmed"] = {
        "account": int(session["_auth_user_id"]), "at": timezone.now().timestamp(), "by_factor": True,
    }  # fmt: skip
    session.save()
    return client


def invited(admin: Client, mailbox: str = BYSTANDER) -> str:
    """The link of a fresh invitation, as the admin's page shows it."""
    answer = admin.post(reverse("owner_invite", args=[mailbox]))
    assert answer.status_code == 200
    token = requests.token_of(RecoveryRequest.objects.filter(origin="setup").latest("id"))
    assert f"/owner/invitation/{token}" in answer.content.decode()
    return reverse("owner_invitation", args=[token])


def code(key: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(key, int(time.time()) // 30 + steps))


def key_on(client: Client) -> str:
    return str(client.get(reverse("owner_factor_app")).context["key"]).replace(" ", "")


def set_up(client: Client) -> str:
    """An app is set up in this browser; its key."""
    key = key_on(client)
    answer = client.post(reverse("owner_factor_app"), {"code": code(key, -1)})
    assert answer.status_code == 302, answer.content.decode()
    return key


def with_app(admin: Client, mailbox: str = BYSTANDER, *, age: timedelta = timedelta(0)) -> str:
    """The key of an app that the mailbox's owner set up that long ago."""
    client = signed_in(mailbox)
    client.get(invited(admin, mailbox))
    key = set_up(client)
    OwnerFactor.objects.filter(mailbox=mailbox).update(enrolled_at=timezone.now() - age, counter=0)
    return key


def shows(client: Client, typed: str) -> bool:
    return client.post(reverse("owner_proof"), {"code": typed}).status_code == 302


def test_an_invitation_and_the_password_set_up_an_app_that_opens_the_rest_at_once(admin):
    client = browser()
    assert client.get(invited(admin)).url == reverse("owner_factors")
    assert client.get(reverse("owner_factors")).url == reverse("owner_sign_in")
    answer = client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    assert answer.url == reverse("owner_factors")
    assert "has invited you" in text(client, "owner_factors")
    key = set_up(client)
    assert "opens your pages" in text(client, "owner_factors") and "Authenticator app" in text(client, "owner_factors")
    assert client.get(reverse("owner_sign_ins")).status_code == 200
    later = signed_in()
    assert later.get(reverse("owner_sign_ins")).status_code == 302
    assert shows(later, code(key)) and later.get(reverse("owner_sign_ins")).status_code == 200
    row = Audit.objects.get(verb="owner_factor_added")
    assert row.actor == "owner (invitation)" and row.details["let_by"] == f"kanri@{casting.DOMAIN}"
    assert Audit.objects.filter(verb="owner_invited", subject=BYSTANDER).exists()


def test_neither_the_password_nor_the_invitation_alone_sets_anything_up(admin):
    client = signed_in()
    for name in ("owner_factors", "owner_factor_app", "owner_factor_passkey"):
        for answer in (client.get(reverse(name)), client.post(reverse(name), {"code": "000000"})):
            assert answer.status_code == 302 and answer.url.startswith(reverse("owner_proof")), name
    stranger = browser()
    stranger.get(invited(admin))
    for name in ("owner_factors", "owner_factor_app"):
        assert stranger.get(reverse(name)).url == reverse("owner_sign_in")
    assert not OwnerFactor.objects.exists()


def test_an_invitation_serves_its_own_mailbox_once_and_for_ten_minutes(admin):
    link = invited(admin)
    other = signed_in(VICTIM)
    other.get(link)
    assert other.get(reverse("owner_factor_app")).status_code == 410
    first, second = signed_in(), signed_in()
    first.get(link)
    second.get(link)
    key = key_on(second)
    set_up(first)
    assert second.post(reverse("owner_factor_app"), {"code": code(key, -1)}).status_code == 410
    assert OwnerFactor.objects.count() == 1
    late = signed_in()
    late.get(invited(admin))
    RecoveryRequest.objects.update(expires_at=timezone.now())
    assert late.get(reverse("owner_factors")).status_code == 410


def test_a_newer_invitation_makes_the_older_one_void(admin):
    older = invited(admin)
    invited(admin)
    client = signed_in()
    client.get(older)
    assert client.get(reverse("owner_factors")).status_code == 410


def test_opening_the_link_changes_nothing_and_its_token_is_in_no_session_and_no_log(admin):
    link = invited(admin)
    before = RecoveryRequest.objects.values().get()
    scanner = Client()
    scanner.head(link)
    scanner.get(link, follow=True)
    assert RecoveryRequest.objects.values().get() == before and not OwnerFactor.objects.exists()
    token = link.rpartition("/")[2]
    assert len(token) == 22 and token not in str(dict(scanner.session.items()))
    line = logging.LogRecord("x", logging.INFO, "", 1, "GET %s HTTP/1.1", (link,), None)
    assert token not in MaskingFormatter().format(line)


def test_an_invitation_makes_no_new_password(admin):
    link = invited(admin)
    token = link.rpartition("/")[2]
    client = browser()
    client.get(reverse("recover_link", args=[token]))
    assert client.get(reverse("recover_password")).status_code == 410


def test_it_is_mailed_to_a_contact_that_counts_and_to_no_other(admin):
    contacts.add(BYSTANDER, OUTSIDE, "ja", "admin", timezone.now() - MONTH)
    contacts.add(BYSTANDER, "new@tayori.test", "ja", "admin", timezone.now())
    link = invited(admin)
    letter = Notice.objects.get(kind="owner_invitation")
    assert letter.recipient == OUTSIDE and link in compose(letter)[1]
    client = signed_in()
    client.get(link)
    set_up(client)
    told = Notice.objects.filter(kind="factor_told")
    assert {one.recipient for one in told} == {OUTSIDE, "new@tayori.test"}
    assert "認証アプリを設定しました" in compose(told[0])[1] and "app was set up" in compose(told[0])[1]


def test_a_code_works_once_and_an_older_one_never_after_it(admin):
    key = with_app(admin)
    used = code(key)
    assert shows(signed_in(), used)
    assert not shows(signed_in(), used) and not shows(signed_in(), code(key, -1))
    assert shows(signed_in(), code(key, 1))


@pytest.mark.parametrize("typed", ["000000", "", "12345", "１２３４５６"])
def test_a_wrong_code_opens_nothing(admin, typed):
    with_app(admin)
    client = signed_in()
    assert not shows(client, typed)
    assert client.get(reverse("owner_sign_ins")).status_code == 302


def test_full_width_digits_are_read_as_digits(admin):
    key = with_app(admin)
    wide = code(key).translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    assert shows(signed_in(), wide)


def test_guessing_ends_at_the_days_share_and_leaves_the_other_ways_open(admin, monkeypatch):
    monkeypatch.setattr(owner_factors, "TRIES_A_DAY", 5)
    key = with_app(admin)
    codes = paper.print_sheet(BYSTANDER, "admin", timezone.now() - MONTH)
    for number in range(5):
        assert not shows(signed_in(), f"{number:06}")
    assert not shows(signed_in(), code(key))
    assert Audit.objects.filter(verb="owner_factor_refused").count() == 6
    assert shows(signed_in(), codes[0])
    OwnerFactor.objects.update(tries_since=timezone.now() - timedelta(days=1, seconds=1))
    assert shows(signed_in(), code(key))


def test_one_owners_code_opens_no_other_mailbox(admin):
    key = with_app(admin)
    with_app(admin, VICTIM)
    assert not shows(signed_in(VICTIM), code(key))


def test_what_was_set_up_after_the_first_sign_or_shortly_before_opens_nothing_meanwhile(admin):
    key = with_app(admin, age=timedelta(days=3))
    client = signed_in()
    assert shows(client, code(key))
    an_alert(BYSTANDER)
    # Also where it was shown before: whoever talked an admin into it must not answer the alert.
    assert client.get(reverse("owner_this_was_me")).status_code == 302
    assert not shows(signed_in(), code(key, 1))
    OwnerFactor.objects.update(enrolled_at=timezone.now() - MONTH)
    assert shows(signed_in(), code(key, 1))


def test_setting_one_up_during_an_alert_opens_nothing_and_tells_nothing_of_it(admin):
    an_alert(BYSTANDER)
    client = signed_in()
    client.get(invited(admin))
    set_up(client)
    assert client.get(reverse("owner_sign_ins")).status_code == 302
    assert "unusual" not in text(client, "owner_home")


def test_a_new_password_needs_a_factor_of_two_weeks(admin):
    key = with_app(admin, age=timedelta(days=13))
    client = signed_in()
    assert shows(client, code(key))
    assert client.post(reverse("owner_new_password")).url == reverse("owner_recovery")
    assert "two weeks old" in text(client, "owner_recovery")
    assert not RecoveryRequest.objects.filter(origin="owner").exists()
    OwnerFactor.objects.update(enrolled_at=timezone.now() - timedelta(days=15))
    assert client.post(reverse("owner_new_password")).url == reverse("recover_password")


def test_an_old_enough_app_recovers_a_suspended_mailbox(admin):
    key = with_app(admin, VICTIM, age=MONTH)
    casting.takeover(VICTIM)
    client = signed_in(VICTIM)
    assert shows(client, code(key))
    assert client.post(reverse("owner_new_password")).url == reverse("recover_password")
    new = "tsukimi-Raion-4827-kaze"
    answer = client.post(reverse("recover_password"), {"password": new, "confirmation": new})
    assert answer.url == reverse("recover_done")
    assert Audit.objects.filter(verb="recovered_by_owner", actor="owner (app)").exists()


def test_the_app_alone_is_no_proof_on_the_page_without_the_password(admin):
    key = with_app(admin, VICTIM, age=MONTH)
    casting.takeover(VICTIM)
    client = browser()
    client.post(reverse("recover"), {"address": VICTIM})
    assert client.post(reverse("recover_code"), {"code": code(key)}).status_code == 422


def test_the_admin_takes_all_away_and_what_was_shown_ends_with_it(admin):
    contacts.add(BYSTANDER, OUTSIDE, "en", "admin", timezone.now() - MONTH)
    key = with_app(admin)
    client = signed_in()
    assert shows(client, code(key))
    link = invited(admin)
    assert admin.post(reverse("owner_factors_reset", args=[BYSTANDER])).status_code == 302
    assert client.get(reverse("owner_sign_ins")).status_code == 302
    assert not shows(signed_in(), code(key, 1))
    other = signed_in()
    other.get(link)
    assert other.get(reverse("owner_factors")).status_code == 410
    assert "administrator removed every app" in compose(Notice.objects.filter(kind="factor_told").latest("id"))[1]
    assert Audit.objects.get(verb="owner_factors_reset").details == {"count": 1}


def test_a_proved_owner_adds_and_removes_without_an_invitation(admin):
    codes = paper.print_sheet(BYSTANDER, "admin", timezone.now() - MONTH)
    client = proved(codes)
    set_up(client)
    row = OwnerFactor.objects.get()
    assert row.enrolled_by == "owner (paper)"
    foreign = owner_factors.add(FOREIGN, "app", "x", "x", "x", timezone.now())
    assert client.post(reverse("owner_factor_remove", args=[foreign.pk])).status_code == 404
    client.post(reverse("owner_factor_remove", args=[row.pk]))
    assert not owner_factors.of_mailbox(BYSTANDER).exists() and owner_factors.of_mailbox(FOREIGN).exists()


def test_a_new_app_takes_the_place_of_the_old_one(admin):
    first = with_app(admin)
    second = with_app(admin)
    assert not shows(signed_in(), code(first)) and shows(signed_in(), code(second))


def test_the_key_is_no_use_from_a_copy_of_the_database(admin):
    client = signed_in()
    client.get(invited(admin))
    key = key_on(client)
    assert key not in str(dict(client.session.items()))
    set_up(client)
    assert key not in str(list(OwnerFactor.objects.values()))


def test_a_former_owners_factor_opens_nothing_after_the_address_was_given_on(admin):
    key = with_app(admin, age=MONTH)
    SiteMailbox.objects.update(created=timezone.now())
    assert not shows(signed_in(), code(key))


def test_the_page_of_the_proof_does_not_tell_what_is_enrolled(admin):
    with_app(admin)
    pages = set()
    for address in (BYSTANDER, VICTIM):
        shown = signed_in(address).get(reverse("owner_proof")).content.decode().replace(address, "")
        pages.add(
            "\n".join(line for line in shown.splitlines() if "csrf" not in line and "passkey-options" not in line)
        )
    assert len(pages) == 1


@pytest.mark.parametrize("sent", ["", "{}", "[]", "null", '{"id": 1}', '{"response": {"userHandle": 5}}', "x" * 20_000])
def test_nonsense_instead_of_a_passkey_opens_nothing(admin, sent):
    client = Client(headers={"host": "localhost"})
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    client.get(reverse("owner_proof"))
    assert owner_keys.CHALLENGE in client.session
    assert client.post(reverse("owner_proof"), {"credential": sent}).status_code == 422
    assert client.get(reverse("owner_sign_ins")).status_code == 302


def test_the_challenge_asks_for_pin_or_finger_and_names_no_passkey(site):
    client = Client(headers={"host": "localhost"})
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    options = client.get(reverse("owner_proof")).context["js_data"]["request_options"]["publicKey"]
    assert options["userVerification"] == "required" and options["rpId"] == "localhost"
    assert not options.get("allowCredentials")


def test_strangers_neither_invite_nor_take_away(admin, sign_in):
    with_app(admin)
    stranger = sign_in("stranger")
    for name in ("owner_invite", "owner_factors_reset"):
        assert stranger.post(reverse(name, args=[BYSTANDER])).status_code == 404
    assert owner_factors.of_mailbox(BYSTANDER).count() == 1
