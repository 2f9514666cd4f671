"""An owner is invited, sets up a passkey and an app on the phone, and shows them; by touch and by keys alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from test_second_factor import code, device, focus_on, press

from conftest import MAILBOX_PASSWORD, Opener, Panel, sign_in, sign_in_as_owner

ADMIN = "kanri@hana.example"


@pytest.fixture
def mailbox(panel: Panel, request: pytest.FixtureRequest) -> str:
    """A mailbox that only this test uses."""
    address = f"{request.node.originalname[-20:].replace('_', '-')}@hana.example"
    panel.play(f"from sekisho.directory import provision\nprovision.add_mailbox({address!r}, casting.STOLEN_PASSWORD)")
    return address


def invitation(panel: Panel, visit: Opener, mailbox: str) -> str:
    """What the admin reads out: the path of the link that is shown once."""
    page = visit(panel.url)
    sign_in(page, ADMIN)
    page.goto(f"/admin/system/mail/mailboxes/{mailbox}/owner/")
    page.get_by_role("button", name="利用者に案内する").click()
    link = page.locator("#link").inner_text()
    expect(page.locator("img.qr")).to_be_visible()
    assert "/owner/invitation/" in link
    return "/owner/invitation/" + link.rpartition("/")[2]


def fill_in(page: Page, mailbox: str) -> None:
    page.locator("#id_address").focus()
    page.keyboard.type(mailbox)
    press(page, "Tab")
    page.keyboard.type(MAILBOX_PASSWORD)
    press(page, "Enter")


def test_an_invited_owner_makes_a_passkey_and_opens_the_rest_with_it(panel: Panel, visit: Opener, mailbox: str) -> None:
    link = invitation(panel, visit, mailbox)
    page = visit(panel.url.replace("127.0.0.1", "localhost"), width=390, has_touch=True, allow=("422", "410"))
    device(page)
    page.goto(link)
    fill_in(page, mailbox)
    page.wait_for_url("**/owner/factors/")
    page.get_by_role("link", name="パスキーを設定する").tap()
    page.locator("#id_name").fill("店のスマートフォン")
    page.get_by_role("button", name="パスキーを設定する").tap()
    expect(page.get_by_text("店のスマートフォン", exact=True)).to_be_visible()
    # The next page would break off the answer to this one.
    with page.expect_navigation():
        page.get_by_role("button", name="ログアウト").tap()

    page.goto("/owner/sign-in/")
    fill_in(page, mailbox)
    page.wait_for_url("**/owner/")
    page.goto("/owner/sign-ins/")
    page.wait_for_url("**/owner/proof/?next=*")
    page.get_by_role("button", name="パスキーを使う").tap()
    page.wait_for_url("**/owner/sign-ins/")

    # The admin takes it away: what was opened with it is shut, and the passkey opens nothing.
    admin = visit(panel.url)
    sign_in(admin, ADMIN)
    admin.goto(f"/admin/system/mail/mailboxes/{mailbox}/owner/")
    admin.get_by_text("利用者が端末をなくしたとき").click()
    admin.get_by_role("button", name=f"{mailbox} の認証アプリとパスキーを削除する").click()
    expect(admin.get_by_role("status")).to_contain_text("認証アプリとパスキーを削除しました")
    page.reload()
    page.wait_for_url("**/owner/proof/?next=*")
    page.get_by_role("button", name="パスキーを使う").tap()
    expect(page.get_by_role("alert").first).to_contain_text("確認できませんでした")
    page.goto(link)
    expect(page.get_by_role("heading", name="このご案内は使えません")).to_be_visible()


def test_an_invited_owner_sets_up_an_app_by_keyboard_alone(panel: Panel, visit: Opener, mailbox: str) -> None:
    link = invitation(panel, visit, mailbox)
    page = visit(panel.url, width=390, allow=("422",))
    page.goto(link)
    fill_in(page, mailbox)
    page.wait_for_url("**/owner/factors/")
    focus_on(page, "認証アプリを設定する")
    press(page, "Enter")
    page.wait_for_url("**/owner/factors/app/")
    focus_on(page, "読み取れないときは、このキーを入力してください")
    press(page, "Enter")
    key = page.locator("#key").inner_text().replace(" ", "")
    page.locator("#id_code").focus()
    page.keyboard.type("000000")
    press(page, "Enter")
    expect(page.get_by_role("alert")).to_contain_text("コードが正しくないか")
    page.locator("#id_code").focus()
    page.keyboard.type(code(key, -1))
    press(page, "Enter")
    page.wait_for_url("**/owner/factors/")
    expect(page.get_by_role("status")).to_contain_text("設定できました")

    later = visit(panel.url, language="en", width=390)
    sign_in_as_owner(later, mailbox)
    later.goto("/owner/contact/")
    later.wait_for_url("**/owner/proof/?next=*")
    expect(later.locator("#id_code")).to_be_focused()
    later.keyboard.type(code(key))
    press(later, "Enter")
    later.wait_for_url("**/owner/contact/")
