"""Keyboard, narrow screens, print, dark, and a database that is away for a moment."""

from __future__ import annotations

import sqlite3

import pytest
from playwright.sync_api import Page, expect

from conftest import Opener, Panel, sign_in

OWNER, OPERATOR = "kanri@hana.example", "operator"


@pytest.fixture(scope="module")
def victim(panel: Panel) -> str:
    """A suspended mailbox that only these tests look at."""
    panel.play(
        """
from sekisho.directory import provision
from sekisho.directory.models import SiteMailbox
if not SiteMailbox.objects.filter(username="mori@hana.example").exists():
    provision.add_mailbox("mori@hana.example", casting.STOLEN_PASSWORD, name="森 みどり")
    incident = casting.takeover("mori@hana.example")
    casting.scores(incident)
    casting.held(incident)
"""
    )
    return "mori@hana.example"


def pages(panel: Panel, victim: str) -> list[str]:
    number = panel.play(
        f"from sekisho.incidents.models import Incident\nresult = Incident.objects.get(mailbox={victim!r}).pk"
    )
    return [
        "/admin/",
        "/admin/system/",
        "/admin/system/mail/?domain=hana.example",
        "/admin/system/mail/mailboxes/",
        f"/admin/system/mail/mailboxes/{victim}/edit",
        f"/admin/system/mail/mailboxes/{victim}/app-passwords/",
        f"/admin/system/mail/mailboxes/{victim}/sign-ins/",
        "/admin/incidents/?show=all",
        f"/admin/incidents/{number}/",
        f"/admin/incidents/{number}/queue/",
        f"/admin/incidents/{number}/dismiss/",
        "/admin/system/held-mail/",
        "/admin/system/held-mail/hana.example/",
        f"/admin/system/mail/mailboxes/{victim}/owner/",
        "/admin/if-taken-over/",
        "/recover/",
        "/recover/contact",
    ]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_page_scrolls_sideways_on_the_narrowest_screen(language, panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url, language=language, width=320)
    sign_in(page, OPERATOR)
    for path in pages(panel, victim):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def too_small(page: Page) -> list[str]:
    """Things to press under 24 by 24 CSS pixels (WCAG 2.2, 2.5.8); links inside a sentence are exempt there."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, [role=button], input, select, summary, nav a, header a")]
            .filter((one) => one.type !== "hidden" && one.offsetParent && !one.classList.contains("skip"))
            .filter((one) => one.getBoundingClientRect().height < 24 || one.getBoundingClientRect().width < 24)
            .map((one) => one.outerHTML.slice(0, 80))"""
    )
    return found


@pytest.mark.parametrize("width", [320, 1280])
def test_everything_to_press_is_large_enough(width, panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url, width=width)
    sign_in(page, OPERATOR)
    for path in pages(panel, victim):
        page.goto(path)
        assert not too_small(page), path


def test_the_whole_way_can_be_gone_by_keyboard(panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url)
    # The name field has the focus; nothing but keys from here.
    page.keyboard.type(OWNER)
    page.keyboard.press("Tab")
    page.keyboard.type("a long one for the panel 7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ進む")).to_be_focused()
    page.goto(f"/admin/system/mail/mailboxes/{victim}/edit")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "パスワードを生成する":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#generated")).to_be_visible()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "id_active":
            break
    page.keyboard.press("Space")
    expect(page.get_by_label("アクティブ", exact=True)).to_be_checked()


def test_the_printed_card_shows_the_password_and_no_address(panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url)
    sign_in(page, OWNER)
    page.goto(f"/admin/system/mail/mailboxes/{victim}/edit")
    page.get_by_role("button", name="パスワードを生成する").click()
    page.locator("#generated").wait_for()
    page.emulate_media(media="print")
    shown = page.locator("body").inner_text()
    assert page.locator("#generated").inner_text() in shown
    assert victim not in shown and "hana.example" not in shown
    assert not page.get_by_label("メールアドレス", exact=True).is_visible()


def test_the_passwords_can_be_shown_and_hidden(panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url)
    sign_in(page, OWNER)
    page.goto(f"/admin/system/mail/mailboxes/{victim}/edit")
    field = page.get_by_label("新しいパスワード", exact=True)
    expect(field).to_have_attribute("type", "password")
    page.get_by_label("入力内容を表示する").check()
    expect(field).to_have_attribute("type", "text")
    page.get_by_label("入力内容を表示する").uncheck()
    expect(field).to_have_attribute("type", "password")


def test_a_locked_database_costs_a_moment_and_nothing_else(panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url, allow=("503",))
    sign_in(page, OWNER)
    page.goto(f"/admin/system/mail/mailboxes/{victim}/edit")
    for label in ("新しいパスワード", "新しいパスワード (確認)"):
        page.get_by_label(label, exact=True).fill("Kumo-Gakure-2748-hoshi")
    page.get_by_label("アクティブ", exact=True).check()
    with sqlite3.connect(panel.var / "db" / "sekisho.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with page.expect_response(lambda answer: answer.request.method == "POST") as caught:
            page.get_by_role("button", name="保存").click()
        assert caught.value.status == 503
        other.execute("ROLLBACK")
    expect(page.get_by_text("失われたものはありません")).to_be_visible()
    expect(page.get_by_text("Nothing is lost")).to_be_visible()
    before = panel.play(
        f"""
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
result = verify_password(casting.STOLEN_PASSWORD, SiteMailbox.objects.get(username={victim!r}).password)
"""
    )
    assert before is True
    page.goto(f"/admin/system/mail/mailboxes/{victim}/edit")
    expect(page.get_by_role("heading", name="このメールアドレスは停止中です")).to_be_visible()


def contrast(page: Page, selector: str) -> float:
    """WCAG contrast of an element's text against its own background."""
    ratio: float = page.evaluate(
        """(selector) => {
            const style = getComputedStyle(document.querySelector(selector));
            const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
                .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05);
        }""",
        selector,
    )
    return ratio


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_badges_can_be_read_in_light_and_dark(scheme, panel: Panel, visit: Opener, victim: str):
    page = visit(panel.url, color_scheme=scheme)
    sign_in(page, OPERATOR)
    for path, tones in (("/admin/", ("warn", "bad", "calm")), ("/admin/system/mail/mailboxes/", ("good",))):
        page.goto(path)
        for tone in tones:
            # WCAG 1.4.3: 4.5 to 1.
            assert contrast(page, f".badge.tone-{tone}") >= 4.5, tone
