"""The whole story on the running stack: spam by a stolen password, suspension, the domain admin's way back,
the new password in the mail program, and the letters that waited."""

from __future__ import annotations

import secrets

from harness import DOMAIN, OTHER_DOMAIN, Hijacker, Stack
from playwright.sync_api import expect

from conftest import Opener, sign_in

SENDER = "yamamoto@browser-story.test"
ADMIN, OTHER_ADMIN = f"tenshu@{DOMAIN}", f"okami@{OTHER_DOMAIN}"


def test_a_domain_admin_brings_a_hijacked_mailbox_back(stack: Stack, visit: Opener) -> None:
    admin_password = f"kagi-{secrets.token_hex(8)}"
    stack.command("admin", "add", ADMIN, "--domain", DOMAIN, "--password-stdin", given=admin_password)
    box = stack.new_box("kaori")
    before = [stack.write(box.address, SENDER, "before")]
    stack.assert_arrives_once(box, before, within=20)

    Hijacker(stack, box).run()
    stack.assert_shut(box, within=5)
    waiting = [stack.write(box.address, SENDER, "during") for _ in range(3)]

    page = visit(f"http://127.0.0.1:{stack.places.panel}")
    sign_in(page, ADMIN, admin_password)
    page.get_by_role("link", name="システム", exact=True).click()
    page.get_by_role("link", name="メール設定").click()
    expect(page.get_by_text("「mail.~」から始まっている")).to_be_visible()
    page.get_by_role("button", name="メール管理へ").first.click()
    row = page.get_by_role("row").filter(has_text=box.address)
    expect(row).to_contain_text("いいえ")
    expect(row).to_contain_text("停止中")
    row.get_by_role("link", name="編集").click()

    # Why: evidence of the detection, and at least one sender who waits by now.
    expect(page.locator("ul.evidence li").first).to_be_visible()
    page.get_by_role("link", name="インシデントの詳細を見る").click()
    expect(page.locator("ol.steps .tone-good").first).to_be_visible()
    page.go_back()

    page.get_by_role("button", name="パスワードを生成する").click()
    generated = page.locator("#generated").inner_text()
    page.get_by_label("アクティブ", exact=True).check()
    page.get_by_role("button", name="保存", exact=True).click()

    # P2's clock does not run here: the probe tries every door, one after the other.
    expect(page.get_by_text("メールアドレスが再開しました")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("パスワード部分のみ")).to_be_visible()
    expect(page.get_by_text("アカウント設定のテスト")).to_be_visible()

    old, box.password = box.password, generated
    stack.assert_open(box)
    stack.assert_shut(box, within=1, password=old)
    assert stack.status(box) == "probation"
    stack.assert_arrives_once(box, [*before, *waiting], within=75)
    stack.assert_no_return(SENDER)


def test_the_domain_admin_of_another_tenant_finds_nothing(stack: Stack, visit: Opener) -> None:
    password = f"kagi-{secrets.token_hex(8)}"
    stack.command("admin", "add", OTHER_ADMIN, "--domain", OTHER_DOMAIN, "--password-stdin", given=password)
    box = stack.new_box("nozomi")
    stack.suspend(box)
    page = visit(f"http://127.0.0.1:{stack.places.panel}", allow=("404",))
    sign_in(page, OTHER_ADMIN, password)
    answer = page.goto(f"/admin/system/mail/mailboxes/{box.address}/edit")
    assert answer and answer.status == 404
    for path in ("/admin/", "/admin/system/mail/mailboxes/", "/admin/incidents/?show=all"):
        page.goto(path)
        assert DOMAIN not in page.content()
