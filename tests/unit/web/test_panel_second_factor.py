"""The step after the password, passkeys, and the question who it is before sensitive acts."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

import casting
from casting import ACCOUNT_PASSWORD
from sekisho.directory.models import DomainMode, SiteMailbox
from sekisho.incidents.models import AppPassword, Audit, MailboxStatus
from sekisho.recovery.models import OwnerContact
from sekisho.web import confirmation
from sekisho.web.models import CacheEntry

pytestmark = pytest.mark.django_db(databases=["default", "site"])

NAME = f"kanri@{casting.DOMAIN}"


@pytest.fixture(autouse=True)
def empty_cache(db):
    cache.clear()


@pytest.fixture
def secret(cast):
    """The owner's authenticator app, and a sheet of recovery codes."""
    found = generate_totp_secret()
    TOTP.activate(cast.owner, found)
    RecoveryCodes.activate(cast.owner)
    return found


def code(secret, steps=0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def with_password(client=None, **more):
    client = client or Client(headers={"accept-language": "en"})
    answer = client.post(reverse("sign_in"), {"username": NAME, "password": ACCOUNT_PASSWORD, **more})
    return client, answer


def is_in(client):
    return client.get(reverse("dashboard")).status_code == 200


def test_an_account_without_a_factor_is_in_after_the_password(cast):
    client, answer = with_password()
    assert answer.url == reverse("dashboard") and is_in(client)


def test_with_a_factor_the_password_alone_opens_nothing(secret):
    client, answer = with_password()
    assert answer.url == reverse("mfa_authenticate")
    assert not is_in(client) and not Audit.objects.filter(verb="sign_in").exists()
    assert "Second step" in client.get(answer.url).content.decode()


def test_the_apps_code_completes_the_sign_in_and_leads_where_it_was_going(secret):
    client, answer = with_password(next=reverse("incidents"))
    answer = client.post(answer.url, {"code": code(secret)})
    assert answer.url == reverse("incidents") and is_in(client)
    assert Audit.objects.get(verb="sign_in").actor == NAME


@pytest.mark.parametrize("wrong", ["000000", "", "abcdef", "12345678"])
def test_a_wrong_code_opens_nothing_and_says_so(secret, wrong):
    client, answer = with_password()
    assert 'role="alert"' in client.post(answer.url, {"code": wrong}).content.decode()
    assert not is_in(client)


def test_a_code_works_once_also_after_half_a_minute(secret, monkeypatch):
    first, answer = with_password()
    used = code(secret)
    first.post(answer.url, {"code": used})
    # allauth forgets it now, while it is still within the tolerated minute and a half.
    CacheEntry.objects.filter(cache_key__contains="allauth.mfa.totp.used").delete()
    second, answer = with_password()
    assert "was used already" in second.post(answer.url, {"code": used}).content.decode()
    assert is_in(first) and not is_in(second)


def test_a_recovery_code_works_once(cast, secret):
    sheet = Authenticator.objects.get(user=cast.owner, type="recovery_codes").wrap().generate_codes()
    first, answer = with_password()
    first.post(answer.url, {"code": sheet[3]})
    assert is_in(first)
    second, answer = with_password()
    second.post(answer.url, {"code": sheet[3]})
    assert not is_in(second)


def test_guessing_codes_is_braked_in_a_table_that_every_process_sees(secret):
    client, answer = with_password()
    texts = [client.post(answer.url, {"code": f"{n:06}"}).content.decode() for n in range(7)]
    assert "too many tries" in texts[-1]
    assert "too many tries" in client.post(answer.url, {"code": code(secret)}).content.decode()
    assert CacheEntry.objects.exists()


def test_the_second_step_is_no_door_of_its_own(secret):
    client = Client()
    assert client.get(reverse("mfa_authenticate")).url.startswith(reverse("sign_in"))
    assert client.post(reverse("mfa_authenticate"), {"code": code(secret)}).url.startswith(reverse("sign_in"))
    assert not is_in(client)


def test_secrets_are_no_use_from_a_copy_of_the_database(cast, secret):
    assert all(secret not in str(row.data) for row in Authenticator.objects.all())
    assert Authenticator.objects.get(type="totp").data["secret"].startswith("gAAAA")


@pytest.mark.parametrize(
    "name",
    [
        "account_signup",
        "account_reset_password",
        "account_email",
        "mfa_index",
        "mfa_signup_webauthn",
    ],
)
def test_no_page_of_allauth_is_there_that_is_not_ours(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_a_passkey_sign_in_gets_a_challenge_that_asks_for_pin_or_finger(cast):
    answer = Client().get(reverse("mfa_login_webauthn"), headers={"accept": "application/json"})
    options = answer.json()["request_options"]["publicKey"]
    assert options["userVerification"] == "required" and options["rpId"] == "testserver"


@pytest.mark.parametrize("sent", ["", "{}", "[]", "null", '{"id": 1, "response": {"userHandle": 5}}', "x" * 5000])
def test_nonsense_instead_of_a_passkey_opens_nothing(cast, sent):
    client = Client()
    client.get(reverse("mfa_login_webauthn"), headers={"accept": "application/json"})
    assert client.post(reverse("mfa_login_webauthn"), {"credential": sent}).status_code == 302
    assert not is_in(client)


@pytest.mark.parametrize("host,shown", [("localhost", True), ("127.0.0.1", False)])
def test_passkeys_are_offered_where_browsers_make_them(host, shown):
    page = Client(headers={"host": host}).get(reverse("sign_in")).content.decode()
    assert ('data-passkey="sign-in"' in page) == shown


# The question before sensitive acts


@confirmation.needs_confirmation
def sensitive(request):
    return HttpResponse("done")


def asked_by(client, method="get", **headers):
    """What `sensitive` answers to this browser."""
    request = getattr(RequestFactory(), method)("/admin/sensitive/?x=1", headers={"host": "testserver", **headers})
    request.session = client.session
    request.user = casting.User.objects.get(pk=client.session["_auth_user_id"])
    return sensitive(request)


def later(client, minutes):
    session = client.session
    session["sekisho_confirmed"] |= {"at": (timezone.now() - timedelta(minutes=minutes)).timestamp()}
    session.save()


def test_signing_in_counts_for_ten_minutes(sign_in):
    client = sign_in("owner")
    assert asked_by(client).content == b"done"
    later(client, 9)
    assert asked_by(client).content == b"done"
    later(client, 11)
    assert asked_by(client).url == "/confirm/?next=%2Fadmin%2Fsensitive%2F%3Fx%3D1"


def test_after_it_the_password_is_asked_and_leads_on(sign_in):
    client = sign_in("owner")
    later(client, 11)
    wrong = client.post(reverse("confirm"), {"password": "wrong", "next": "/admin/incidents/"})
    assert wrong.status_code == 422 and "not right" in wrong.content.decode()
    assert asked_by(client).status_code == 302
    right = client.post(reverse("confirm"), {"password": ACCOUNT_PASSWORD, "next": "/admin/incidents/"})
    assert right.url == "/admin/incidents/"
    assert asked_by(client).content == b"done"


def test_with_a_factor_the_password_is_not_enough(cast, secret, sign_in):
    client = sign_in("owner")
    later(client, 11)
    assert 'name="password"' not in client.get(reverse("confirm")).content.decode()
    assert client.post(reverse("confirm"), {"password": ACCOUNT_PASSWORD}).status_code == 422
    assert asked_by(client).status_code == 302
    client.post(reverse("confirm"), {"code": code(secret)})
    assert asked_by(client).content == b"done"


def test_a_session_confirmed_before_the_factor_was_enrolled_is_asked_for_it(cast, sign_in):
    client = sign_in("owner")
    TOTP.activate(cast.owner, generate_totp_secret())
    assert asked_by(client).status_code == 302


def test_guesses_at_the_password_are_counted_like_those_at_the_sign_in(sign_in):
    client = sign_in("owner")
    for _ in range(10):
        client.post(reverse("confirm"), {"password": "wrong"})
    answer = client.post(reverse("confirm"), {"password": ACCOUNT_PASSWORD})
    assert answer.status_code == 422 and "too many tries" in answer.content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_to_no_other_host(sign_in, elsewhere):
    answer = sign_in("owner").post(reverse("confirm"), {"password": ACCOUNT_PASSWORD, "next": elsewhere})
    assert answer.url == reverse("dashboard")


def test_a_form_sent_too_late_is_not_repeated_but_led_back_to(sign_in):
    client = sign_in("owner")
    later(client, 11)
    answer = asked_by(client, "post", referer="http://testserver/admin/form/")
    assert answer.url == "/confirm/?next=%2Fadmin%2Fform%2F&again=1"
    assert asked_by(client, "post", referer="https://evil.example/").url == "/confirm/?next=%2Fadmin%2F&again=1"
    back = client.post(answer.url, {"password": ACCOUNT_PASSWORD, "next": "/admin/", "again": "1"}, follow=True)
    assert "nothing has been saved yet" in back.content.decode()


def test_htmx_is_told_to_go_there(sign_in):
    client = sign_in("owner")
    later(client, 11)
    assert asked_by(client, "post", **{"hx-request": "true"}).headers["HX-Redirect"].startswith("/confirm/")


# Where it is asked


def unconfirmed(sign_in, who):
    client = sign_in(who)
    later(client, 11)
    return client


@pytest.mark.parametrize(
    "name,method,sent",
    [
        ("owner_proofs", "get", {}),
        ("owner_contact_add", "post", {"contact": "boku@tegami.test"}),
        ("owner_codes", "post", {}),
        ("owner_recovery_page", "post", {}),
        ("app_passwords", "get", {}),
        ("app_passwords", "post", {"name": "iPhone", "scope": ["imap"]}),
        ("mailbox_edit", "get", {}),
        ("mailbox_edit", "post", {"password": casting.NEW_PASSWORD, "confirmation": casting.NEW_PASSWORD}),
    ],
)
def test_passwords_contacts_and_codes_of_a_mailbox_are_touched_only_after_it(name, method, sent, sign_in, incident):
    before = SiteMailbox.objects.get(username=casting.VICTIM).password
    answer = getattr(unconfirmed(sign_in, "owner"), method)(reverse(name, args=[casting.VICTIM]), sent)
    assert answer.status_code == 302 and answer.url.startswith(reverse("confirm"))
    assert SiteMailbox.objects.get(username=casting.VICTIM).password == before
    assert not OwnerContact.objects.exists() and not AppPassword.objects.exists()


@pytest.mark.parametrize("name", ["incident_dismiss", "incident_this_was_me"])
def test_a_takeover_is_called_none_only_after_it(name, sign_in, incident):
    answer = unconfirmed(sign_in, "owner").post(reverse(name, args=[incident.pk]), {"address": casting.VICTIM})
    assert answer.url.startswith(reverse("confirm"))
    assert MailboxStatus.objects.get(mailbox=casting.VICTIM).status == "suspended"


def test_a_domains_mode_is_switched_only_after_it(sign_in, cast):
    answer = unconfirmed(sign_in, "operator").post(
        reverse("enforcement_mode", args=[casting.DOMAIN]), {"mode": "observe"}
    )
    assert answer.url.startswith(reverse("confirm")) and not DomainMode.objects.exists()


def test_a_stranger_learns_nothing_from_being_asked(sign_in, incident):
    client = unconfirmed(sign_in, "stranger")
    theirs, nobodys = (
        client.get(reverse("mailbox_edit", args=[address])) for address in (casting.VICTIM, f"nobody@{casting.DOMAIN}")
    )
    assert theirs.status_code == nobodys.status_code == 302


def test_what_is_only_looked_at_or_stopped_asks_nothing(sign_in, incident):
    client = unconfirmed(sign_in, "operator")
    assert client.get(reverse("incident", args=[incident.pk])).status_code == 200
    client.post(reverse("mailbox_suspend", args=[casting.BYSTANDER]), {"reason": "spam"})
    assert MailboxStatus.objects.get(mailbox=casting.BYSTANDER).status == "suspended"
