"""What mail programs fetch: read back by other parsers than the builders', escaped, and without a password."""

from __future__ import annotations

import html
import json
import plistlib
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.recovery import apple_profile, client_formats
from sekisho.recovery.mail_settings import MailSettings, domain_of

FOUND = MailSettings("hana.example", "mx01.provider.example", 993, 995, 465, True)
ODD = "a&b'{x}]]&amp;@hana.example"
MS = {"o": client_formats.OUTLOOK, "a": client_formats.RESPONSE}


def read(document: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(document)


def test_autoconfig_names_the_true_server_three_times_and_the_whole_address_as_user() -> None:
    root = read(client_formats.autoconfig(FOUND, "例 & 共用メール", "https://panel.example/help?a=1&b=2"))
    assert root.get("version") == "1.1"
    servers = {
        one.get("type"): {part.tag: part.text for part in one}
        for one in root.findall("emailProvider/incomingServer") + root.findall("emailProvider/outgoingServer")
    }
    assert {kind: (one["hostname"], one["port"], one["socketType"]) for kind, one in servers.items()} == {
        "imap": ("mx01.provider.example", "993", "SSL"),
        "pop3": ("mx01.provider.example", "995", "SSL"),
        "smtp": ("mx01.provider.example", "465", "SSL"),
    }
    assert {one["username"] for one in servers.values()} == {"%EMAILADDRESS%"}
    assert root.findtext("emailProvider/displayName") == "例 & 共用メール"
    assert root.findtext("emailProvider/domain") == "hana.example"
    assert not list(root.iter("password"))


def test_a_port_that_begins_in_plain_text_is_starttls_and_the_local_stack_is_plain() -> None:
    older = msgspec.structs.replace(FOUND, imap_port=143, smtp_port=587)
    local = msgspec.structs.replace(FOUND, tls=False)
    for found, expected in (
        (older, {"143": "STARTTLS", "995": "SSL", "587": "STARTTLS"}),
        (local, {"993": "plain", "995": "plain", "465": "plain"}),
    ):
        root = read(client_formats.autoconfig(found, "p", "https://panel.example/"))
        ports, sockets = ([one.text for one in root.iter(name)] for name in ("port", "socketType"))
        assert dict(zip(ports, sockets, strict=True)) == expected
    root = read(client_formats.autodiscover(older, "sato@hana.example"))
    found_values = [
        [part.findtext(f"o:{name}", namespaces=MS) for name in ("Type", "SSL", "Encryption")]
        for part in root.iterfind(".//o:Protocol", MS)
    ]
    assert found_values == [["IMAP", "off", "TLS"], ["POP3", "on", "SSL"], ["SMTP", "off", "TLS"]]


def test_autodiscover_repeats_the_address_escaped() -> None:
    root = read(client_formats.autodiscover(FOUND, ODD))
    protocols = root.findall("o:Response/o:Account/o:Protocol", MS)
    assert [one.findtext("o:Type", namespaces=MS) for one in protocols] == ["IMAP", "POP3", "SMTP"]
    assert {one.findtext("o:LoginName", namespaces=MS) for one in protocols} == {ODD}
    assert {one.findtext("o:Server", namespaces=MS) for one in protocols} == {"mx01.provider.example"}
    assert root.findtext("o:Response/o:Account/o:Action", namespaces=MS) == "settings"


REQUEST = (
    '<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/'
    'outlook/requestschema/2006"><Request><EMailAddress> sato@hana.example </EMailAddress><AcceptableResponseSchema>'
    f"{client_formats.OUTLOOK}</AcceptableResponseSchema></Request></Autodiscover>"
)


def test_the_address_of_an_outlook_request_is_read_in_any_encoding() -> None:
    for encoding in ("utf-8", "utf-16"):
        body = REQUEST.replace("utf-8", encoding).encode(encoding)
        assert client_formats.requested_address(body) == "sato@hana.example"


def test_a_request_with_a_document_type_is_refused_before_an_entity_is_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "sato@hana.example"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    for encoding in ("utf-8", "utf-16"):
        text = f'<?xml version="1.0" encoding="{encoding}"?>{bomb}<Request><EMailAddress>&x;</EMailAddress></Request>'
        with pytest.raises(client_formats.NotARequest, match="document type"):
            client_formats.requested_address(text.encode(encoding))


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: REQUEST.replace("sato", text).encode("utf-8", "replace")),
    )
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(client_formats.requested_address(body), str)
    except client_formats.NotARequest:
        pass


def test_a_request_that_is_far_too_large_is_refused() -> None:
    with pytest.raises(client_formats.NotARequest, match="too large"):
        client_formats.requested_address(REQUEST.encode() + b" " * 9000)


@given(st.text(max_size=60))
def test_any_text_of_an_operator_is_escaped(name: str) -> None:
    # XML 1.0 has no form for most control characters; sekisho.toml cannot hold them either.
    name = "".join(c for c in name if c.isprintable())
    root = read(client_formats.autoconfig(FOUND, name, "https://panel.example/"))
    assert (root.findtext("emailProvider/displayName") or "") == name


def test_pacc_is_what_its_txt_record_says_and_is_silent_where_the_ports_are_others() -> None:
    document = client_formats.pacc(FOUND, "Provider")
    value = json.loads(document)
    assert value["protocols"] == {name: {"host": "mx01.provider.example"} for name in ("imap", "pop3", "smtp")}
    assert value["authentication"] == {"password": True}
    digest = subprocess.run(
        "openssl dgst -sha256 -binary | openssl base64", shell=True, input=document, capture_output=True, check=True
    )
    records = client_formats.dns_records(FOUND, "panel.example", "Provider")
    assert f"d={digest.stdout.decode().strip()}" in records
    assert "CNAME" not in client_formats.dns_records(FOUND, "", "Provider")
    older = msgspec.structs.replace(FOUND, smtp_port=587)
    assert client_formats.pacc(older, "Provider") == b""
    assert "ua-auto-config" not in client_formats.dns_records(older, "panel.example", "Provider")


def test_the_dns_records_can_be_read_by_a_name_server() -> None:
    import dns.zone

    older = msgspec.structs.replace(FOUND, smtp_port=587)
    for found, over_tls, plain in ((FOUND, "0 1 465 mx01.provider.example.", "0 0 0 ."),
                                   (older, "0 0 0 .", "0 1 587 mx01.provider.example.")):  # fmt: skip
        text = client_formats.dns_records(found, "panel.example", "Provider")
        zone = dns.zone.from_text("$TTL 3600\n" + text, origin="hana.example.", check_origin=False, relativize=False)

        def value(name: str, kind: str, zone: dns.zone.Zone = zone) -> str:
            return zone.find_rdataset(f"{name}.hana.example.", kind)[0].to_text()

        assert value("_imaps._tcp", "SRV") == "0 1 993 mx01.provider.example."
        assert value("_imap._tcp", "SRV") == "0 0 0 ."
        assert value("_pop3s._tcp", "SRV") == "10 1 995 mx01.provider.example."
        assert value("_submissions._tcp", "SRV") == over_tls
        assert value("_submission._tcp", "SRV") == plain
        assert value("_autodiscover._tcp", "SRV") == "0 1 443 panel.example."
        assert value("autoconfig", "CNAME") == "panel.example."


def test_the_profile_has_the_whole_address_as_user_and_no_password() -> None:
    whole = plistlib.loads(apple_profile.profile(FOUND, ODD, "例 & Co", "名前", "説明"))
    assert whole["PayloadType"] == "Configuration" and whole["PayloadOrganization"] == "例 & Co"
    (account,) = whole["PayloadContent"]
    assert account["IncomingMailServerUsername"] == account["OutgoingMailServerUsername"] == ODD
    assert account["IncomingMailServerHostName"] == account["OutgoingMailServerHostName"] == "mx01.provider.example"
    assert (account["IncomingMailServerPortNumber"], account["OutgoingMailServerPortNumber"]) == (993, 465)
    assert account["IncomingMailServerUseSSL"] is True and account["OutgoingMailServerUseSSL"] is True
    assert not [name for name in account if name in ("IncomingPassword", "OutgoingPassword")]


def test_a_second_profile_of_an_address_replaces_the_first_and_no_other() -> None:
    def identities(address: str) -> set[str]:
        whole = plistlib.loads(apple_profile.profile(FOUND, address, "p", "t", "e"))
        return {
            part[name] for part in (whole, *whole["PayloadContent"]) for name in ("PayloadUUID", "PayloadIdentifier")
        }

    assert identities("sato@hana.example") == identities("Sato@hana.example")
    assert len(identities("sato@hana.example")) == 4
    assert not identities("sato@hana.example") & identities("info@hana.example")


def test_a_profiles_identifiers_are_the_same_in_every_release() -> None:
    """Others would add a second account to every device that has the first."""
    whole = plistlib.loads(apple_profile.profile(FOUND, "sato@hana.example", "p", "t", "e"))
    assert whole["PayloadUUID"] == "33F4F289-ECBA-5137-851C-AEF1A601FC6B"
    assert whole["PayloadIdentifier"] == "sekisho.mail.example.hana.33f4f289ecba"
    assert whole["PayloadContent"][0]["PayloadUUID"] == "AF0054D7-3092-5CAA-9B1E-3934BC18F796"


@given(st.text(max_size=40))
def test_every_address_that_is_taken_for_one_comes_back_whole_in_every_format(local: str) -> None:
    address = f"{local}@hana.example".strip()
    if not domain_of(address):
        return
    account = plistlib.loads(apple_profile.profile(FOUND, address, "p", address, "e"))["PayloadContent"][0]
    assert account["EmailAddress"] == account["IncomingMailServerUsername"] == address
    asked = f"<Autodiscover><Request><EMailAddress>{html.escape(address)}</EMailAddress></Request></Autodiscover>"
    assert client_formats.requested_address(asked.encode()) == address
    answer = read(client_formats.autodiscover(FOUND, address))
    assert {one.text for one in answer.iterfind(".//o:LoginName", MS)} == {address}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and a certificate of its in one file with its own."""
    place = tmp_path_factory.mktemp("keys")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for arguments in (
        [*new, "-x509", "-days", "9", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "-subj", "/CN=panel.example", "-keyout", "key.pem", "-out", "request.pem"],
        ["openssl", "x509", "-req", "-days", "9", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-CAcreateserial", "-out", "leaf.pem"],
    ):  # fmt: skip
        subprocess.run(arguments, cwd=place, check=True, capture_output=True)
    (place / "chain.pem").write_text((place / "leaf.pem").read_text() + (place / "ca.pem").read_text())
    return place


def verified(signed: bytes, place: Path) -> subprocess.CompletedProcess[bytes]:
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-CAfile", "ca.pem", "-purpose", "any"]
    return subprocess.run(command, cwd=place, input=signed, capture_output=True)


def test_openssl_verifies_the_signature_and_finds_the_profile_inside(keys: Path) -> None:
    document = apple_profile.profile(FOUND, "sato@hana.example", "p", "t", "e")
    signed = apple_profile.sign(document, str(keys / "chain.pem"), str(keys / "key.pem"))
    done = verified(signed, keys)
    assert done.returncode == 0, done.stderr
    assert done.stdout == document
    changed = signed.replace(b"mx01.provider.example", b"mx01.attacker.example", 1)
    assert changed != signed and verified(changed, keys).returncode != 0


def test_a_key_that_does_not_belong_to_the_certificate_is_told(keys: Path) -> None:
    with pytest.raises(apple_profile.CannotSign, match="or not that of"):
        apple_profile.sign(b"x", str(keys / "chain.pem"), str(keys / "ca.key"))
    for certificate, key in (("missing", "key.pem"), ("chain.pem", "missing"), ("key.pem", "key.pem")):
        with pytest.raises(apple_profile.CannotSign):
            apple_profile.sign(b"x", str(keys / certificate), str(keys / key))


@pytest.mark.parametrize(
    "address,domain",
    [
        ("Sato@Hana.Example", "hana.example"),
        (" sato@hana.example ", "hana.example"),
        ("@hana.example", ""),
        ("hana.example", ""),
        ("", ""),
        ("a b@hana.example", ""),
        ("sato@hana.example,x@evil.example", ""),
        ("sato\x00@hana.example", ""),
        ("s" * 250 + "@hana.example", ""),
    ],
)
def test_only_what_is_written_like_an_address_has_a_domain(address: str, domain: str) -> None:
    assert domain_of(address) == domain
