"""Signing in: one answer for every mistake, and a brake that hurts guessers, not owners."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone

import casting
import sekisho.config
from casting import ACCOUNT_PASSWORD
from sekisho.incidents.models import Audit
from sekisho.web import throttle
from sekisho.web.models import SignInTries

pytestmark = pytest.mark.django_db(databases=["default", "site"])

NAME = f"kanri@{casting.DOMAIN}"
HOME, AWAY = "198.18.40.7", "198.19.18.66"
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def attempt(name=NAME, password="wrong", address=AWAY, client=None):
    client = client or Client(headers={"accept-language": "en"})
    return client.post(reverse("sign_in"), {"username": name, "password": password}, REMOTE_ADDR=address)


def test_the_right_password_leads_to_the_overview_and_is_audited(cast):
    answer = attempt(password=ACCOUNT_PASSWORD, address=HOME)
    assert answer.url == reverse("dashboard")
    assert Audit.objects.get(verb="sign_in").actor == NAME


def test_failed_sign_ins_and_signing_out_are_audited_without_a_name_that_may_be_a_password(cast):
    client = Client()
    attempt(password="wrong")
    attempt(name="hunter2-typed-here", password="wrong")
    attempt(password=ACCOUNT_PASSWORD, client=client)
    client.post(reverse("sign_out"))
    rows = list(Audit.objects.order_by("number"))
    assert [(row.actor, row.verb, row.via) for row in rows] == [
        (NAME, "sign_in_failed", "panel"),
        ("unknown", "sign_in_failed", "panel"),
        (NAME, "sign_in", "panel"),
        (NAME, "sign_out", "panel"),
    ]
    assert rows[0].details == {"address": AWAY}


def test_it_returns_to_the_page_that_was_asked_for_but_never_to_another_host(cast):
    client = Client()
    wanted = client.get(reverse("incidents")).url
    answer = client.post(wanted, {"username": NAME, "password": ACCOUNT_PASSWORD, "next": reverse("incidents")})
    assert answer.url == reverse("incidents")
    answer = Client().post(
        reverse("sign_in"), {"username": NAME, "password": ACCOUNT_PASSWORD, "next": "https://evil.example/"}
    )
    assert answer.url == reverse("dashboard")


def test_unknown_name_wrong_password_and_disabled_account_read_the_same(cast):
    cast.colleague.is_active = False
    cast.colleague.save()
    texts = {
        alert(attempt(name=name, password=password))
        for name, password in (
            (NAME, "wrong"),
            ("nobody", "wrong"),
            (cast.colleague.username, ACCOUNT_PASSWORD),
        )
    }
    assert texts == {"Name or password is not right. Please look at both once more."}


def alert(answer) -> str:
    return answer.content.decode().partition('role="alert">')[2].partition("<")[0]


def test_an_unknown_name_costs_a_hash_too(cast, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    made = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *a, **k: made.append(1) or encode(self, *a, **k))
    attempt(name="nobody")
    assert made


def test_the_eleventh_wrong_try_at_a_name_is_not_looked_at(cast):
    for _ in range(throttle.TRIES_PER_NAME):
        assert attempt().status_code == 200
    answer = attempt(password=ACCOUNT_PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 15 * 60 + 1
    assert "nothing is locked for good" in answer.content.decode()


def test_an_unknown_name_is_slowed_down_just_the_same(cast):
    codes = [attempt(name="nobody").status_code for _ in range(throttle.TRIES_PER_NAME + 1)]
    assert codes == [200] * throttle.TRIES_PER_NAME + [429]


def test_the_owner_gets_in_from_a_known_address_during_the_guessing(cast):
    assert attempt(password=ACCOUNT_PASSWORD, address=HOME).status_code == 302
    for _ in range(throttle.TRIES_PER_NAME + 5):
        attempt(address=AWAY)
    assert attempt(password=ACCOUNT_PASSWORD, address=AWAY).status_code == 429
    assert attempt(password=ACCOUNT_PASSWORD, address=HOME).status_code == 302


def test_an_address_that_guesses_many_names_is_slowed_down(cast):
    for number in range(throttle.TRIES_PER_ADDRESS):
        attempt(name=f"guess{number}")
    assert attempt(name="somebody-else").status_code == 429
    assert attempt(name="somebody-else", address=HOME).status_code == 200


def test_right_passwords_use_nothing_up(cast):
    for _ in range(throttle.TRIES_PER_NAME + 2):
        assert attempt(password=ACCOUNT_PASSWORD, address=HOME).status_code == 302


def test_the_next_window_begins_from_nought(cast):
    for _ in range(throttle.TRIES_PER_NAME):
        assert throttle.reserve("somebody", AWAY, NOW)
    assert not throttle.reserve("somebody", AWAY, NOW)
    assert throttle.reserve("somebody", AWAY, NOW + throttle.WINDOW)
    assert not SignInTries.objects.filter(window__lt=int((NOW + throttle.WINDOW).timestamp() // 900)).exists()


def test_what_was_typed_as_a_name_is_not_kept(cast):
    attempt(name="my secret password")
    assert not any("secret" in str(row) for row in SignInTries.objects.values())


@pytest.mark.parametrize(
    "peer,forwarded,https,expected",
    [
        ("203.0.113.9", "198.18.0.1", True, "203.0.113.9"),
        ("127.0.0.1", "10.0.0.1, 198.18.0.1", True, "198.18.0.1"),
        ("", "198.18.0.1", True, "198.18.0.1"),
        ("127.0.0.1", "198.18.0.1", False, "127.0.0.1"),
        ("2001:db8:1:2:3::9", "", True, "2001:db8:1:2::/64"),
        ("127.0.0.1", "nonsense", True, ""),
    ],
)
def test_a_forwarded_address_is_believed_only_from_our_own_web_server(peer, forwarded, https, expected, monkeypatch):
    import msgspec

    ours = sekisho.config.settings()
    changed = msgspec.structs.replace(ours, web=msgspec.structs.replace(ours.web, https=https))
    monkeypatch.setattr(throttle, "settings", lambda: changed)
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"x-forwarded-for": forwarded})
    assert throttle.client_address(request) == expected


def test_signing_out_is_a_post_and_ends_the_session(cast, sign_in):
    client = sign_in("owner")
    assert client.get(reverse("sign_out")).status_code == 405
    client.post(reverse("sign_out"))
    assert client.get(reverse("dashboard")).status_code == 302


@override_settings(SESSION_COOKIE_SECURE=True)
def test_the_session_cookie_is_for_us_alone(cast):
    client = Client()
    attempt(password=ACCOUNT_PASSWORD, client=client)
    cookie = client.cookies["sekisho_session"]
    assert cookie["httponly"] and cookie["secure"] and cookie["samesite"] == "Lax"


def test_known_addresses_are_forgotten_after_a_season(cast):
    throttle.remember(cast.owner, HOME, timezone.now() - throttle.KNOWN_FOR * 2)
    throttle.remember(cast.owner, AWAY, timezone.now())
    from sekisho.web.models import KnownAddress

    assert KnownAddress.objects.count() == 1
