"""P7: while an owner tries his mail program, the page says of each login of real IMAP, POP3 and SMTP clients what is
wrong with it, within five seconds, then that receiving and sending work. Another tenant's attempts from the same office
are nobody's business, and no file of ours says what was wrong with a password.
Sabotage: tests/sabotage/t42.patch (a name of another tenant counts as a slip of this one)."""

from __future__ import annotations

import base64
import imaplib
import poplib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from harness import OTHER_DOMAIN, OTHER_SERVER, PASSWORD, Box, Stack
from t25_new_password import files_with, generated
from t31_owner_recovers import Browser

from sekisho.rehearsal.outside import wait_until

# The office: the browser and the mail programs are behind one address, which no other story uses.
OFFICE = "127.0.42.1"
PAGE = "/recover/settings-test/"
GREEN = "Receiving and sending work. The settings are right."


class Imap(imaplib.IMAP4):
    """imaplib from one of loopback's addresses."""

    def __init__(self, port: int, source: str) -> None:
        self.source = source
        super().__init__("127.0.0.1", port, timeout=20)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout, (self.source, 0))

    def starttls_as(self, name: str, context: ssl.SSLContext) -> None:
        """STARTTLS naming a server, as a program does that has this name in its settings."""
        assert self._simple_command("STARTTLS")[0] == "OK"
        self.sock = context.wrap_socket(self.sock, server_hostname=name)
        self.file = self.sock.makefile("rb")


class Pop(poplib.POP3):
    """poplib from one of loopback's addresses."""

    encoding = "UTF-8"

    def __init__(self, port: int, source: str) -> None:
        self.source = source
        super().__init__("127.0.0.1", port, timeout=20)

    def _create_socket(self, timeout: float) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout, (self.source, 0))


def trusting() -> ssl.SSLContext:
    """A program whose user has clicked the warning away: the stack's certificate is self-made."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Program:
    """A mail program with one account's settings, in the office."""

    def __init__(self, stack: Stack, box: Box, password: str, source: str = OFFICE) -> None:
        self.places, self.name, self.password, self.source = stack.places, box.address, password, source

    def imap(
        self, name: str = "", password: str = "", tls_name: str = "", context: ssl.SSLContext | None = None
    ) -> bool:
        session = Imap(self.places.imap, self.source)
        try:
            if tls_name:
                session.starttls_as(tls_name, context or trusting())
            secret = f"\0{name or self.name}\0{password or self.password}".encode()
            return session.authenticate("PLAIN", lambda _: secret)[0] == "OK"
        except (imaplib.IMAP4.error, ssl.SSLError):
            return False
        finally:
            with suppress(OSError):
                session.shutdown()

    def pop3(self, name: str = "", password: str = "") -> bool:
        session = Pop(self.places.pop3, self.source)
        try:
            session.user(name or self.name)
            return session.pass_(password or self.password).startswith(b"+OK")
        except poplib.error_proto:
            return False
        finally:
            session.close()

    def smtp(self, name: str = "", password: str = "", *, tls: bool = False) -> bool:
        with smtplib.SMTP("127.0.0.1", self.places.submission, timeout=20, source_address=(self.source, 0)) as session:
            session.ehlo("pc.office.test")
            if tls:
                session.starttls(context=trusting())
                session.ehlo("pc.office.test")
            secret = f"\0{name or self.name}\0{password or self.password}".encode()
            return session.docmd("AUTH", "PLAIN " + base64.b64encode(secret).decode())[0] == 235


@pytest.fixture
def tls_wanted(stack: Stack) -> Iterator[None]:
    """The domain's settings say SSL/TLS, as everywhere but in this stack."""
    code = "from sekisho.directory.models import MailHost\nMailHost.objects.filter(domain=%r).update(tls=%r)"
    stack.shell.run(code % (OTHER_DOMAIN, True))
    yield
    stack.shell.run(code % (OTHER_DOMAIN, False))


def recovered(stack: Stack, box: Box) -> Browser:
    """The owner's browser after the new password, with the doors open and the watch begun."""
    stack.suspend(box)
    made = stack.ask("owner", "recovery-link", box.address)
    browser = Browser(stack, OFFICE)
    browser.get(made["link"].removeprefix(f"http://127.0.0.1:{stack.places.panel}"))
    box.password = generated(stack, "random")
    answer = browser.post("/recover/password", password=box.password, confirmation=box.password)
    assert answer[:2] == (302, "/recover/done"), answer[2][:500]
    assert wait_until(lambda: "The mailbox is open again" in browser.get("/recover/done")[2], 60, pause=0.5) is not None
    assert "I am watching for your program's next login" in browser.get("/recover/done")[2]
    return browser


def attempts(browser: Browser) -> list[str]:
    """The attempts on the page as text, the latest first."""
    items = re.findall(r'<li class="tone-\w+">(.*?)</li>', browser.get(PAGE)[2], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).replace("&#x27;", "'").split()) for item in items]


def said(browser: Browser, door: str, words: str) -> float:
    """Seconds until the latest attempt is one at this door with these words; fails after 5."""
    began = time.monotonic()

    def is_there() -> bool:
        found = attempts(browser)
        return bool(found) and door in found[0] and words in found[0]

    assert wait_until(is_there, 5, pause=0.2) is not None, (door, words, attempts(browser)[:3])
    return time.monotonic() - began


def test_each_slip_of_a_real_mail_program_is_named_and_another_tenants_is_not(stack: Stack) -> None:
    box = stack.new_box("t42", OTHER_DOMAIN)
    other = Box(f"{box.local}@hanamaru-pan.example")
    stack.shell.run(f"from sekisho.directory import provision\nprovision.add_mailbox({other.address!r}, {PASSWORD!r})")
    assert Program(stack, box, PASSWORD).imap(), "the old password worked before"
    time.sleep(0.5)
    browser = recovered(stack, box)
    new, program = box.password, Program(stack, box, box.password)
    wide = new.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    imap, pop, smtp = "Receiving (IMAP)", "Receiving (POP)", "Sending (SMTP)"
    steps: list[tuple[str, Callable[[], bool], str]] = [
        (imap, lambda: program.imap(password=PASSWORD), "The old password"),
        (imap, lambda: program.imap(password=" " + new), "A blank before the password"),
        (pop, lambda: program.pop3(password=new + " "), "A blank behind the password"),
        (smtp, lambda: program.smtp(password=wide), "The password in full-width characters"),
        (imap, lambda: program.imap(password=new.swapcase()), "Capital and small letters are the wrong way round"),
        (smtp, lambda: program.smtp(password="quite-another-7Qx"), "Another password"),
        (smtp, lambda: program.smtp(name=box.local), "The user name is only the part before the @"),
        (pop, lambda: program.pop3(name=f"{box.local}@aoba-shika.exmaple"), "behind the @ is not right"),
        (imap, lambda: program.imap(name=f" {box.address}"), "A blank in the user name"),
        (smtp, lambda: program.smtp(name=f"{box.address}\u3000"), "A blank in the user name"),
    ]
    # From the same office, the same local part, another tenant: nobody's business here.
    assert not program.imap(name=other.address)
    seconds = []
    for door, act, words in steps:
        assert not act(), words
        seconds.append(said(browser, door, words))
    assert len(attempts(browser)) == len(steps), attempts(browser)
    # Whoever has not recovered this mailbox sees nothing.
    assert Browser(stack, OFFICE).get(PAGE)[:2] == (302, "/recover/")

    assert GREEN not in browser.get(PAGE)[2]
    assert program.imap()
    said(browser, imap, "Login accepted")
    assert GREEN not in browser.get(PAGE)[2], "nothing was sent yet"
    assert program.smtp()
    seconds.append(said(browser, smtp, "Login accepted"))
    assert GREEN in browser.get(PAGE)[2]
    for secret in (new, wide, "blank_before", "swapcase", '"caps"'):
        assert files_with(stack, secret) == [], secret
    print(f"slowest {max(seconds):.1f} s, median {sorted(seconds)[len(seconds) // 2]:.1f} s")


def test_a_wrong_server_name_and_a_missing_encryption_are_seen(stack: Stack, tls_wanted: None) -> None:
    box = stack.new_box("t42", OTHER_DOMAIN)
    browser = recovered(stack, box)
    program, imap, smtp = Program(stack, box, box.password), "Receiving (IMAP)", "Sending (SMTP)"
    assert program.imap()
    said(browser, imap, "The connection is not encrypted")
    assert program.smtp()
    said(browser, smtp, "The connection is not encrypted")
    assert program.imap(tls_name=f"mail.{OTHER_DOMAIN}")
    said(browser, imap, "The server name is not the right one")
    # A program that is strict about certificates never comes to its login.
    assert not program.imap(tls_name=f"mail.{OTHER_DOMAIN}", context=ssl.create_default_context())
    said(browser, imap, "did not accept the server's certificate")
    assert GREEN not in browser.get(PAGE)[2]
    assert program.imap(tls_name=OTHER_SERVER)
    said(browser, imap, "Login accepted")
    assert program.smtp(tls=True)
    said(browser, smtp, "Login accepted")
    assert GREEN in browser.get(PAGE)[2]
