"""The path of the provider's help page, word for word, gone by a domain admin whose mailbox was taken over."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from conftest import Opener, Panel, sign_in

OWNER, STRANGER = "kanri@hana.example", "kanri@sora.example"

WORDS = {
    "ja": {
        "tab": "管理",
        "system": "システム",
        "settings": "メール設定",
        "administration": "メール管理へ",
        "edit": "編集",
        "generate": "パスワードを生成する",
        "password": "新しいパスワード",
        "confirm": "新しいパスワード (確認)",
        "active": "アクティブ",
        "save": "保存",
        "suspended": "このメールアドレスは停止中です",
        "saved": "新しいパスワードを保存しました",
        "open": "メールアドレスが再開しました",
        "only": "パスワード部分のみ",
        "test": "アカウント設定のテスト",
        "keep": "安全な場所に控えて",
    },
    "en": {
        "tab": "Administration",
        "system": "System",
        "settings": "Mail settings",
        "administration": "To the mail administration",
        "edit": "Edit",
        "generate": "Generate a password",
        "password": "New password",
        "confirm": "New password (confirm)",
        "active": "Active",
        "save": "Save",
        "suspended": "This mailbox is suspended",
        "saved": "The new password is saved",
        "open": "The mailbox is open again",
        "only": "Change the password only",
        "test": "account test",
        "keep": "safe place",
    },
}


@pytest.mark.parametrize("language,victim", [("ja", "sato@hana.example"), ("en", "tanaka@hana.example")])
def test_the_help_pages_path_leads_a_suspended_mailbox_back(language, victim, panel: Panel, visit: Opener):
    panel.play(f"casting.takeover({victim!r})")
    words = WORDS[language]
    page = visit(panel.url, language=language)
    sign_in(page, OWNER)

    page.get_by_role("navigation").get_by_role("link", name=words["tab"], exact=True).first.click()
    page.get_by_role("link", name=words["system"], exact=True).click()
    page.get_by_role("link", name=words["settings"]).click()
    expect(page.get_by_text("mx01.provider.example").first).to_be_visible()
    page.get_by_role("button", name=words["administration"], exact=True).first.click()

    row = page.get_by_role("row").filter(has_text=victim)
    expect(row).to_contain_text({"ja": "いいえ", "en": "No"}[language])
    expect(row).to_contain_text({"ja": "停止中", "en": "Suspended"}[language])
    row.get_by_role("link", name=words["edit"]).click()
    expect(page.get_by_role("heading", name=words["suspended"])).to_be_visible()

    page.get_by_role("button", name=words["generate"]).click()
    expect(page.get_by_text(words["keep"])).to_be_visible()
    generated = page.locator("#generated").inner_text()
    expect(page.get_by_label(words["password"], exact=True)).to_have_value(generated)
    expect(page.get_by_label(words["confirm"], exact=True)).to_have_value(generated)
    page.get_by_label(words["active"], exact=True).check()
    page.get_by_role("button", name=words["save"], exact=True).click()

    expect(page.get_by_text(words["saved"])).to_be_visible()
    assert generated not in page.content() and generated not in page.url
    panel.play(f"casting.release_steps({victim!r}, 4)")
    expect(page.locator("ol.steps .tone-good")).to_have_count(4)
    panel.play(f"casting.release_steps({victim!r}, 6)")
    expect(page.get_by_text(words["open"])).to_be_visible()
    for told in ("only", "test"):
        expect(page.get_by_text(words[told]).first).to_be_visible()
    expect(page.get_by_text("mail.~")).to_be_visible()


def test_wrong_entries_are_refused_with_every_reason_and_nothing_is_saved(panel: Panel, visit: Opener):
    victim = "chumon@hana.example"
    panel.play(f"casting.takeover({victim!r})")
    page = visit(panel.url, allow=("422",))
    sign_in(page, OWNER)
    edit = f"/admin/system/mail/mailboxes/{victim}/edit"

    page.goto(edit)
    page.get_by_label("アクティブ", exact=True).check()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text(
        "新しいパスワードを入力せずにアクティブにすることはできません"
    )

    page.get_by_label("新しいパスワード", exact=True).fill(" ｈana ")
    page.get_by_label("新しいパスワード (確認)").fill("hana")
    page.get_by_role("button", name="保存").click()
    alert = page.get_by_role("alert").filter(visible=True)
    for reason in ("先頭に半角スペース", "末尾に半角スペース", "2文字目「ｈ」", "15文字以上", "一致しません"):
        expect(alert).to_contain_text(reason)

    page.get_by_label("新しいパスワード", exact=True).fill("hanako1985-shop")
    page.get_by_label("新しいパスワード (確認)").fill("hanako1985-shop")
    page.get_by_label("アクティブ", exact=True).check()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("以前に使われていたもの")

    page.goto(edit)
    expect(page.get_by_role("heading", name="このメールアドレスは停止中です")).to_be_visible()


def test_a_stranger_meets_a_page_that_does_not_exist(panel: Panel, visit: Opener):
    page = visit(panel.url, allow=("404",))
    sign_in(page, STRANGER)
    for mailbox in ("info@hana.example", "nobody@hana.example"):
        answer = page.goto(f"/admin/system/mail/mailboxes/{mailbox}/edit")
        assert answer and answer.status == 404
        expect(page.get_by_role("heading", name="このページはありません")).to_be_visible()


def test_it_says_that_it_waits_when_the_mail_host_is_away(panel: Panel, visit: Opener):
    mailbox = "info@hana.example"
    panel.play(
        f"""
casting.takeover({mailbox!r})
from datetime import timedelta
from django.utils import timezone
from sekisho.incidents.models import Order
from sekisho.recovery import flow
flow.reinstate({mailbox!r}, casting.NEW_PASSWORD, "operator")
Order.objects.filter(mailbox={mailbox!r}, kind="release").update(created_at=timezone.now() - timedelta(minutes=1))
"""
    )
    page = visit(panel.url)
    sign_in(page, OWNER)
    page.goto(f"/admin/system/mail/mailboxes/{mailbox}/reinstatement/")
    expect(page.get_by_role("status")).to_contain_text("メールホストの応答を待っています")
    panel.play(f"casting.release_steps({mailbox!r}, 6)")
    expect(page.get_by_text("メールアドレスが再開しました")).to_be_visible()


def test_it_works_without_javascript(panel: Panel, visit: Opener):
    mailbox = "yamada@sora.example"
    panel.play(f"casting.takeover({mailbox!r})")
    page = visit(panel.url, java_script_enabled=False)
    sign_in(page, STRANGER)
    page.goto(f"/admin/system/mail/mailboxes/{mailbox}/edit")
    for label in ("新しいパスワード", "新しいパスワード (確認)"):
        page.get_by_label(label, exact=True).fill("Kumo-Gakure-2748-hoshi")
    page.get_by_label("アクティブ", exact=True).check()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("新しいパスワードを保存しました")).to_be_visible()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_pasted_blank_and_full_width_letters_are_pointed_out_and_repaired_on_request(
    language, panel: Panel, visit: Opener
):
    mailbox = "yamada@sora.example"
    page = visit(panel.url, language=language, width=390)
    sign_in(page, STRANGER)
    page.goto(f"/admin/system/mail/mailboxes/{mailbox}/edit")
    words = WORDS[language]
    first, second = (page.get_by_label(words[label], exact=True) for label in ("password", "confirm"))
    note = page.locator("#repair")
    expect(note).to_be_hidden()
    first.fill("Kumo-Gakure-2748-hoshi")
    expect(note).to_be_hidden()
    first.fill("\u3000Ｋumo-Gakure-2748-hoshi ")
    second.fill("Ｋumo-Gakure-2748-hoshi")
    expect(note).to_contain_text({"ja": "空白が入っています", "en": "a blank"}[language])
    expect(note).to_contain_text({"ja": "全角文字が入っています", "en": "full-width"}[language])
    # Pointed out, and nothing else: what was typed is still what was typed.
    expect(first).to_have_value("\u3000Ｋumo-Gakure-2748-hoshi ")
    note.get_by_role("button").click()
    for field in (first, second):
        expect(field).to_have_value("Kumo-Gakure-2748-hoshi")
    expect(note).to_be_hidden()


def test_the_generator_makes_two_kinds_and_shows_each_only_once(panel: Panel, visit: Opener):
    page = visit(panel.url, language="en", width=390)
    sign_in(page, STRANGER)
    page.goto("/admin/system/mail/mailboxes/yamada@sora.example/edit")
    page.get_by_role("button", name="Generate one of words").click()
    expect(page.get_by_text("64 bits").first).to_be_visible()
    of_words = page.locator("#generated").inner_text()
    assert of_words.count("-") == 5 and of_words[-2:].isdigit()
    page.get_by_role("button", name="Generate another").click()
    expect(page.get_by_text("116 bits").first).to_be_visible()
    expect(page.locator("#generated")).not_to_have_text(of_words)
    assert of_words not in page.content()
    random = page.locator("#generated").inner_text()
    page.reload()
    assert random not in page.content() and random not in page.url
    expect(page.get_by_label("New password", exact=True)).to_have_value("")
