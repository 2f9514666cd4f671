"""P7: what mail programs fetch works as it stands, and tells a stranger nothing about a mailbox: the same for one that
works, one that is suspended and one that is not there. A real Thunderbird finds the settings by its own rules and logs
in with them; a message leaves through the server they name; OpenSSL verifies the signature of Apple's profile.
Sabotage: tests/sabotage/t41.patch (autoconfig sends to the port of receiving)."""

from __future__ import annotations

import imaplib
import plistlib
import smtplib
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from email.message import EmailMessage

from harness import DOMAIN, Box, Stack
from thunderbird import set_up_account, web_server

from sekisho.rehearsal.outside import wait_until

OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
REQUEST = (
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>'
    "<EMailAddress>{}</EMailAddress></Request></Autodiscover>"
)
# The demo's server for this domain (demo/provider.toml); here it is on loopback.
SERVER = "mx01.hoshizora-host.example"
Server = tuple[str, str, int]


def fetch(stack: Stack, path: str, body: bytes | None = None, **query: str) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{stack.places.panel}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def by_autoconfig(stack: Stack, address: str) -> list[Server]:
    code, document = fetch(stack, "/mail/config-v1.1.xml", emailaddress=address)
    assert code == 200, document
    provider = ElementTree.fromstring(document).find("emailProvider")
    assert provider is not None
    found = [*provider.findall("incomingServer"), *provider.findall("outgoingServer")]
    assert {one.findtext("username") for one in found} == {"%EMAILADDRESS%"}
    return [(one.get("type", ""), one.findtext("hostname", ""), int(one.findtext("port", "0"))) for one in found]


def by_autodiscover(stack: Stack, address: str) -> list[Server]:
    code, document = fetch(stack, "/AutoDiscover/autodiscover.xml", REQUEST.format(address).encode())
    assert code == 200, document
    found = ElementTree.fromstring(document).iter(f"{OUTLOOK}Protocol")
    parts = [{part.tag.removeprefix(OUTLOOK): part.text or "" for part in one} for one in found]
    assert {one["LoginName"] for one in parts} == {address}
    return [(one["Type"].lower(), one["Server"], int(one["Port"])) for one in parts]


def log_in_and_send(stack: Stack, box: Box, servers: list[Server]) -> None:
    """With exactly these ports, as a mail program does; their host names lead to loopback here."""
    at = {kind: port for kind, host, port in servers if host == SERVER}
    with imaplib.IMAP4("127.0.0.1", at["imap"], timeout=20) as session:
        session.login(box.address, box.password)
        assert session.select("INBOX")[0] == "OK"
    number, recipient = stack.number("t41"), f"friend.{box.local}@t41-shop.test"
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"], letter["X-Number"] = box.address, recipient, number, number
    letter.set_content("Good day.")
    with smtplib.SMTP("127.0.0.1", at["smtp"], timeout=20) as session:
        session.login(box.address, box.password)
        assert session.send_message(letter) == {}
    assert wait_until(lambda: bool(received(stack, recipient)), 30, pause=0.5) is not None, "the message did not arrive"


def received(stack: Stack, address: str) -> list[str]:
    with stack.outside.mailbox(address) as session:
        return session.headers()


def test_the_settings_that_are_served_log_in_and_send(stack: Stack) -> None:
    box = stack.new_box("t41")
    servers = by_autoconfig(stack, box.address)
    assert by_autodiscover(stack, box.address) == servers
    log_in_and_send(stack, box, servers)


def test_a_real_thunderbird_finds_them_by_its_own_rules_and_logs_in(stack: Stack) -> None:
    box = stack.new_box("t41")
    with web_server(stack.places.panel) as before:
        found = set_up_account(box.address, box.password, before.server_address[1])
    assert "error" not in found, (found, before.asked)
    assert f"http://autoconfig.{DOMAIN}/mail/config-v1.1.xml" in before.asked
    servers = [(one["kind"], one["host"], one["port"]) for one in found["servers"]]
    places = stack.places
    assert servers == [
        ("imap", SERVER, places.imap),
        ("pop3", SERVER, places.pop3),
        ("smtp", SERVER, places.submission),
    ]
    assert all(one["password_login"] and one["user"] == box.address for one in found["servers"])


def test_the_signature_of_the_profile_is_verified_by_openssl(stack: Stack) -> None:
    box = stack.new_box("t41")
    code, signed = fetch(stack, "/help/mail-program/profile.mobileconfig", address=box.address)
    assert code == 200
    verify = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-CAfile"]
    done = subprocess.run([*verify, str(stack.var / "tls" / "profile.pem")], input=signed, capture_output=True)
    assert done.returncode == 0, done.stderr
    (account,) = plistlib.loads(done.stdout)["PayloadContent"]
    assert account["IncomingMailServerUsername"] == box.address
    profile = [
        ("imap", account["IncomingMailServerHostName"], account["IncomingMailServerPortNumber"]),
        ("smtp", account["OutgoingMailServerHostName"], account["OutgoingMailServerPortNumber"]),
    ]
    log_in_and_send(stack, box, profile)


def test_a_suspended_mailbox_and_one_that_is_not_there_are_answered_alike(stack: Stack) -> None:
    box, neighbour = stack.new_boxes("t41", 2)
    stack.suspend(box)
    missing = f"t41-nobody@{DOMAIN}"
    for ask in (by_autoconfig, by_autodiscover):
        assert ask(stack, box.address) == ask(stack, neighbour.address) == ask(stack, missing)
    assert fetch(stack, "/mail/config-v1.1.xml", emailaddress="somebody@elsewhere.test")[0] == 404
    # Its owner reads what to do without any login.
    code, page = fetch(stack, "/help/mail-program/", address=box.address)
    assert code == 200 and SERVER in page.decode() and str(stack.places.imap) in page.decode()
