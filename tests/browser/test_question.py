"""The question of a restriction, answered on a telephone by keyboard without signing in; and a journey in advance."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from conftest import Opener, Panel, sign_in

ADMIN = "kanri@hana.example"
MAILING = """
import secrets
from django.utils import timezone
from sekisho.directory import provision
from sekisho.incidents import decisions, question_links
from sekisho.incidents.models import Notice, QuestionLink, QueueIdLogin
from sekisho.journal import DecisionRecord, IndicatorRecord
provision.add_mailbox({mailbox!r}, casting.STOLEN_PASSWORD)
provision.add_contact(casting.DOMAIN, "kanri@outside.example", "ja")
now = timezone.now()
QueueIdLogin.objects.create(queue_id=secrets.token_hex(5), mailbox={mailbox!r}, at=now, recipients=800)
found = [IndicatorRecord(name, value, ja, en) for name, value, ja, en in casting.INDICATORS]
decisions.record_detection(DecisionRecord(
    id=secrets.token_hex(8), t=now.timestamp(), host=casting.HOST, mailbox={mailbox!r}, generation=0, action="restrict",
    before="active", after="restricted", limit=10, enforced=True, score=7.1, indicators=tuple(found),
    ip="198.19.18.66", country="NG", asn=65018, first_risk_at=now.timestamp() - 60))
link = QuestionLink.objects.get(notice__incident__mailbox={mailbox!r}, notice__recipient="kanri@outside.example")
Notice.objects.update(state="sent")
result = "/question/" + question_links.token_of(link.seed)
"""


def status(panel: Panel, mailbox: str) -> str:
    word: str = panel.play(
        f"from sekisho.incidents import decisions\nresult = decisions.current_status({mailbox!r}).status"
    )
    return word


def fits(page: Page) -> bool:
    wide: bool = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return wide


def press(page: Page, name: str) -> None:
    """Reaches a button with the Tab key alone and presses Enter."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


@pytest.mark.parametrize(
    ("language", "yes", "answered"),
    [("ja", "はい、本人です", "ご本人の送信でした"), ("en", "Yes, it was me", "it was the owner")],
)
def test_yes_on_a_telephone_by_keyboard(panel: Panel, visit: Opener, language: str, yes: str, answered: str) -> None:
    mailbox = f"tegami-{language}@hana.example"
    path = panel.play(MAILING.format(mailbox=mailbox))
    page = visit(panel.url, language=language, width=390)
    page.goto(path)
    expect(page.locator("h1")).to_contain_text("800")
    expect(page.locator("main")).to_contain_text(mailbox)
    assert fits(page)
    assert status(panel, mailbox) == "restricted"
    press(page, yes)
    expect(page.locator("[role=status]")).to_contain_text(answered)
    assert status(panel, mailbox) == "active"
    page.reload()
    assert page.locator("main form").count() == 0


def test_no_suspends(panel: Panel, visit: Opener) -> None:
    mailbox = "nise@hana.example"
    path = panel.play(MAILING.format(mailbox=mailbox))
    page = visit(panel.url, width=390)
    page.goto(path)
    page.get_by_role("button", name="いいえ、心当たりがありません").click()
    expect(page.locator("[role=status]")).to_contain_text("停止しています")
    assert status(panel, mailbox) == "suspended"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_admin_opens_a_country_and_takes_it_back(panel: Panel, visit: Opener, width: int) -> None:
    mailbox = f"ryoko-{width}@hana.example"
    panel.play(f"from sekisho.directory import provision\nprovision.add_mailbox({mailbox!r}, casting.STOLEN_PASSWORD)")
    page = visit(panel.url, width=width)
    sign_in(page, ADMIN)
    page.goto(f"/admin/system/mail/mailboxes/{mailbox}/edit")
    page.get_by_role("link", name="国と渡航の設定").click()
    page.get_by_label("国", exact=True).select_option(label="タイ")
    page.get_by_role("button", name="この国を設定する").click()
    expect(page.locator("[role=status]").first).to_contain_text("タイ")
    assert fits(page)
    page.get_by_role("button", name="取り消す: タイ").click()
    expect(page.get_by_text("渡航設定はありません。")).to_be_visible()
