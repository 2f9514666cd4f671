"""An owner on a phone, in Japanese: the slips of a real mail program appear on the page as they happen, then green."""

from __future__ import annotations

import secrets

import pytest
from harness import DOMAIN, OTHER_DOMAIN, Box, Stack
from playwright.sync_api import Page, expect
from t42_live_settings_test import Program
from test_owner_recovers import PHONE, fits

from conftest import Opener, sign_in

# From the password's fields to the last card: what a page needs to ask again (2 s) and everything before it.
SOON = 8_000


@pytest.fixture
def box(stack: Stack) -> Box:
    """A mailbox whose program knows its first password, suspended."""
    made = stack.new_box("akari")
    assert here(stack, made, made.password).imap()
    stack.suspend(made)
    return made


def here(stack: Stack, box: Box, password: str) -> Program:
    """A program behind the same address as the browser."""
    return Program(stack, box, password, source="127.0.0.1")


def newest(page: Page, words: str) -> None:
    expect(page.locator("ol.attempts > li").first).to_contain_text(words, timeout=SOON)


def test_each_slip_appears_on_the_phone_and_then_all_is_green(stack: Stack, visit: Opener, box: Box) -> None:
    old, made = box.password, stack.ask("owner", "recovery-link", box.address)
    page = visit(f"http://127.0.0.1:{stack.places.panel}", width=PHONE)
    page.goto(made["link"])
    page.get_by_role("button", name="パスワードを生成する").click()
    new = page.locator("#generated").inner_text()
    page.get_by_role("button", name="保存して再開する").click()
    expect(page.get_by_text("メールソフトの次のログインを待っています…")).to_be_visible(timeout=30_000)
    expect(page.locator("[aria-live=polite] #settings-test")).to_have_count(1)
    fits(page)

    program = here(stack, box, new)
    wide = new.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    for attempt, words in (
        (lambda: program.imap(password=old), "以前のパスワードです"),
        (lambda: program.pop3(password=f" {new}"), "パスワードの前に空白があります"),
        (lambda: program.smtp(password=f"{new} "), "パスワードの後ろに空白があります"),
        (lambda: program.imap(password=wide), "パスワードが全角で入力されています"),
        (lambda: program.imap(password=new.swapcase()), "大文字と小文字が逆になっています"),
        (lambda: program.smtp(name=box.local), "「@」より前の部分だけになっています"),
        (lambda: program.imap(name=f"{box.local}@hanamaru-pan.exmaple"), "「@」より後ろが違います"),
        (lambda: program.imap(name=f"{box.address} "), "ユーザー名に空白が入っています"),
    ):
        assert not attempt(), words
        newest(page, words)
    fits(page)

    assert program.imap()
    newest(page, "ログインできました")
    assert program.smtp()
    expect(page.get_by_text("受信も送信もできています。")).to_be_visible(timeout=SOON)
    fits(page)
    assert new not in page.content()


def test_an_admin_watches_and_without_javascript_a_reload_shows_the_same(stack: Stack, visit: Opener, box: Box) -> None:
    name, password = f"kagi-{secrets.token_hex(3)}@{DOMAIN}", f"kagi-{secrets.token_hex(8)}"
    stack.command("admin", "add", name, "--domain", DOMAIN, "--password-stdin", given=password)
    stack.reinstate(box)
    page = visit(f"http://127.0.0.1:{stack.places.panel}", java_script_enabled=False, allow=("404",))
    sign_in(page, name, password)
    page.goto(f"/admin/system/mail/mailboxes/{box.address}/edit")
    page.get_by_role("link", name="設定テスト").click()
    page.get_by_role("button", name="30分間確認する").click()
    expect(page.get_by_text("メールソフトの次のログインを待っています…")).to_be_visible()
    # The guard is told of the watch within two seconds and a half.
    page.wait_for_timeout(3_000)
    assert not here(stack, box, box.password).smtp(name=box.local)
    page.wait_for_timeout(1_500)
    page.get_by_role("link", name="最新の結果を表示する").click()
    newest(page, "「@」より前の部分だけになっています")

    page.goto(f"/admin/system/mail/mailboxes/someone@{OTHER_DOMAIN}/settings-test/")
    assert "設定テスト" not in page.content()
