"""「アカウントとセキュリティ」: one's own factors, sessions and password; and what operators must have."""

from __future__ import annotations

import re
import time

import msgspec
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import casting
import sekisho.config
from sekisho.incidents.models import Audit, NetworkOwner, SignIn
from sekisho.web import factors
from sekisho.web.own_sessions import browser_words

pytestmark = pytest.mark.django_db(databases=["default", "site"])

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
NEW = "tsuki no uragawa 12 kai"


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


def code(secret):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def enrol(client):
    """Sets up an app as a person does; returns its key and the page that follows."""
    page = client.get(reverse("account_totp")).content.decode()
    secret = re.search(r'<code id="key"[^>]*>([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    return secret, client.post(reverse("account_totp"), {"code": code(secret)})


def set_required(monkeypatch, required=True):
    ours = sekisho.config.settings()
    web = msgspec.structs.replace(ours.web, operators_need_second_factor=required)
    monkeypatch.setattr(factors, "settings", lambda: msgspec.structs.replace(ours, web=web))


def test_an_app_is_set_up_by_its_first_code_and_a_sheet_is_shown_once(
    cast, sign_in, django_capture_on_commit_callbacks
):
    client = sign_in("owner")
    with django_capture_on_commit_callbacks(execute=True):
        secret, answer = enrol(client)
    sheet = re.findall(r"<code translate=\"no\">(\d{8})</code>", answer.content.decode())
    assert len(sheet) == 10 == len(set(sheet))
    assert sheet == Authenticator.objects.get(type="recovery_codes").wrap().generate_codes()
    page = client.get(reverse("account")).content.decode()
    assert not any(one in page for one in [*sheet, secret]) and "10 codes are left" in page
    audited = Audit.objects.filter(verb="factor_added").values_list("details", flat=True)
    assert {details["factor"] for details in audited} == {"totp", "recovery_codes"}


def test_a_wrong_first_code_sets_up_nothing_and_keeps_the_key(cast, sign_in):
    client = sign_in("owner")
    first = client.get(reverse("account_totp")).content.decode()
    answer = client.post(reverse("account_totp"), {"code": "000000"})
    key = re.search(r'<code id="key"[^>]*>([A-Z2-7 ]+)<', first)[0]
    assert answer.status_code == 422 and key in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_a_new_sheet_makes_the_old_one_void(cast, sign_in):
    client = sign_in("owner")
    enrol(client)
    old = Authenticator.objects.get(type="recovery_codes").wrap().generate_codes()
    answer = client.post(reverse("account_codes")).content.decode()
    assert not any(one in answer for one in old)


def test_removing_the_last_factor_takes_the_codes_along(cast, sign_in):
    client = sign_in("owner")
    enrol(client)
    client.post(reverse("account_factor_remove", args=[Authenticator.objects.get(type="totp").pk]))
    assert not Authenticator.objects.exists()
    assert Audit.objects.filter(verb="factor_removed").exists()


@pytest.mark.parametrize("act", ["account_factor_remove", "account_factor_rename"])
def test_nobody_touches_somebody_elses_factor(act, cast, sign_in):
    TOTP.activate(cast.colleague, generate_totp_secret())
    passkey = Authenticator.objects.create(user=cast.colleague, type="webauthn", data={"name": "x", "credential": {}})
    for one in Authenticator.objects.all():
        assert sign_in("owner").post(reverse(act, args=[one.pk]), {"name": "mine"}).status_code == 404
    assert Authenticator.objects.get(pk=passkey.pk).data["name"] == "x"


@pytest.mark.parametrize("page", ["account_totp", "account_passkey", "account_codes", "account_password"])
def test_security_is_changed_only_by_who_has_just_shown_who_it_is(page, cast, sign_in):
    client = sign_in("owner")
    session = client.session
    session["sekisho_confirmed"] |= {"at": time.time() - 601}
    session.save()
    headers = {"host": "localhost"}
    answer = client.post(reverse(page), {"new_password1": NEW, "new_password2": NEW}, headers=headers)
    assert answer.url.startswith(reverse("confirm"))
    cast.owner.refresh_from_db()
    assert cast.owner.check_password(casting.ACCOUNT_PASSWORD)


@pytest.mark.parametrize("sent", ["", "{}", "[]", '{"response": 5}', '{"id": "a", "rawId": "a", "response": {}}'])
def test_nonsense_instead_of_a_new_passkey_is_refused(sent, cast, sign_in):
    client = sign_in("owner")
    client.get(reverse("account_passkey"), headers={"host": "localhost"})
    answer = client.post(reverse("account_passkey"), {"credential": sent, "name": "x"}, headers={"host": "localhost"})
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_under_an_ip_address_the_page_says_why_there_are_no_passkeys(sign_in):
    client = sign_in("owner")
    assert "under a name with https" in client.get(reverse("account"), headers={"host": "127.0.0.1"}).content.decode()
    assert client.get(reverse("account_passkey"), headers={"host": "127.0.0.1"}).status_code == 404


# Sessions and password


def signed_in_browser(agent, address="198.18.40.7"):
    client = Client(headers={"accept-language": "en", "user-agent": agent}, REMOTE_ADDR=address)
    client.post(reverse("sign_in"), {"username": f"kanri@{casting.DOMAIN}", "password": casting.ACCOUNT_PASSWORD})
    return client


def test_every_signed_in_browser_is_listed_with_its_address(cast):
    here, there = signed_in_browser(FIREFOX), signed_in_browser(IPHONE, "198.19.18.66")
    page = here.get(reverse("account")).content.decode()
    assert "Firefox, Windows" in page and "Safari, iPhone" in page and "198.19.18.66" in page
    assert page.count("this one") == 1
    here.post(reverse("account_end_others"))
    assert here.get(reverse("account")).status_code == 200
    assert there.get(reverse("account")).status_code == 302
    assert Audit.objects.get(verb="sessions_ended").details == {"count": 1}


def test_a_browsers_place_is_named_where_a_guard_knew_its_address(cast):
    NetworkOwner.objects.create(asn=65018, name="Lagos Net")
    SignIn.objects.create(
        mailbox="x@sora.example", at=timezone.now(), success=True, protocol="imap", ip="198.19.18.66", country="NG",
        asn=65018,
    )  # fmt: skip
    here, _ = signed_in_browser(FIREFOX), signed_in_browser(IPHONE, "198.19.18.66")
    page = here.get(reverse("account")).content.decode()
    assert "198.19.18.66 (Nigeria, Lagos Net)" in page and "198.18.40.7 ·" in page


def test_signing_out_leaves_the_list(cast):
    here, there = signed_in_browser(FIREFOX), signed_in_browser(IPHONE)
    there.post(reverse("sign_out"))
    assert "iPhone" not in here.get(reverse("account")).content.decode()


@pytest.mark.parametrize(
    "agent,words",
    [
        (FIREFOX, "Firefox, Windows"),
        (IPHONE, "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143 Safari/537.36 Edg/143", "Edge, Linux"),
        ("curl/8", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_two_words(agent, words):
    assert browser_words(agent) == words


def test_a_new_password_signs_out_the_others_and_not_oneself(cast):
    here, there = signed_in_browser(FIREFOX), signed_in_browser(IPHONE)
    here.post(reverse("account_password"), {"new_password1": NEW, "new_password2": NEW})
    assert here.get(reverse("account")).status_code == 200
    assert there.get(reverse("account")).status_code == 302
    cast.owner.refresh_from_db()
    assert cast.owner.check_password(NEW)
    page = here.get(reverse("account")).content.decode()
    assert "this one" in page and "iPhone" not in page


@pytest.mark.parametrize("first,second", [("short", "short"), (NEW, NEW + "x"), ("", ""), ("1" * 15, "1" * 15)])
def test_a_password_that_breaks_the_rules_changes_nothing(first, second, cast, sign_in):
    answer = sign_in("owner").post(reverse("account_password"), {"new_password1": first, "new_password2": second})
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
    cast.owner.refresh_from_db()
    assert cast.owner.check_password(casting.ACCOUNT_PASSWORD)


# What operators must have


def test_an_operator_without_a_factor_is_led_to_it_before_anything_else(cast, sign_in, monkeypatch):
    set_required(monkeypatch)
    client = sign_in("operator")
    for name in ("dashboard", "mailboxes", "incidents", "enforcement"):
        assert client.get(reverse(name)).url == reverse("account"), name
    assert client.post(reverse("mailbox_suspend", args=[casting.BYSTANDER]), {"reason": "x"}).url == reverse("account")
    assert "Operators need a second factor" in client.get(reverse("account")).content.decode()
    enrol(client)
    assert client.get(reverse("dashboard")).status_code == 200


def test_nobody_else_is(cast, sign_in, monkeypatch):
    set_required(monkeypatch)
    assert sign_in("owner").get(reverse("dashboard")).status_code == 200


def test_where_it_is_required_the_last_factor_stays(cast, sign_in, monkeypatch):
    set_required(monkeypatch)
    client = sign_in("operator")
    enrol(client)
    answer = client.post(reverse("account_factor_remove", args=[Authenticator.objects.get(type="totp").pk]))
    assert answer.status_code == 422 and Authenticator.objects.filter(type="totp").exists()


def test_where_it_is_not_required_the_overview_advises(cast, sign_in):
    assert "by a password alone" in sign_in("operator").get(reverse("dashboard")).content.decode()
    assert "by a password alone" not in sign_in("owner").get(reverse("dashboard")).content.decode()


def test_it_is_required_unless_the_configuration_says_otherwise():
    assert sekisho.config.WebSettings().operators_need_second_factor


def test_who_has_lost_everything_gets_the_factors_taken_away_and_is_signed_out(cast):
    client = signed_in_browser(FIREFOX)
    TOTP.activate(cast.owner, generate_totp_secret())
    RecoveryCodes.activate(cast.owner)
    assert factors.take_away(cast.owner, "root@mx01") == 1
    assert not Authenticator.objects.exists() and client.get(reverse("account")).status_code == 302
    assert Audit.objects.get(verb="factors_taken_away").subject == cast.owner.username
