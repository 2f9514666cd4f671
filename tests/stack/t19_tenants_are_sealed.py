"""P7: two tenants: a domain admin sees and touches nothing of the other's, on no page and with no method; what is
not his does not exist for him (404), with the same answer as for what is not there. The same holds under /api.
Sabotage: tests/sabotage/t19.patch (a page finds its mailbox past `access`)."""

from __future__ import annotations

import http.cookiejar
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request

import pytest
from harness import CONTACT, DOMAIN, OTHER_CONTACT, OTHER_DOMAIN, OTHER_SERVER, Box, Stack

SECRET_WORDS = "amber-Kite-47-lantern-brook"


class Browser:
    """A signed-in panel session; keeps cookies, sends the CSRF token, does not follow redirects out of the panel."""

    def __init__(self, stack: Stack) -> None:
        self.base = f"http://127.0.0.1:{stack.places.panel}"
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def ask(self, path: str, data: dict[str, str] | None = None, method: str = "") -> tuple[int, str]:
        headers = {"Referer": self.base + "/"}
        token = next((cookie.value for cookie in self._jar if "csrf" in cookie.name), "") or ""
        if data is not None or method not in ("", "GET", "HEAD"):
            headers["X-CSRFToken"] = token
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        return self.send(urllib.request.Request(self.base + path, data=body, headers=headers, method=method or None))

    def send(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def sign_in(self, name: str, password: str) -> None:
        _, page = self.ask("/sign-in/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = {"username": name, "password": password, "csrfmiddlewaretoken": token.group(1)}
        status, page = self.ask("/sign-in/", form)
        assert status == 200 and 'name="password"' not in page, "not signed in"
        self.name = name


@pytest.fixture(scope="module")
def tenants(stack: Stack) -> tuple[Browser, Box, Box, int, int]:
    """The first tenant's admin, a suspended mailbox of his and of the other tenant, and their incidents' numbers."""
    own, other = stack.new_box("t19own"), stack.new_box("t19other", OTHER_DOMAIN)
    name = f"admin-{secrets.token_hex(3)}@{DOMAIN}"
    stack.command("admin", "add", name, "--domain", DOMAIN, "--password-stdin", given=SECRET_WORDS)
    numbers = []
    for box in (own, other):
        stack.command("mailbox", "suspend", box.address, "--reason", f"story of {box.local}")
        numbers.append(stack.ask("mailbox", "show", box.address)["incident"])
    browser = Browser(stack)
    browser.sign_in(name, SECRET_WORDS)
    return browser, own, other, numbers[0], numbers[1]


PAGES = (
    "/admin/system/mail/mailboxes/{address}/edit",
    "/admin/system/mail/mailboxes/{address}/reinstatement/",
    "/admin/incidents/{number}/",
)
LISTS = ("/admin/", "/admin/system/", "/admin/system/mail/", "/admin/system/mail/mailboxes/", "/admin/incidents/")
ACTS = (
    ("/admin/system/mail/mailboxes/{address}/edit", "edit"),
    ("/admin/system/mail/mailboxes/{address}/suspend/", "reason"),
    ("/admin/system/mail/mailboxes/{address}/restrict/", "reason"),
    ("/admin/incidents/{number}/dismiss/", "reason"),
    ("/admin/incidents/{number}/close/", "reason"),
)
API: tuple[tuple[str, dict[str, object] | None], ...] = (
    ("/api/v1/mailboxes/{address}", None),
    ("/api/v1/mailboxes/{address}/explain", None),
    ("/api/v1/mailboxes/{address}/deferred", None),
    ("/api/v1/mailboxes/{address}/reinstate", {"password": "umbrella-Seven-29-candle"}),
    ("/api/v1/incidents/{number}", None),
    ("/api/v1/incidents/{number}/deferred", None),
    ("/api/v1/incidents/{number}/dismiss", {"reason": "mine now"}),
    ("/api/v1/incidents/{number}/answer", {}),
    ("/api/v1/incidents/{number}/close", {}),
)


@pytest.fixture(scope="module")
def key(stack: Stack, tenants: tuple[Browser, Box, Box, int, int]) -> str:
    """An API key of the first tenant's admin, with every scope such an account can have."""
    scopes = ("--scope", "read", "--scope", "recover")
    return str(stack.ask("key", "add", "story t19", "--account", tenants[0].name, *scopes)["key"])


def ask_api(browser: Browser, path: str, body: dict[str, object] | None, key: str) -> tuple[int, str]:
    """As a program with a key; with "" as the key as a page that a signed-in browser was lured to."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    return browser.send(urllib.request.Request(browser.base + path, data=data, headers=headers))


def masked(page: str, *words: object) -> str:
    """A page without what differs from one request to the next."""
    page = re.sub(r'(nonce|value|content)="[^"]*"|nonce-[^"\' ;]+', "", page)
    for word in words:
        for shape in (f"/{word}/", f"/{urllib.parse.quote(str(word))}/"):
            page = page.replace(shape, "")
    return page


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_other_tenant_does_not_exist(tenants: tuple[Browser, Box, Box, int, int], page: str) -> None:
    browser, own, other, own_number, other_number = tenants
    mine = browser.ask(page.format(address=own.address, number=own_number))
    assert mine[0] == 200 and own.address in mine[1], mine[0]
    status, text = browser.ask(page.format(address=other.address, number=other_number))
    absent = f"nobody-{secrets.token_hex(4)}@{OTHER_DOMAIN}", 99999999
    absent_status, absent_text = browser.ask(page.format(address=absent[0], number=absent[1]))
    assert status == absent_status == 404
    assert other.local not in masked(text, other.address)
    assert masked(text, other.address, other_number) == masked(absent_text, *absent)


@pytest.mark.parametrize("page", LISTS)
def test_a_list_shows_nothing_of_the_other_tenant(tenants: tuple[Browser, Box, Box, int, int], page: str) -> None:
    browser, _, other, _, _ = tenants
    for query in ("", f"?domain={OTHER_DOMAIN}", f"?q={other.local}", f"?mailbox={other.address}"):
        status, text = browser.ask(page + query)
        assert status in (200, 404), (page, query, status)
        shown = text.replace(other.address, "").replace(f'value="{other.local}"', "") if query else text
        assert OTHER_CONTACT not in shown
        assert f"{other.local}@" not in shown and f"{OTHER_SERVER}" not in shown, (page, query)


@pytest.mark.parametrize(("path", "field"), ACTS)
def test_an_act_on_the_other_tenant_does_nothing(
    stack: Stack, tenants: tuple[Browser, Box, Box, int, int], path: str, field: str
) -> None:
    browser, _, other, _, other_number = tenants
    before = everything_about(stack, other)
    new = "umbrella-Seven-29-candle"
    form = {
        "reason": "mine now",
        "password": new,
        "password1": new,
        "password2": new,
        "confirmation": new,
        "active": "on",
    }
    status, text = browser.ask(path.format(address=other.address, number=other_number), form)
    # A domain admin may not suspend at all: 403 for everybody, told apart from nothing.
    assert status in (403, 404), (status, text[:300])
    assert everything_about(stack, other) == before
    assert not any(answer.accepted for answer in stack.doors(other, password=new).values())


@pytest.mark.parametrize(("path", "body"), API)
def test_the_api_tells_and_does_nothing_to_a_browser_nor_to_another_tenants_key(
    stack: Stack,
    tenants: tuple[Browser, Box, Box, int, int],
    key: str,
    path: str,
    body: dict[str, object] | None,
) -> None:
    browser, own, other, own_number, other_number = tenants
    before = everything_about(stack, other)
    status, text = ask_api(browser, path.format(address=other.address, number=other_number), body, "")
    assert status == 401 and "suspended" not in text and "story of" not in text
    theirs = ask_api(browser, path.format(address=other.address, number=other_number), body, key)
    absent = f"nobody-{secrets.token_hex(4)}@{OTHER_DOMAIN}"
    assert theirs[0] == 404, theirs
    assert theirs == ask_api(browser, path.format(address=absent, number=99999999), body, key)
    assert everything_about(stack, other) == before
    if body is None:
        assert ask_api(browser, path.format(address=own.address, number=own_number), body, key)[0] == 200


def test_the_apis_lists_hold_nothing_of_the_other_tenant(tenants: tuple[Browser, Box, Box, int, int], key: str) -> None:
    browser, own, other, _, _ = tenants
    for path in ("/api/v1/mailboxes", "/api/v1/incidents", "/api/v1/domains"):
        status, text = ask_api(browser, f"{path}?per_page=200", None, key)
        assert status == 200 and DOMAIN in text
        assert OTHER_DOMAIN not in text and other.local not in text
    assert own.local in ask_api(browser, f"/api/v1/mailboxes?q={own.local}", None, key)[1]


def everything_about(stack: Stack, box: Box) -> list[object]:
    """The rows of our and the site's tables that an act on a mailbox would change."""
    return [
        stack.our_sql("SELECT status, generation, reason FROM incidents_mailboxstatus WHERE mailbox = ?", box.address),
        stack.our_sql("SELECT id, phase, action FROM incidents_incident WHERE mailbox = ?", box.address),
        stack.our_sql("SELECT kind, generation FROM incidents_order WHERE mailbox = ?", box.address),
        stack.site_sql("SELECT password, active FROM mailbox WHERE username = ?", box.address),
        stack.our_sql("SELECT COUNT(*) FROM incidents_notice WHERE recipient IN (?, ?)", CONTACT, OTHER_CONTACT),
    ]
