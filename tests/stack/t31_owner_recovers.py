"""P4: the owner of a suspended mailbox gets it back by what the hijacker lacks: the link in a mail at another provider,
its code, or a code on paper. Who has the old password and a contact of yesterday gets nothing, and keeps nobody out.
Sabotage: tests/sabotage/t31.patch (a contact counts at once)."""

from __future__ import annotations

import http.client
import re
import secrets
import statistics
import time
from email import message_from_bytes, policy
from urllib.parse import urlencode

from harness import PASSWORD, Box, Stack
from t25_new_password import files_with, generated

from sekisho.rehearsal.outside import wait_until

# A link is the token's 22 letters after this.
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/recover/link/([\w-]{22}))\s")
CODE = re.compile(r"^    (\d{8})$", re.M)


class Browser:
    """A browser as far as forms need one: cookies, the form's token, one client address (of loopback's many)."""

    def __init__(self, stack: Stack, address: str = "127.0.0.1") -> None:
        self._port, self._address = stack.places.panel, address
        self._cookies: dict[str, str] = {}
        self.seconds = 0.0

    def get(self, path: str) -> tuple[int, str, str]:
        """Status, Location, text."""
        return self._ask("GET", path, None)

    def post(self, path: str, **fields: str) -> tuple[int, str, str]:
        if "sekisho_csrf" not in self._cookies:
            self.get("/recover/")
        return self._ask("POST", path, urlencode(fields | {"csrfmiddlewaretoken": self._cookies["sekisho_csrf"]}))

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str, str]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Language": "en",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20, source_address=(self._address, 0))
        connection.connect()
        started = time.monotonic()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.seconds = time.monotonic() - started
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, answer.headers.get("Location") or "", text


def owner_of(stack: Stack, box: Box, days: float = 30) -> str:
    """An outside address, enrolled by the operator so many days ago."""
    contact = f"{box.local}.private@tayori.example"
    stack.command("owner", "contact", "add", box.address, contact)
    backdate(stack, "OwnerContact", "enrolled_at", box, days)
    return contact


def backdate(stack: Stack, model: str, column: str, box: Box, days: float) -> None:
    stack.site_sql("UPDATE mailbox SET created = '2024-01-01 00:00:00' WHERE username = ?", box.address)
    stack.shell.run(
        f"""
from datetime import timedelta
from django.utils import timezone
from sekisho.recovery import models
models.{model}.objects.filter(mailbox={box.address!r}).update({column}=timezone.now() - timedelta(days={days}))
"""
    )


def links_at(stack: Stack, contact: str) -> list[tuple[str, str]]:
    """Path of the link, and code, of each recovery mail that this outside mailbox has, oldest first."""
    with stack.outside.mailbox(contact) as session:
        parsed = [message_from_bytes(body, policy=policy.default) for body in session.bodies()]
    texts = [message.get_body().get_content() for message in parsed]  # type: ignore[union-attr]
    mails = [(LINK.search(text), CODE.search(text)) for text in texts]
    return [(link.group(1), code.group(1) if code else "") for link, code in mails if link]


def newest_link(stack: Stack, contact: str, number: int = 1) -> tuple[str, str]:
    found: list[tuple[str, str]] = []

    def come() -> bool:
        found[:] = links_at(stack, contact)
        return len(found) >= number

    assert wait_until(come, 20, pause=0.5) is not None, f"{len(found)} of {number} recovery mails came to {contact}"
    assert len(found) == number
    return found[-1]


def recover(stack: Stack, browser: Browser, box: Box) -> None:
    """The last step of the owner: a new password on the page that is open, then every door."""
    new = generated(stack, "random")
    status, location, text = browser.post("/recover/password", password=new, confirmation=new)
    assert (status, location) == (302, "/recover/done"), (status, text[:500])
    assert wait_until(lambda: "The mailbox is open again" in browser.get("/recover/done")[2], 60, pause=0.5) is not None
    box.password = new
    stack.assert_open(box)
    assert not any(answer.accepted for answer in stack.doors(box, password=PASSWORD).values())


def test_the_owner_comes_back_by_a_mail_at_another_provider(stack: Stack) -> None:
    box = stack.new_box("t31")
    contact = owner_of(stack, box)
    stack.suspend(box)
    letter = stack.write(box.address, "friend@faraway.test")
    asking = Browser(stack)
    # Under any form of the address, as owners type it.
    assert asking.post("/recover/", address=box.alias_form.upper())[:2] == (302, "/recover/code")
    path, code = newest_link(stack, contact)

    phone = Browser(stack)
    # A mail scanner opens it first, several times: nothing happens.
    for _ in range(3):
        assert Browser(stack).get(path)[:2] == (302, "/recover/password")
    assert phone.get(path)[:2] == (302, "/recover/password")
    text = phone.get("/recover/password")[2]
    assert box.address in text and path not in text
    status, _, text = phone.post("/recover/password", password=PASSWORD, confirmation=PASSWORD)
    assert status == 422 and "used before" in text and stack.status(box) == "suspended"
    recover(stack, phone, box)
    stack.assert_arrives_once(box, [letter], within=60)

    for again in (phone, Browser(stack)):
        again.get(path)
        assert again.get("/recover/password")[0] == 410
        assert again.post("/recover/password", password="x" * 20, confirmation="x" * 20)[0] == 410
    assert asking.post("/recover/code", code=code)[0] == 422
    # Nobody's log, journal, queue or table has the link; it is in the one mail only.
    token = path.rpartition("/")[2]
    assert [file for file in files_with(stack, token) if "theirs" not in file.parts] == []
    assert "/recover/link/…" in stack.log("web")
    story = stack.ask("incident", "show", str(stack.ask("mailbox", "show", box.address)["incident"]))
    assert story["transitions"][-1]["actor"] == "owner (link)"


def test_a_code_on_paper_is_enough_and_works_once(stack: Stack) -> None:
    box = stack.new_box("t31")
    codes = stack.ask("owner", "codes", box.address)["codes"]
    backdate(stack, "PaperCode", "printed_at", box, 30)
    stack.suspend(box)
    browser = Browser(stack, "127.0.31.1")
    browser.post("/recover/", address=box.address)
    assert browser.post("/recover/code", code="2345-6789-abcd")[0] == 422
    assert browser.post("/recover/code", code=codes[0].upper())[:2] == (302, "/recover/password")
    recover(stack, browser, box)
    stack.suspend(box)
    browser.post("/recover/", address=box.address)
    assert browser.post("/recover/code", code=codes[0])[0] == 422
    assert stack.ask("owner", "contact", "list", box.address)["codes"]["left"] == 9


def test_a_hijacker_gets_nothing_and_keeps_nobody_out(stack: Stack) -> None:
    box = stack.new_box("t31")
    contact = owner_of(stack, box)
    # He has talked the admin into a contact of his own, yesterday, and asks to have his mailbox for one, too.
    thief = f"thief-{secrets.token_hex(3)}@mailer.test"
    stack.command("owner", "contact", "add", box.address, thief)
    stack.shell.run(
        f"from sekisho.recovery.models import OwnerContact\n"
        f"from datetime import timedelta\nfrom django.utils import timezone\n"
        f"OwnerContact.objects.filter(address={thief!r}).update(enrolled_at=timezone.now() - timedelta(days=1))"
    )
    for own in (box.address, box.alias_form, f"{box.local}+x@{box.address.partition('@')[2]}"):
        assert stack.command("owner", "contact", "add", box.address, own, check=False).returncode == 1
    stack.suspend(box)

    hijacker = Browser(stack, "127.0.31.2")
    hijacker.post("/recover/", address=box.address)
    newest_link(stack, contact)
    for guess in ("00000000", PASSWORD, "12345678", "abcd-efgh-jkmn", "11111111"):
        assert hijacker.post("/recover/code", code=guess)[0] == 422
    _, code = newest_link(stack, contact)
    # Five tries are used up: now even the right code is none.
    assert hijacker.post("/recover/code", code=code)[0] == 422
    fields = {"address": box.address, "contact": "another@mailer.test"}
    assert hijacker.post("/recover/contact", **fields, code=PASSWORD)[0] == 422
    for _ in range(5):
        hijacker.post("/recover/", address=box.address)
    assert hijacker.post("/recover/password", password="y" * 20, confirmation="y" * 20)[0] == 410
    assert stack.status(box) == "suspended"
    stack.assert_shut(box, within=0)

    # A link that was not used in time is dead, and the owner asks for another one.
    stack.shell.run(
        f"from sekisho.recovery.models import RecoveryRequest\n"
        f"from datetime import timedelta\nfrom django.utils import timezone\n"
        f"now = timezone.now()\n"
        f"RecoveryRequest.objects.filter(mailbox={box.address!r}).update("
        f"asked_at=now - timedelta(minutes=10), expires_at=now)"
    )
    path, _ = newest_link(stack, contact)
    owner = Browser(stack, "127.0.31.3")
    owner.get(path)
    assert owner.get("/recover/password")[0] == 410
    owner.post("/recover/", address=box.address)
    _, code = newest_link(stack, contact, number=2)
    assert hijacker.post("/recover/code", code=code)[0] == 422
    assert owner.post("/recover/code", code=f"{code[:4]} {code[4:]}")[:2] == (302, "/recover/password")
    recover(stack, owner, box)
    assert links_at(stack, thief) == []


def test_an_admin_opens_the_page_and_needs_to_know_no_password(stack: Stack) -> None:
    box = stack.new_box("t31")
    stack.suspend(box)
    made = stack.ask("owner", "recovery-link", box.address)
    path = made["link"].removeprefix(f"http://127.0.0.1:{stack.places.panel}")
    owner = Browser(stack, "127.0.31.4")
    owner.get(path)
    recover(stack, owner, box)
    assert made["mails"] == 0


def test_an_address_that_exists_is_answered_as_fast_as_one_that_does_not(stack: Stack) -> None:
    box = stack.new_box("t31")
    owner_of(stack, box)
    stack.suspend(box)
    nobody = f"n{box.address[1:]}"
    taken: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(60):
        for exists in (True, False) if turn % 2 else (False, True):
            browser = Browser(stack, f"127.0.32.{turn + 1}")
            browser.get("/recover/")
            address = box.address if exists else nobody
            assert browser.post("/recover/", address=address)[:2] == (302, "/recover/code")
            taken[exists].append(browser.seconds)
    medians = {exists: statistics.median(times) for exists, times in taken.items()}
    # Half of all answers lie within the quartiles; their width over the root of their number is what a median is
    # unsure by (times 1.25 for a normal one). Three of that, and at least the 5 ms no network lets anybody see.
    low, _, high = statistics.quantiles(taken[True] + taken[False], n=4)
    noise = 3 * 1.25 * (high - low) / 1.35 * (2 / len(taken[True])) ** 0.5
    assert abs(medians[True] - medians[False]) < max(0.005, noise), medians
    print(f"known {medians[True] * 1000:.1f} ms, unknown {medians[False] * 1000:.1f} ms, noise {noise * 1000:.1f} ms")
