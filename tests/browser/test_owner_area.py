"""The owner's pages on the running stack, on a telephone in Japanese, by touch and by keys: sign in, show a code from
paper, see a login that was somebody else's, stop the mailbox, and come back until the mail program has got in."""

from __future__ import annotations

import pytest
from harness import Box, Stack, login_ok
from playwright.sync_api import Locator, Page, expect
from t31_owner_recovers import backdate
from test_owner_recovers import PHONE, fits, tab

from conftest import Opener

# A place in Nigeria of the stack's own address data.
ABROAD = "198.19.18.66"


@pytest.fixture
def box(stack: Stack) -> Box:
    return stack.new_box("yuki")


@pytest.fixture
def code(stack: Stack, box: Box) -> str:
    """One of the owner's codes on paper, printed a month ago."""
    sheet = stack.ask("owner", "codes", box.address, "--json")["codes"]
    backdate(stack, "PaperCode", "printed_at", box, days=30)
    return str(sheet[0])


class Hand:
    """A finger, or keys alone: how the things on a page are pressed."""

    def __init__(self, page: Page, way: str) -> None:
        self._page, self._way = page, way

    def press(self, what: Locator) -> None:
        expect(what).to_be_visible()
        if self._way == "touch":
            what.tap()
            return
        # The Tab key must lead there; it begins at the top of each page.
        tab(self._page, what.inner_text().strip())
        self._page.keyboard.press("Enter")

    def fill(self, field: str, text: str) -> None:
        if self._way == "touch":
            self._page.locator(f"#{field}").tap()
        elif self._page.evaluate("document.activeElement.id") != field:
            tab(self._page, field)
        self._page.keyboard.type(text)


@pytest.mark.parametrize("way", ["touch", "keyboard"])
def test_an_owner_stops_a_used_mailbox_and_comes_back(
    way: str, stack: Stack, visit: Opener, box: Box, code: str
) -> None:
    assert login_ok(stack, box, source=ABROAD)
    page = visit(f"http://127.0.0.1:{stack.places.panel}", width=PHONE, has_touch=True)
    hand = Hand(page, way)
    page.goto("/owner/sign-in/")
    fits(page)
    hand.fill("id_address", box.address)
    hand.fill("id_password", box.password)
    hand.press(page.get_by_role("button", name="ログイン"))
    page.wait_for_url("**/owner/")
    expect(page.locator(".head .badge")).to_have_text("利用中")
    fits(page)

    hand.press(page.locator("a.door", has_text="ログイン履歴"))
    page.wait_for_url("**/owner/proof/?next=*")
    fits(page)
    hand.fill("id_code", code)
    hand.press(page.get_by_role("button", name="次へ進む"))
    page.wait_for_url("**/owner/sign-ins/")
    fits(page)
    row = page.locator("ul.logins li").filter(has_text=ABROAD)
    expect(row).to_contain_text("ナイジェリア")
    hand.press(row.get_by_role("link"))
    page.wait_for_url("**/owner/not-me/?since=*")
    fits(page)
    assert stack.status(box) != "suspended"

    hand.press(page.get_by_role("button", name="はい、止めます"))
    page.wait_for_url("**/owner/recovery/")
    stack.assert_shut(box, within=5)
    assert stack.status(box) == "suspended"
    fits(page)
    hand.press(page.get_by_role("button", name="スキャンが済みました"))
    hand.press(page.get_by_role("button", name="新しいパスワードを作る"))
    page.wait_for_url("**/recover/password")
    hand.press(page.get_by_role("button", name="パスワードを生成する"))
    expect(page.locator("#generated")).to_be_visible()
    generated = page.locator("#generated").inner_text()
    hand.press(page.get_by_role("button", name="保存して再開する"))
    page.wait_for_url("**/recover/done")
    # P2's clock does not run here: the probe tries every door, one after the other.
    expect(page.get_by_text("メールアドレスが再開しました")).to_be_visible(timeout=30_000)

    # Still signed in with the new password: the last step waits for the mail program, and sees it by itself.
    page.goto("/owner/recovery/")
    expect(page.locator("ol.four li.done")).to_have_count(3)
    fits(page)
    box.password = generated
    stack.assert_open(box)
    expect(page.get_by_text("4つの手順がすべて済みました")).to_be_visible(timeout=15_000)
    assert stack.status(box) == "probation"
    if way == "touch":
        sees_a_test_mail_arrive(page, hand)


def sees_a_test_mail_arrive(page: Page, hand: Hand) -> None:
    """Sent by the worker through our Postfix, put into the mailbox, told by the mail log."""
    hand.press(page.get_by_role("link", name="テストメールへ"))
    page.wait_for_url("**/owner/test-mail/")
    fits(page)
    hand.press(page.get_by_role("button", name="テストメールを送る"))
    expect(page.get_by_text("テストメールが届きました")).to_be_visible(timeout=30_000)
    fits(page)
