"""A takeover's aftermath in the browser: an owner apologises to people who really got the mail; an admin gives a reason
and sees whom they are."""

from __future__ import annotations

from playwright.sync_api import expect
from scenes import OWNER

from conftest import Opener, Panel, sign_in, sign_in_as_owner

TAKEN = "hirano@hana.example"
PLAY = f"""
from datetime import timedelta
from django.utils import timezone
from sekisho.directory import provision
from sekisho.directory.models import SiteMailbox
from sekisho.incidents.models import Incident, MailboxStatus
from sekisho.recovery import paper
provision.add_mailbox({TAKEN!r}, casting.STOLEN_PASSWORD, name="平野 さくら")
now = timezone.now()
incident = casting.takeover({TAKEN!r})
casting.aftermath(incident)
Incident.objects.filter(pk=incident.pk).update(recovered_at=now, phase="recovered")
MailboxStatus.objects.filter(mailbox={TAKEN!r}).update(status="probation", generation=1, limit=20)
SiteMailbox.objects.filter(username={TAKEN!r}).update(active=True, created=now - timedelta(days=400))
result = [incident.pk, paper.print_sheet({TAKEN!r}, "admin", now - timedelta(days=30))[0]]
"""
LETTERS = """
from sekisho.incidents.models import Notice
result = list(Notice.objects.filter(kind="apology").values_list("recipient", "language"))
"""


def test_an_owner_apologises_on_the_telephone_and_an_admin_says_why_he_looks(panel: Panel, visit: Opener) -> None:
    number, code = panel.play(PLAY)
    # The first report of a server process loads what reports need; on a crowded machine that takes its time.
    phone = visit(panel.url, width=390, allow=("404",))
    phone.set_default_timeout(30_000)
    sign_in_as_owner(phone, TAKEN, code)
    phone.get_by_role("link", name="何が起きたのか").click()
    expect(phone.get_by_role("heading", name="いま、なさってほしいこと")).to_be_visible()
    phone.get_by_role("link", name="届いた方の一覧へ").click()
    expect(phone.locator("pre.letter").first).to_contain_text("平野 さくら")
    assert phone.get_by_role("checkbox").count() == 3
    phone.get_by_label("nakamura@yubin.test").check()
    phone.get_by_role("button", name="選んだ相手に送る").click()
    expect(phone.get_by_role("status").first).to_contain_text("1通を送信待ちに入れました")
    assert panel.play(LETTERS) == [["nakamura@yubin.test", "ja"]]
    assert phone.get_by_role("checkbox").count() == 2
    phone.get_by_role("button", name="まだ送られていないものを取り消す").click()
    expect(phone.get_by_role("checkbox")).to_have_count(3)

    desk = visit(panel.url, width=1280)
    desk.set_default_timeout(30_000)
    sign_in(desk, OWNER)
    desk.goto(f"/admin/incidents/{number}/impact/evidence/sent.recipients/")
    expect(desk.get_by_text("…@yubin.test")).to_be_visible()
    assert "nakamura" not in desk.content()
    desk.goto(f"/admin/incidents/{number}/impact/")
    desk.get_by_role("link", name="理由を記録して表示する").click()
    desk.get_by_role("textbox", name="理由").fill("お客様から宛先の確認を依頼されたため")
    desk.get_by_role("button", name="1時間だけ表示する").click()
    desk.wait_for_url(f"**/admin/incidents/{number}/impact/")
    desk.goto(f"/admin/incidents/{number}/impact/evidence/sent.recipients/")
    expect(desk.get_by_text("nakamura@yubin.test")).to_be_visible()
