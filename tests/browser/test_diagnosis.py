"""「不審メール診断」 in a real browser: a file is chosen, the answer is read, no link can be pressed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from conftest import Opener, Panel, sign_in

MAIL = (
    "Received: from mail.trap.test (mail.trap.test [203.0.113.9]) by mx01.provider.example with ESMTP id 4X\n"
    "From: 楽天市場 <info@rakuten.co.jp.trap.test>\nSubject: アカウントの利用を制限しました\n"
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/html; charset=utf-8\n\n'
    '<p>24時間以内に <a href="http://2130706433/login?id=0123456789012345678901234567890123456789012345678901234567">'
    "https://www.rakuten.co.jp/</a> からお手続きください。お電話: 03-1234-5678</p>\n--b\n"
    'Content-Type: application/pdf\nContent-Disposition: attachment; filename="invoice.pdf.exe"\n\nMZ\n--b--\n'
).encode()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_mail_is_chosen_and_its_reasons_are_read(language: str, panel: Panel, visit: Opener) -> None:
    page = visit(panel.url, language=language, width=320)
    sign_in(page, "operator")
    page.goto("/admin/system/diagnosis/")
    page.locator("#id_mail").set_input_files({"name": "mail.eml", "mimeType": "message/rfc822", "buffer": MAIL})
    page.get_by_role("button", name="このメールを調べる" if language == "ja" else "Look at this mail").click()
    expect(page.get_by_role("status").first).to_contain_text("危険な点" if language == "ja" else "dangerous signs")
    expect(page.get_by_text("127.0.0.1").first).to_be_visible()
    assert page.locator(".diagnosis a[href*='2130706433'], .diagnosis a[href*='trap']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
