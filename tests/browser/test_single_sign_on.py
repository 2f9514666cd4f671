"""A hoster's button in a real browser: it opens メール管理 once, and a misused one opens nothing."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from playwright.sync_api import Page, expect

from conftest import HOSTER, Opener, Panel, sign_in

Press = Callable[[Page, str], None]


def button(panel: Panel, **changed: object) -> str:
    """The hoster's page with its form, as docs/single-sign-on.md makes it."""
    now = int(time.time())
    claims = {
        "iss": HOSTER,
        "aud": f"{panel.url}/sso/",
        "sub": "customer-4711",
        "domains": ["hana.example"],
        "iat": now,
        "exp": now + 60,
        "jti": uuid.uuid4().hex,
    } | changed
    token = jwt.encode(claims, (panel.var / "secrets" / "hoster").read_text(), "EdDSA")
    return (
        f'<!doctype html><title>hoster</title><form method="post" action="{panel.url}/sso/">'
        f'<input type="hidden" name="token" value="{token}"><button>メール管理を開く</button></form>'
    )


@pytest.fixture
def hoster(panel: Panel) -> Press:
    """`hoster(page, html)`: presses the button of a page on another host ("localhost" is another site)."""

    def press(page: Page, html: str) -> None:
        elsewhere = panel.url.replace("127.0.0.1", "localhost") + "/hosters-own-page"
        page.route(
            "**/hosters-own-page", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8")
        )
        page.goto(elsewhere)
        page.get_by_role("button", name="メール管理を開く").click()

    return press


def fresh(panel: Panel, visit: Opener, **options: Any) -> Page:
    return visit(panel.url, also=(panel.url.replace("127.0.0.1", "localhost"),), **options)


def test_the_button_opens_the_mail_administration_and_works_once(panel: Panel, visit: Opener, hoster: Press) -> None:
    page = fresh(panel, visit)
    html = button(panel)
    hoster(page, html)
    page.wait_for_url("**/admin/system/mail/mailboxes/")
    expect(page.get_by_text("info@hana.example").first).to_be_visible()
    expect(page.locator("header .name")).to_contain_text("customer-4711")
    again = fresh(panel, visit, allow=("403",))
    hoster(again, html)
    expect(again.get_by_role("heading", name="このログインは期限が切れています")).to_be_visible()
    again.goto(f"{panel.url}/admin/")
    assert "/sign-in/" in again.url


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(time.time()) - 30, "iat": int(time.time()) - 90},
        {"aud": "https://another.example/sso/"},
        {"sub": "operator"},
        {"domains": ["sora.example"]},
    ],
    ids=["expired", "for another panel", "an operator", "a foreign domain"],
)
def test_a_misused_button_opens_nothing(changed: dict[str, object], panel: Panel, visit: Opener, hoster: Press) -> None:
    page = fresh(panel, visit, language="en", width=390, allow=("403",))
    hoster(page, button(panel, **changed))
    expect(page.get_by_role("heading", name="This way in has expired")).to_be_visible()
    page.goto(f"{panel.url}/admin/")
    assert "/sign-in/" in page.url


def test_who_was_signed_in_before_is_not_afterwards(panel: Panel, visit: Opener, hoster: Press) -> None:
    page = fresh(panel, visit, allow=("404",))
    sign_in(page, "operator")
    hoster(page, button(panel))
    page.wait_for_url("**/admin/system/mail/mailboxes/")
    page.goto(f"{panel.url}/admin/system/enforcement/")
    expect(page.locator("header .name")).to_contain_text("customer-4711")
    expect(page.get_by_role("heading", name="試運転と実行")).to_have_count(0)
