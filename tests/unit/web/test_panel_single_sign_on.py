"""A hoster's panel opens メール管理 for its customer, and every way to misuse that opens nothing."""

from __future__ import annotations

import time
import uuid

import jwt
import msgspec
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

import casting
import sekisho.config
from casting import DOMAIN, OTHER_DOMAIN, VICTIM
from sekisho.config import SignOnIssuer
from sekisho.directory.models import Role
from sekisho.incidents.models import Audit
from sekisho.web import owner_session, single_sign_on
from sekisho.web.models import SignOnAccount, UsedStatement

pytestmark = pytest.mark.django_db(databases=["default", "site"])

ISSUER, OTHER_ISSUER = "https://my.hoster.example", "https://my.other.example"
NAME = "customer-4711"


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


KEYS = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
}
STRANGERS_KEY = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def trust(cast, monkeypatch, tmp_path):
    """`trust(algorithm, issuer, domains)`: configures issuers anew, each call one more."""
    known = []

    def configured(algorithm="EdDSA", issuer=ISSUER, domains=(DOMAIN,)):
        file = tmp_path / f"{len(known)}.pem"
        file.write_text(public(KEYS[algorithm]))
        known.append(SignOnIssuer(issuer, algorithm, str(file), tuple(domains)))
        ours = sekisho.config.settings()
        web = msgspec.structs.replace(ours.web, single_sign_on=tuple(known))
        monkeypatch.setattr(single_sign_on, "settings", lambda: msgspec.structs.replace(ours, web=web))

    return configured


def claims(**changed):
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "sub": NAME,
        "aud": f"{sekisho.config.settings().web.panel_url}/sso/",
        "iat": now,
        "exp": now + 60,
        "jti": uuid.uuid4().hex,
        "domains": [DOMAIN],
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def signed(algorithm="EdDSA", key=None, headers=None, **changed):
    return jwt.encode(claims(**changed), key or pem(KEYS[algorithm]), algorithm, headers=headers)


def enter(token, client=None):
    client = client or Client(headers={"accept-language": "en"}, enforce_csrf_checks=True)
    return client, client.post(reverse("sso"), {"token": token}, headers={"origin": ISSUER})


def assert_refused(token):
    accounts = User.objects.count(), Role.objects.count()
    client, answer = enter(token)
    assert answer.status_code == 403 and "works once and for one minute" in answer.content.decode()
    assert client.get(reverse("dashboard")).status_code == 302
    assert (User.objects.count(), Role.objects.count()) == accounts
    return answer


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_signed_statement_makes_the_account_and_opens_the_mail_administration(algorithm, trust):
    trust(algorithm)
    client, answer = enter(signed(algorithm))
    assert answer.url == reverse("mailboxes")
    page = client.get(answer.url).content.decode()
    assert VICTIM in page and OTHER_DOMAIN not in page
    account = User.objects.get(username=NAME)
    assert not account.has_usable_password() and SignOnAccount.objects.get(account=account).issuer == ISSUER
    assert set(Audit.objects.filter(account_id=account.pk).values_list("verb", flat=True)) >= {
        "account_made_by_sso",
        "sso_sign_in",
        "sign_in",
    }


def test_the_new_password_of_the_seeds_way_needs_no_further_question(trust):
    trust()
    client, _ = enter(signed())
    assert client.get(reverse("mailbox_edit", args=[VICTIM])).status_code == 200


def test_it_works_once(trust):
    trust()
    token = signed()
    assert enter(token)[1].status_code == 302
    assert_refused(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://another.example/sso/"},
        {"aud": None},
        {"aud": ["https://another.example/sso/", "http://127.0.0.1:8080/sso/"]},
        {"iss": "https://nobody.example"},
        {"iss": None},
        {"exp": int(time.time()) - 60, "iat": int(time.time()) - 120},
        {"exp": None},
        {"iat": None},
        {"exp": int(time.time()) + 600},
        {"iat": int(time.time()) + 300, "exp": int(time.time()) + 350},
        {"iat": "now"},
        {"jti": None},
        {"jti": "short"},
        {"jti": "x" * 129},
        {"sub": None},
        {"sub": ""},
        {"sub": " operator"},
        {"sub": "x" * 151},
        {"sub": "a\nb"},
        {"domains": None},
        {"domains": []},
        {"domains": DOMAIN},
        {"domains": [5]},
        {"domains": [OTHER_DOMAIN]},
        {"domains": [DOMAIN, OTHER_DOMAIN]},
        {"domains": ["*"]},
        {"domains": [f"{DOMAIN}."]},
        {"role": "operator"},
        {"role": "owner"},
        {"role": "owner", "domains": None},
        {"role": "owner", "domains": None, "sub": f"yamada@{OTHER_DOMAIN}"},
        {"role": "owner", "domains": None, "sub": f"nobody@{DOMAIN}"},
        {"role": ["owner"], "sub": VICTIM, "domains": None},
    ],
    # By the claims alone: a time in a name differs between workers, which then refuse to share the tests.
    ids="-".join,
)
def test_a_statement_that_is_not_exactly_right_opens_nothing(changed, trust):
    trust()
    assert_refused(signed(**changed))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 9000])
def test_nonsense_opens_nothing(token, trust):
    trust()
    assert_refused(token)


def test_another_key_opens_nothing(trust):
    trust()
    assert_refused(signed(key=pem(STRANGERS_KEY)))


def test_a_statement_without_a_signature_opens_nothing(trust):
    trust()
    assert_refused(jwt.encode(claims(), None, "none"))


def test_our_public_key_as_a_shared_secret_opens_nothing(trust):
    import base64
    import hmac
    import json

    trust("RS256")

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    # By hand: PyJWT refuses to make it.
    body = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims())
    mac = hmac.new(public(KEYS["RS256"]).encode(), body, "sha256").digest()
    assert_refused((body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode())


def test_a_key_that_the_statement_brings_along_opens_nothing(trust):
    trust()
    jwk = jwt.algorithms.OKPAlgorithm.to_jwk(STRANGERS_KEY.public_key(), as_dict=True)
    assert_refused(signed(key=pem(STRANGERS_KEY), headers={"jwk": jwk, "jku": "https://evil.example/keys"}))


def test_the_right_key_with_another_algorithm_than_configured_opens_nothing(trust, monkeypatch):
    trust("EdDSA")
    assert_refused(signed("ES256"))


def test_an_operator_is_never_signed_in(cast, trust):
    trust(domains=("*",))
    assert_refused(signed(sub=cast.operator.username))
    Role.objects.create(account=cast.owner, role=Role.OPERATOR)
    assert_refused(signed(sub=cast.owner.username))


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_nor_is_an_account_with_djangos_own_flags_or_a_disabled_one(flag, cast, trust):
    trust()
    User.objects.filter(pk=cast.owner.pk).update(**{flag: True})
    assert_refused(signed(sub=cast.owner.username))
    User.objects.filter(pk=cast.colleague.pk).update(is_active=False)
    assert_refused(signed(sub=cast.colleague.username))


def test_an_admins_account_is_opened_for_exactly_its_own_domains(cast, trust):
    trust(domains=("*",))
    assert enter(signed(sub=cast.owner.username))[1].status_code == 302
    assert_refused(signed(sub=cast.owner.username, domains=[DOMAIN, OTHER_DOMAIN]))
    assert_refused(signed(sub=cast.stranger.username))


def test_an_account_of_one_issuer_is_not_another_issuers(trust):
    trust()
    trust("ES256", OTHER_ISSUER)
    enter(signed())
    assert_refused(signed("ES256", iss=OTHER_ISSUER))


def test_what_the_hoster_no_longer_names_is_no_longer_opened(trust):
    trust(domains=("*",))
    enter(signed(domains=[DOMAIN, OTHER_DOMAIN]))
    client, _ = enter(signed(domains=[OTHER_DOMAIN]))
    assert client.get(reverse("mailbox_edit", args=[VICTIM])).status_code == 404


def test_a_domain_that_is_not_hosted_here_is_refused(trust):
    trust(domains=("*",))
    assert_refused(signed(domains=["nowhere.example"]))


def test_who_was_signed_in_before_is_not_any_more(cast, trust, sign_in):
    trust()
    client = sign_in("operator")
    before = client.session.session_key
    enter(signed(), client)
    assert client.session["_auth_user_id"] == str(User.objects.get(username=NAME).pk)
    assert not client.session.exists(before)


def test_the_session_before_leaves_the_list_of_its_account_at_once(cast, trust):
    trust()
    client = Client()
    client.post(reverse("sign_in"), {"username": f"kanri@{DOMAIN}", "password": casting.ACCOUNT_PASSWORD})
    assert UserSession.objects.get().user == cast.owner
    enter(signed(sub="another@hoster.example"), client)
    assert UserSession.objects.get().user.username == "another@hoster.example"


def test_with_a_second_factor_sensitive_acts_ask_for_it(cast, trust):
    trust()
    TOTP.activate(cast.owner, generate_totp_secret())
    client, _ = enter(signed(sub=cast.owner.username))
    assert client.get(reverse("mailboxes")).status_code == 200
    assert client.get(reverse("mailbox_edit", args=[VICTIM])).url.startswith(reverse("confirm"))


def test_an_owner_gets_what_the_mailboxs_password_opens_and_works_once(cast, trust):
    trust()
    token = signed(role="owner", sub=VICTIM, domains=None)
    client, answer = enter(token)
    assert answer.url == reverse("owner_home")
    assert VICTIM in client.get(answer.url).content.decode()
    session = owner_session.KEY in client.session
    assert session and "_auth_user_id" not in client.session
    assert client.get(reverse("mailboxes")).status_code == 302
    assert client.get(reverse("owner_app_passwords")).status_code != 200
    assert_refused(token)


def test_it_is_no_link(trust):
    trust()
    client = Client()
    assert client.get(reverse("sso"), {"token": signed()}).status_code == 405
    assert client.get(reverse("dashboard")).status_code == 302


def test_without_configuration_nobody_comes_in(cast):
    assert_refused(signed())


def test_used_statements_are_forgotten_when_they_have_expired(trust):
    from datetime import timedelta

    from django.utils import timezone

    trust()
    UsedStatement.objects.create(key="old", expires=timezone.now() - timedelta(minutes=5))
    enter(signed())
    assert UsedStatement.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", ['algorithm = "HS256"', "domains = []", 'issuer = ""', 'secret = "x"', 'public_key_file = ""']
)
def test_a_wrong_configuration_is_named(wrong, tmp_path):
    import testing_settings

    right = {"issuer": '"x"', "algorithm": '"EdDSA"', "public_key_file": '"/key"', "domains": '["*"]'}
    name, value = wrong.split(" = ")
    table = "\n".join(f"{key} = {text}" for key, text in (right | {name: value}).items())
    file = tmp_path / "sekisho.toml"
    text = (testing_settings.VAR / "sekisho.toml").read_text()
    file.write_text(f"{text}\n[[web.single_sign_on]]\n{table}\n")
    with pytest.raises(sekisho.config.ConfigError, match="single_sign_on"):
        sekisho.config.read_settings(file)
