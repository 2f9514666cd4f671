"""The addresses that mail programs ask by themselves: for anybody, by domain, and no sign of any mailbox."""

from __future__ import annotations

import json
import plistlib
import subprocess
import xml.etree.ElementTree as ElementTree

import msgspec
import pytest
from django.test import Client
from django.urls import reverse

from casting import BYSTANDER, DOMAIN, OTHER_DOMAIN, OTHER_SERVER, SERVER, VICTIM
from sekisho.config import settings
from sekisho.directory import provision
from sekisho.web.views import client_settings

pytestmark = pytest.mark.django_db(databases=["default", "site"])

REQUEST = (
    '<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/'
    'requestschema/2006"><Request><EMailAddress>%s</EMailAddress></Request></Autodiscover>'
)
AUTOCONFIG = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")


@pytest.fixture
def stranger(cast) -> Client:
    """A mail program: no cookies, and no token of a form."""
    return Client(enforce_csrf_checks=True)


def ask_outlook(client: Client, address: str, path: str = "/autodiscover/autodiscover.xml"):
    return client.post(path, REQUEST % address, content_type="text/xml")


@pytest.mark.parametrize("path", AUTOCONFIG)
def test_each_domain_has_its_own_server_at_both_addresses(path, stranger):
    for query, server in (
        ({"emailaddress": VICTIM}, SERVER),
        ({"emailaddress": f"anybody@{OTHER_DOMAIN.upper()}"}, OTHER_SERVER),
        ({"domain": DOMAIN}, SERVER),
        # Found by the MX: the web server adds the MX' own name, the address says whom it is about.
        ({"emailaddress": VICTIM, "domain": "mx01.provider.example"}, SERVER),
        ({"domain": OTHER_DOMAIN, "emailaddress": "%EMAILADDRESS%"}, OTHER_SERVER),
    ):
        answer = stranger.get(path, query)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/xml")
        root = ElementTree.fromstring(answer.content)
        assert {one.text for one in root.iter("hostname")} == {server}
        assert not answer.cookies and answer.headers["Cache-Control"] == "no-store"


def test_the_name_it_was_asked_under_names_the_domain(stranger, settings):
    settings.ALLOWED_HOSTS = [f"autoconfig.{DOMAIN}"]
    answer = stranger.get(AUTOCONFIG[0], headers={"host": f"autoconfig.{DOMAIN}"})
    assert ElementTree.fromstring(answer.content).findtext("emailProvider/domain") == DOMAIN


def test_an_alias_domain_has_the_settings_of_its_target(stranger):
    provision.add_alias_domain("hana-bekkan.example", DOMAIN)
    root = ElementTree.fromstring(stranger.get(AUTOCONFIG[0], {"domain": "hana-bekkan.example"}).content)
    assert root.findtext("emailProvider/domain") == "hana-bekkan.example"
    assert {one.text for one in root.iter("hostname")} == {SERVER}


def answers(client: Client, address: str) -> list[tuple[int, bytes]]:
    """Everything that can be asked about an address, with the address itself left out of the answers."""
    found = [
        client.get(AUTOCONFIG[0], {"emailaddress": address}),
        client.get(AUTOCONFIG[1], {"emailaddress": address}),
        ask_outlook(client, address),
        client.get("/autodiscover/autodiscover.json", {"Email": address, "Protocol": "AutodiscoverV1"}),
        client.get(f"/autodiscover/autodiscover.json/v1.0/{address}", {"Protocol": "AutodiscoverV1"}),
        client.get("/help/mail-program/profile.mobileconfig", {"address": address}),
    ]
    bodies = [one.content for one in found]
    if found[5].status_code == 200:
        whole = plistlib.loads(bodies[5])
        for part in (whole, *whole["PayloadContent"]):
            for name in ("PayloadUUID", "PayloadIdentifier"):
                assert part.pop(name)
        bodies[5] = plistlib.dumps(whole)
    return [
        (one.status_code, body.replace(address.encode(), b"ADDRESS")) for one, body in zip(found, bodies, strict=True)
    ]


def test_a_mailbox_that_is_suspended_or_not_there_is_answered_like_any_other(incident, stranger):
    usual = answers(stranger, BYSTANDER)
    assert [code for code, _ in usual] == [200] * 6
    assert answers(stranger, VICTIM) == usual
    assert answers(stranger, f"nosuch@{DOMAIN}") == usual


def test_a_domain_that_is_not_hosted_here_is_not_found(stranger):
    for address in ("sato@elsewhere.example", "sato@ALL", DOMAIN, "", f"x y@{DOMAIN}"):
        assert {code for code, _ in answers(stranger, address or "@")} <= {404, 200 if address == "" else 404}
    assert stranger.get(AUTOCONFIG[0]).status_code == 404
    assert (
        stranger.get("/.well-known/user-agent-configuration.json", {"domain": "elsewhere.example"}).status_code == 404
    )


def test_outlook_is_answered_in_any_case_of_the_path(stranger):
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"):
        root = ElementTree.fromstring(ask_outlook(stranger, VICTIM, path).content)
        assert {one.text for one in root.iter() if one.tag.endswith("}Server")} == {SERVER}
        assert {one.text for one in root.iter() if one.tag.endswith("}LoginName")} == {VICTIM}
    assert reverse("autodiscover") == "/autodiscover/autodiscover.xml"


def test_what_is_no_request_gets_outlooks_error(stranger):
    for body in (b"", b"<a>", b"\xff\xfe", (REQUEST % VICTIM).encode() * 100):
        answer = stranger.post("/autodiscover/autodiscover.xml", body, content_type="text/xml")
        assert answer.status_code == 400
        assert ElementTree.fromstring(answer.content).findtext(".//{*}ErrorCode") == "600"
    assert stranger.get("/autodiscover/autodiscover.xml").status_code == 400


def test_the_newer_question_leads_to_the_panels_own_address_whatever_host_was_named(stranger):
    answer = stranger.get("/Autodiscover/Autodiscover.json", {"Email": VICTIM, "Protocol": "AutodiscoverV1"})
    url = f"{settings().web.panel_url}/autodiscover/autodiscover.xml"
    assert json.loads(answer.content) == {"Protocol": "AutodiscoverV1", "Url": url}
    other = stranger.get("/autodiscover/autodiscover.json", {"Email": VICTIM, "Protocol": "ActiveSync"})
    assert other.status_code == 400 and json.loads(other.content)["ErrorCode"] == "InvalidProtocol"


def test_pacc_names_the_server(stranger):
    answer = stranger.get("/.well-known/user-agent-configuration.json", {"domain": DOMAIN})
    assert json.loads(answer.content)["protocols"]["imap"] == {"host": SERVER}


def test_a_client_that_asks_and_asks_is_told_to_wait(stranger, monkeypatch):
    monkeypatch.setattr(client_settings, "TRIES_PER_ADDRESS", 3)
    codes = [stranger.get(AUTOCONFIG[0], {"domain": DOMAIN}) for _ in range(4)]
    assert [one.status_code for one in codes] == [200, 200, 200, 429]
    assert int(codes[3].headers["Retry-After"]) > 0


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    """Profiles are signed, by a certificate of its own."""
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*request, "-days", "9", "-subj", "/CN=panel.example", "-keyout", "key.pem", "-out", "cert.pem"],
                   cwd=tmp_path, check=True, capture_output=True)  # fmt: skip
    ours = msgspec.structs.replace(
        settings().mail_server,
        provider="花の <ホスト>",
        profile_certificate=str(tmp_path / "cert.pem"),
        profile_key=str(tmp_path / "key.pem"),
    )
    changed = msgspec.structs.replace(settings(), mail_server=ours)
    monkeypatch.setattr("sekisho.web.views.client_settings.settings", lambda: changed)
    return tmp_path


def test_the_profile_is_signed_where_a_certificate_is_configured(certificate, stranger):
    answer = stranger.get(reverse("apple_profile"), {"address": VICTIM}, headers={"accept-language": "ja"})
    assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-CAfile", "cert.pem", "-purpose", "any"]
    done = subprocess.run(command, cwd=certificate, input=answer.content, capture_output=True)
    assert done.returncode == 0, done.stderr
    whole = plistlib.loads(done.stdout)
    assert whole["PayloadOrganization"] == "花の <ホスト>"
    assert whole["PayloadContent"][0]["IncomingMailServerHostName"] == SERVER


def test_without_its_key_the_profile_is_unsigned_and_the_log_says_so(certificate, stranger, caplog):
    (certificate / "key.pem").unlink()
    answer = stranger.get(reverse("apple_profile"), {"address": VICTIM})
    assert plistlib.loads(answer.content)["PayloadContent"]
    assert "could not be signed" in caplog.text
