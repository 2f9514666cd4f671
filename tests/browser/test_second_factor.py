"""Second factors with a real browser: an app by keyboard alone, and passkeys with Chromium's virtual authenticator."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from hashlib import sha1

import pytest
from playwright.sync_api import Page, expect

from conftest import ACCOUNT_PASSWORD, Opener, Panel, sign_in


@pytest.fixture
def account(panel: Panel, request: pytest.FixtureRequest) -> str:
    """A domain admin that only this test uses, so that its second factor is in nobody's way."""
    name = f"{request.node.originalname[-24:].replace('_', '-')}@hana.example"
    panel.play(
        f"""
from django.contrib.auth.models import User
from sekisho.directory.models import Role
User.objects.filter(username={name!r}).delete()
one = User.objects.create_user({name!r}, password=casting.ACCOUNT_PASSWORD)
Role.objects.create(account=one, role=Role.DOMAIN_ADMIN, domain=casting.DOMAIN)
"""
    )
    return name


def code(key: str, steps: int = 0) -> str:
    """RFC 6238 with its usual values, written here so that the panel's own arithmetic is not asked about itself."""
    digest = hmac.new(base64.b32decode(key), struct.pack(">Q", int(time.time()) // 30 + steps), sha1).digest()
    place = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[place : place + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focus_on(page: Page, text: str) -> None:
    """Goes on by Tab until the thing with this text has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"no way by keyboard to {text}")


def name_and_password(page: Page, name: str) -> None:
    page.locator("#id_username").focus()
    page.keyboard.type(name)
    press(page, "Tab")
    page.keyboard.type(ACCOUNT_PASSWORD)
    press(page, "Enter")


def test_an_app_is_set_up_and_signs_in_by_keyboard_alone(panel: Panel, visit: Opener, account: str) -> None:
    page = visit(panel.url, width=390)
    name_and_password(page, account)
    page.wait_for_url("**/admin/")
    page.goto("/account/")
    focus_on(page, "認証アプリを設定する")
    press(page, "Enter")
    page.wait_for_url("**/account/app/")
    focus_on(page, "読み取れないときは、このキーを入力してください")
    press(page, "Enter")
    expect(page.locator("#key")).to_be_visible()
    key = page.locator("#key").inner_text().replace(" ", "")
    page.locator("#id_code").focus()
    page.keyboard.type(code(key, -1))
    press(page, "Enter")
    expect(page.get_by_role("heading", name="リカバリーコード")).to_be_visible()
    sheet = page.locator("ol.codes code").all_inner_texts()
    assert len(sheet) == 10

    later = visit(panel.url, width=390)
    name_and_password(later, account)
    later.wait_for_url("**/sign-in/second-factor/")
    expect(later.locator("#id_code")).to_be_focused()
    later.keyboard.type("000000")
    press(later, "Enter")
    expect(later.get_by_role("alert")).to_contain_text("コードが正しくないか")
    later.locator("#id_code").focus()
    later.keyboard.type(code(key))
    press(later, "Enter")
    later.wait_for_url("**/admin/")

    lost = visit(panel.url, language="en")
    name_and_password(lost, account)
    lost.wait_for_url("**/sign-in/second-factor/")
    lost.keyboard.type(sheet[4])
    press(lost, "Enter")
    lost.wait_for_url("**/admin/")
    lost.goto("/account/")
    expect(lost.get_by_text("9 codes are left on your sheet.")).to_be_visible()
    expect(lost.get_by_text("Chrome, Linux").first).to_be_visible()
    lost.get_by_role("button", name="Sign out all others").click()
    expect(lost.get_by_text("2 other browsers were signed out.")).to_be_visible()
    page.goto("/admin/")
    assert "/sign-in/" in page.url


def device(page: Page, *, verifies: bool = True) -> str:
    """A phone's built-in authenticator; returns its number."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    number: str = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return number


def test_a_passkey_is_made_signs_in_alone_and_opens_nothing_once_removed(
    panel: Panel, visit: Opener, account: str
) -> None:
    # WebAuthn wants a name and a secure context; browsers take localhost for one.
    page = visit(panel.url.replace("127.0.0.1", "localhost"), language="en", width=390)
    device(page)
    sign_in_beside_passkey(page, account)
    page.goto("/account/passkey/")
    page.locator("#id_name").fill("The shop's phone")
    page.get_by_role("button", name="Set up a passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("The shop's phone", exact=True)).to_be_visible()

    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/")
    page.goto("/confirm/?next=/account/")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/account/")

    page.get_by_text("Rename or remove The shop's phone").click()
    page.get_by_role("button", name="Remove The shop's phone").click()
    expect(page.get_by_text("Removed. It opens nothing any more.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("status")).to_contain_text("does not open the panel")
    page.goto("/admin/")
    assert "/sign-in/" in page.url


def test_the_passkey_is_the_second_step_after_a_password(panel: Panel, visit: Opener, account: str) -> None:
    page = visit(panel.url.replace("127.0.0.1", "localhost"))
    device(page)
    sign_in_beside_passkey(page, account)
    page.goto("/account/passkey/")
    page.get_by_role("button", name="パスキーを設定する").click()
    page.get_by_role("link", name="完了").click()
    page.get_by_role("button", name="ログアウト", exact=True).click()
    page.locator("#id_username").fill(account)
    page.locator("#id_password").fill(ACCOUNT_PASSWORD)
    page.get_by_role("button", name="ログイン", exact=True).click()
    page.wait_for_url("**/sign-in/second-factor/")
    page.get_by_role("button", name="パスキーを使う").click()
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("button", name="ログアウト", exact=True)).to_be_visible()


def sign_in_beside_passkey(page: Page, name: str) -> None:
    """On a host with a name the page has a second button; Enter takes the first."""
    name_and_password(page, name)
    page.wait_for_url("**/admin/")


def test_under_an_ip_address_the_page_offers_no_passkey(panel: Panel, visit: Opener, account: str) -> None:
    page = visit(panel.url)
    expect(page.locator("form[data-passkey]")).to_have_count(0)
    sign_in(page, account)
    page.goto("/account/")
    expect(page.get_by_text("https のホスト名で開いたページでのみ使えます")).to_be_visible()
