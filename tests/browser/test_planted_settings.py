"""The planted settings of an incident in a real browser: both answers, by keyboard, in both languages and widths."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from conftest import Opener, Panel, sign_in

ADMIN = "kanri@hana.example"

PLANT = """
from datetime import timedelta
from sekisho.directory import provision
from sekisho.incidents.models import PlantedItem
provision.add_mailbox({mailbox!r}, casting.STOLEN_PASSWORD)
incident = casting.takeover({mailbox!r})
night = incident.detected_at - timedelta(hours=9)
for kind, what, age in (
    ("forward", {{"address": {mailbox!r}, "target": "a-very-long-name-of-somebody.else@dropbox-mail.test"}}, night),
    ("script", {{"script": "hide", "active": True, "targets": ["thief@dropbox.test"], "discards": True,
                 "folders": ["RSS"], "vacation": False}}, None),
    ("vacation", {{"subject": "New bank account", "body": "Please pay to the new account from today on."}}, night),
    ("fetchmail", {{"job": 3, "server": "imap.dropbox.test", "user": "thief"}}, night),
):
    PlantedItem.objects.create(incident=incident, host=casting.HOST, kind=kind, key=kind, what=what, state="frozen",
                               found_at=incident.detected_at, absent_at=age)
result = incident.pk
"""


@pytest.mark.parametrize(("language", "width"), [("ja", 390), ("ja", 1280), ("en", 390), ("en", 1280)])
def test_each_setting_is_kept_or_deleted_by_keyboard(panel: Panel, visit: Opener, language: str, width: int) -> None:
    mailbox = f"planted-{language}-{width}@hana.example"
    number = panel.play(PLANT.format(mailbox=mailbox))
    page = visit(panel.url, language=language, width=width)
    sign_in(page, ADMIN)
    page.goto(f"/admin/incidents/{number}/")
    keep, delete, kept, deleting = {
        "ja": ("残す", "削除する", "戻しています", "削除しています"),
        "en": ("Keep", "Delete", "Being put back", "Being deleted"),
    }[language]
    section = page.locator("#planted")
    expect(section.get_by_role("listitem")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    forward = section.get_by_role("listitem").filter(has_text="a-very-long-name")
    forward.get_by_role("button", name=keep).focus()
    page.keyboard.press("Enter")
    expect(forward).to_contain_text(kept)
    script = section.get_by_role("listitem").filter(has_text="hide")
    script.get_by_role("button", name=delete).focus()
    page.keyboard.press("Enter")
    expect(script).to_contain_text(deleting)
    expect(section.get_by_role("button")).to_have_count(4)
