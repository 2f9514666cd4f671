"""The buttons of an alert and of the preview, pressed in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from conftest import Opener, Panel, sign_in

ADMIN, OPERATOR, STRANGER = "kanri@hana.example", "operator", "kanri@sora.example"
SOURCE = "203.0.113.7"

ALERT = """
import secrets
from django.utils import timezone
from sekisho.incidents import decisions, usual
from sekisho.incidents.models import MailboxStatus
from sekisho.journal import DecisionRecord, IndicatorRecord, UsualSeen
t = timezone.now().timestamp()
usual.keep(UsualSeen(t, {mailbox!r}, ("JP",), (4713,), ("imap",), 12, 30, ((4713, "OCN"),)))
status = decisions.current_status({mailbox!r})
result = decisions.record_detection(DecisionRecord(
    id=secrets.token_hex(8), t=t, host=casting.HOST, mailbox={mailbox!r}, generation=status.generation,
    action={action!r}, before=status.status, after={after!r}, limit=None, enforced={enforced!r}, score=4.5,
    indicators=(IndicatorRecord("new_country", 4.5, "韓国からの初めての利用です。", "First use from South Korea."),),
    ip={source!r}, country="KR", asn=4766, first_risk_at=t - 1)).pk
"""


def found(panel: Panel, mailbox: str, action: str = "alert", enforced: bool = True) -> int:
    after = {"alert": "active", "suspend": "suspended"}[action]
    number: int = panel.play(
        ALERT.format(mailbox=mailbox, action=action, after=after, enforced=enforced, source=SOURCE)
    )
    return number


def fresh_mailbox(panel: Panel, local: str) -> str:
    address = f"{local}@hana.example"
    panel.play(f"from sekisho.directory import provision\nprovision.add_mailbox({address!r}, casting.STOLEN_PASSWORD)")
    return address


def status(panel: Panel, mailbox: str) -> str:
    word: str = panel.play(
        f"from sekisho.incidents import decisions\nresult = decisions.current_status({mailbox!r}).status"
    )
    return word


def opened(panel: Panel, visit: Opener, who: str, language: str, path: str, **options: object) -> Page:
    page = visit(panel.url, language=language, **options)
    sign_in(page, who)
    page.goto(path)
    return page


def test_yes_is_confirmed_with_the_sources_and_closes_the_alert(panel: Panel, visit: Opener) -> None:
    mailbox = fresh_mailbox(panel, "yes")
    number = found(panel, mailbox)
    page = opened(panel, visit, ADMIN, "ja", f"/admin/incidents/{number}/")
    expect(page.get_by_text("ふだんの利用: 日本、OCN。")).to_be_visible()
    page.get_by_role("link", name="はい、本人です").click()
    expect(page.get_by_role("row").filter(has_text=SOURCE)).to_contain_text("韓国")
    page.get_by_role("button", name="はい、すべて本人です").click()
    expect(page.get_by_text("今後、これらの接続元は本人のものとみなします")).to_be_visible()
    expect(page.get_by_role("link", name="はい、本人です")).to_have_count(0)
    assert status(panel, mailbox) == "active"


def test_no_is_confirmed_and_suspends(panel: Panel, visit: Opener) -> None:
    mailbox = fresh_mailbox(panel, "no")
    number = found(panel, mailbox)
    page = opened(panel, visit, ADMIN, "en", f"/admin/incidents/{number}/")
    page.get_by_role("link", name="No, it was somebody else").click()
    assert status(panel, mailbox) == "active"
    page.get_by_role("button", name="No, suspend this mailbox").click()
    expect(page.get_by_text("is being suspended")).to_be_visible()
    assert status(panel, mailbox) == "suspended"


def test_a_yes_to_a_page_that_is_out_of_date_changes_nothing(panel: Panel, visit: Opener) -> None:
    mailbox = fresh_mailbox(panel, "late")
    number = found(panel, mailbox)
    page = opened(panel, visit, ADMIN, "en", f"/admin/incidents/{number}/this-was-me/")
    panel.play(ALERT.format(mailbox=mailbox, action="alert", after="active", enforced=True, source="198.51.100.9"))
    page.get_by_role("button", name="Yes, all of this was the owner").click()
    expect(page.get_by_text("The incident has moved on meanwhile")).to_be_visible()
    expect(page.get_by_role("link", name="Yes, it was the owner")).to_be_visible()


def test_the_operator_looks_at_the_preview_and_enforces(panel: Panel, visit: Opener) -> None:
    mailbox = fresh_mailbox(panel, "preview")
    panel.play("from sekisho.incidents import enforcement\nenforcement.set_mode('hana.example', 'observe', 'test')")
    found(panel, mailbox, "suspend", enforced=False)
    page = opened(panel, visit, OPERATOR, "en", "/admin/system/", allow=("422",))
    page.get_by_role("link", name="Observe or enforce").click()
    page.get_by_role("link", name="Preview of hana.example").click()
    row = page.get_by_role("row").filter(has_text=mailbox)
    expect(row).to_contain_text("First use from South Korea.")
    page.get_by_label("To confirm, type the name").fill("sora.example")
    page.get_by_role("button", name="Enforce").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    page.get_by_label("To confirm, type the name").fill("hana.example")
    page.get_by_role("button", name="Enforce").click()
    expect(page.get_by_text("hana.example is enforced from now on.")).to_be_visible()
    expect(row).to_contain_text("First use from South Korea.")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_new_pages_fit_the_narrowest_screen(language: str, panel: Panel, visit: Opener) -> None:
    number = found(panel, fresh_mailbox(panel, f"narrow-{language}"))
    page = visit(panel.url, language=language, width=320)
    sign_in(page, OPERATOR)
    for path in (
        f"/admin/incidents/{number}/",
        f"/admin/incidents/{number}/this-was-me/",
        f"/admin/incidents/{number}/not-me/",
        "/admin/system/enforcement/",
        "/admin/system/enforcement/hana.example/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
