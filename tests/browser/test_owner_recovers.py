"""The owner's way back without signing in: on a telephone, by keyboard alone, in both languages."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import Page, expect
from test_everybody_can_use_it import too_small

from conftest import Opener, Panel, sign_in

PHONE = 390


@pytest.fixture
def owner(panel: Panel) -> str:
    """A suspended mailbox whose owner enrolled a contact a month ago."""
    address = f"kita-{secrets.token_hex(2)}@hana.example"
    panel.play(
        f"""
from datetime import timedelta
from django.utils import timezone
from sekisho.directory import provision
from sekisho.recovery import contacts
provision.add_mailbox({address!r}, casting.STOLEN_PASSWORD, name="北 さくら")
provision.SiteMailbox.objects.filter(username={address!r}).update(created=timezone.now() - timedelta(days=400))
casting.takeover({address!r})
contacts.add({address!r}, "kita@tayori.test", "ja", "admin", timezone.now() - timedelta(days=30))
"""
    )
    return address


def mail(panel: Panel, address: str) -> tuple[str, str]:
    """What the worker would send now: the link's path, and the code."""
    path, code = panel.play(
        f"""
from django.urls import reverse
from django.utils import timezone
from sekisho.recovery import requests
from sekisho.recovery.models import RecoveryRequest
requests.answer(timezone.now())
live = RecoveryRequest.objects.filter(mailbox={address!r}, state="live").latest("id")
result = [reverse("recover_link", args=[requests.token_of(live)]), requests.code_of(live)]
"""
    )
    return path, code


def tab(page: Page, text: str) -> None:
    """Goes on by the Tab key until something with this text or id has the focus, which must be seen."""
    for _ in range(25):
        page.keyboard.press("Tab")
        here = page.evaluate("[document.activeElement.innerText.trim(), document.activeElement.id]")
        if text in here:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"the Tab key does not lead to {text}")


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, page.url
    assert not too_small(page), page.url


WORDS = {
    "ja": {
        "begin": "メールアドレスが停止された方、パスワードがわからなくなった方は、ログインせずにこちらへ進めます。",
        "go_on": "次へ進む",
        "generate": "パスワードを生成する",
        "save": "保存して再開する",
        "open": "メールアドレスが再開しました",
    },
    "en": {
        "begin": "You use a mailbox that was suspended, or its password is lost? Go on here, without signing in.",
        "go_on": "Go on",
        "generate": "Generate a password",
        "save": "Save and open the mailbox",
        "open": "The mailbox is open again",
    },
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_owner_comes_back_on_a_phone_by_keyboard(language: str, panel: Panel, visit: Opener, owner: str) -> None:
    words = WORDS[language]
    page = visit(panel.url, language=language, width=PHONE)
    tab(page, words["begin"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/recover/")
    fits(page)
    # The field has the focus.
    page.keyboard.type(owner)
    page.keyboard.press("Enter")
    page.wait_for_url("**/recover/code")
    fits(page)
    _, code = mail(panel, owner)
    tab(page, "id_code")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_url("**/recover/password")
    fits(page)
    tab(page, words["generate"])
    page.keyboard.press("Enter")
    expect(page.locator("#generated")).to_be_visible()
    generated = page.locator("#generated").inner_text()
    fits(page)
    tab(page, words["save"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/recover/done")
    assert generated not in page.content()
    panel.play(f"casting.release_steps({owner!r}, 6)")
    expect(page.get_by_text(words["open"])).to_be_visible()
    fits(page)


def test_a_link_leads_on_without_staying_in_address_or_history(panel: Panel, visit: Opener, owner: str) -> None:
    page = visit(panel.url, allow=("410",))
    page.goto("/recover/")
    page.get_by_label("再開したいメールアドレス").fill(owner)
    page.get_by_role("button", name="次へ進む").click()
    page.wait_for_url("**/recover/code")
    path, _ = mail(panel, owner)
    referers: list[str] = []
    page.on("request", lambda request: referers.append(request.headers.get("referer", "")))
    page.goto(path)
    assert page.url.endswith("/recover/password")
    page.get_by_role("button", name="パスワードを生成する").click()
    expect(page.locator("#generated")).to_be_visible()
    token = path.rpartition("/")[2]
    assert not any(token in referer for referer in referers)
    assert token not in page.content()
    page.go_back()
    assert token not in page.url

    other = visit(panel.url, allow=("410",))
    other.goto(path[:-1])
    expect(other.get_by_role("heading", name="このページはもう使えません")).to_be_visible()


def test_an_admins_pages_fit_a_phone_and_their_cards_print_alone(panel: Panel, visit: Opener, owner: str) -> None:
    page = visit(panel.url, width=PHONE)
    sign_in(page, "kanri@hana.example")
    here = f"/admin/system/mail/mailboxes/{owner}/owner/"
    page.goto(here)
    fits(page)
    page.get_by_role("button", name="再設定ページを作る").click()
    fits(page)
    link = page.locator("#link").inner_text()
    assert page.evaluate("document.querySelector('img.qr').naturalWidth") > 100
    page.emulate_media(media="print")
    assert link in page.locator("body").inner_text()
    assert not page.get_by_text("いまこの画面だけです").is_visible()
    page.emulate_media(media="screen")

    page.goto(here)
    page.get_by_role("button", name="新しい紙を作る").click()
    fits(page)
    assert page.locator("ol.codes li").count() == 10
    page.emulate_media(media="print")
    assert page.locator("ol.codes").is_visible() and not page.get_by_role("button", name="印刷").is_visible()
