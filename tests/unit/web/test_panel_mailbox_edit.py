"""編集: what is refused with which words, and that saving a good password starts the way back."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

import casting
from casting import BYSTANDER, NEW_PASSWORD, STOLEN_PASSWORD, VICTIM
from sekisho.config import settings
from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents.models import Audit, MailboxStatus, Order
from sekisho.recovery import breached

pytestmark = pytest.mark.django_db(databases=["default", "site"])

EDIT = reverse("mailbox_edit", args=[VICTIM])


def save(client, password=NEW_PASSWORD, confirmation=None, active=True, mailbox=VICTIM):
    fields = {"password": password, "confirmation": password if confirmation is None else confirmation}
    if active:
        fields["active"] = "on"
    return client.post(reverse("mailbox_edit", args=[mailbox]), fields)


def refused(answer) -> str:
    assert answer.status_code == 422
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "suspended"
    assert verify_password(STOLEN_PASSWORD, SiteMailbox.objects.get(username=VICTIM).password)
    assert not Order.objects.filter(kind="release").exists()
    return answer.content.decode()


def test_it_shows_why_since_when_and_who_waits(incident, sign_in):
    text = sign_in("owner", "ja").get(EDIT).content.decode()
    assert "このメールアドレスは停止中です" in text
    assert casting.INDICATORS[0][2] in text
    assert "少なくとも <strong>3 名の送信者</strong>" in text
    assert "nakamura@yubin.test" in text
    assert "新しいパスワード (確認)" in text and "アクティブ" in text and "保存" in text


def test_it_reinstates_with_a_new_password(incident, sign_in):
    answer = save(sign_in("owner"))
    assert answer.status_code == 302
    assert answer.url == reverse("reinstatement", args=[VICTIM])
    assert MailboxStatus.objects.get(mailbox=VICTIM).status == "probation"
    assert verify_password(NEW_PASSWORD, SiteMailbox.objects.get(username=VICTIM).password)
    assert Order.objects.get(kind="release").mailbox == VICTIM
    assert Audit.objects.filter(actor=f"kanri@{casting.DOMAIN}", subject=VICTIM, verb="set_password").count() == 1


@pytest.mark.parametrize("who", ["operator", "colleague"])
def test_operator_and_colleague_may_reinstate_too(who, incident, sign_in):
    assert save(sign_in(who)).status_code == 302


def test_it_refuses_to_switch_on_without_a_new_password(incident, sign_in):
    text = refused(save(sign_in("owner", "ja"), password=""))
    assert "新しいパスワードを入力せずにアクティブにすることはできません" in text


def test_it_refuses_a_new_password_without_the_tick(incident, sign_in):
    text = refused(save(sign_in("owner", "ja"), active=False))
    assert "アクティブにもチェックを入れてください" in text


def test_it_refuses_the_old_password(incident, sign_in):
    assert "以前に使われていたもの" in refused(save(sign_in("owner", "ja"), password=STOLEN_PASSWORD))


def test_it_names_every_reason_at_once(incident, sign_in):
    text = refused(save(sign_in("owner", "ja"), password=" ｓato ", confirmation="other", active=False))
    for reason in (
        "先頭に半角スペース",
        "末尾に半角スペース",
        "全角文字",
        "15文字以上",
        "パスワードが一致しません",
        "アクティブにも",
    ):
        assert reason in text, reason


def test_it_says_where_a_full_width_letter_is(incident, sign_in):
    assert "5文字目" in refused(save(sign_in("owner", "ja"), password="abcdＥfghijk-mnop-qrst"))


def test_it_never_cuts_blanks_at_the_ends(incident, sign_in):
    assert "copied along" in refused(save(sign_in("owner"), password=NEW_PASSWORD + " "))


@pytest.mark.parametrize("password", ["rakuten-rakuten-rakuten", "passwordpassword1", "hana.example-2026!!"])
def test_it_refuses_common_words_brands_and_the_domain(password, incident, sign_in):
    refused(save(sign_in("owner"), password=password))


def test_a_refused_password_is_not_shown_again(incident, sign_in):
    assert STOLEN_PASSWORD not in refused(save(sign_in("owner"), password=STOLEN_PASSWORD))


def test_it_refuses_a_password_longer_than_any(incident, sign_in):
    refused(save(sign_in("owner"), password="x7-Kz" * 2000))


def test_an_active_mailbox_gets_a_new_password_and_stays_active(cast, sign_in):
    answer = save(sign_in("owner"), mailbox=BYSTANDER, active=False)
    assert answer.url == reverse("mailbox_edit", args=[BYSTANDER])
    assert verify_password(NEW_PASSWORD, SiteMailbox.objects.get(username=BYSTANDER).password)
    assert [order.kind for order in Order.objects.all()] == ["refresh"]


def test_saving_nothing_says_so(cast, sign_in):
    answer = save(sign_in("owner"), password="", active=False, mailbox=BYSTANDER)
    assert answer.status_code == 422
    assert "Nothing to save" in answer.content.decode()


def test_a_restricted_mailbox_comes_back_by_a_new_password(cast, sign_in):
    sign_in("operator").post(reverse("mailbox_restrict", args=[BYSTANDER]), {"reason": "many bounces"})
    assert MailboxStatus.objects.get(mailbox=BYSTANDER).status == "restricted"
    assert save(sign_in("owner"), mailbox=BYSTANDER).url == reverse("reinstatement", args=[BYSTANDER])
    assert MailboxStatus.objects.get(mailbox=BYSTANDER).status == "probation"


def test_an_operator_suspends_with_a_reason(cast, sign_in):
    client = sign_in("operator")
    assert client.post(reverse("mailbox_suspend", args=[BYSTANDER]), {"reason": "  "}).status_code == 302
    assert not MailboxStatus.objects.exists()
    client.post(reverse("mailbox_suspend", args=[BYSTANDER]), {"reason": "complaints about spam"})
    assert MailboxStatus.objects.get(mailbox=BYSTANDER).status == "suspended"
    assert Audit.objects.filter(actor="operator", verb="suspended", account=cast.operator).exists()
    assert "complaints about spam" in sign_in("owner").get(reverse("mailbox_edit", args=[BYSTANDER])).content.decode()


def test_the_generator_fills_both_fields_and_makes_another_each_time(incident, sign_in):
    client = sign_in("owner")
    texts = [client.post(reverse("new_password", args=[VICTIM])).content.decode() for _ in range(2)]
    passwords = [text.partition('id="generated" translate="no">')[2].partition("<")[0] for text in texts]
    assert passwords[0] != passwords[1]
    assert len(passwords[0]) >= 15
    # Both fields and the card, and no address on the card.
    assert texts[0].count(passwords[0]) == 3
    assert VICTIM not in texts[0].partition('class="card"')[2]


@pytest.mark.parametrize(
    ("kind", "form", "bits"),
    [("random", "[A-HJ-NP-Za-km-z2-9]{20}", "116 bits"), ("words", "([a-z]{4,8}-){5}[0-9]{2}", "64 bits")],
)
def test_the_generator_has_two_kinds_and_says_how_strong(kind, form, bits, incident, sign_in):
    answer = sign_in("owner").post(reverse("new_password", args=[VICTIM]), {"kind": kind})
    text = answer.content.decode()
    assert re.fullmatch(form, text.partition('id="generated" translate="no">')[2].partition("<")[0])
    assert bits in text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_generator_needs_a_post_and_an_account(incident, sign_in):
    url = reverse("new_password", args=[VICTIM])
    assert sign_in("owner").get(url).status_code == 405
    assert sign_in("stranger").post(url).status_code == 404


def test_it_refuses_a_listed_and_a_japanese_password_with_the_reason(incident, sign_in, tmp_path):
    (tmp_path / "leaked").write_text(NEW_PASSWORD + "\n")
    breached.build([tmp_path / "leaked"], settings().breached_list_file, 0.0)
    try:
        text = refused(save(sign_in("owner", "ja")))
    finally:
        settings().breached_list_file.unlink()
    assert "過去に漏えいした" in text and NEW_PASSWORD not in text
    assert "「suzuki」" in refused(save(sign_in("owner", "ja"), password="suzukihanako1985"))


@pytest.mark.parametrize("kind", ["random", "words"])
def test_a_generated_password_is_accepted(kind, incident, sign_in):
    client = sign_in("owner")
    text = client.post(reverse("new_password", args=[VICTIM]), {"kind": kind}).content.decode()
    assert (
        save(client, password=text.partition('id="generated" translate="no">')[2].partition("<")[0]).status_code == 302
    )


def test_the_list_says_active_no_and_finds_it(incident, sign_in):
    client = sign_in("owner", "ja")
    casting.status(BYSTANDER, "probation")
    text = client.get(reverse("mailboxes") + "?active=no").content.decode()
    assert VICTIM in text and "いいえ" in text and "停止中" in text
    assert BYSTANDER not in text
    assert BYSTANDER in client.get(reverse("mailboxes") + "?q=INFO").content.decode()
    assert "経過観察" in client.get(reverse("mailboxes")).content.decode()
    assert VICTIM not in client.get(reverse("mailboxes") + "?active=yes").content.decode()


def test_a_suspended_mailbox_is_not_active_whatever_the_sites_column_says(incident, sign_in):
    SiteMailbox.objects.filter(username=VICTIM).update(active=True)
    text = sign_in("owner", "ja").get(reverse("mailboxes") + "?active=no").content.decode()
    assert VICTIM in text


def test_the_mail_settings_name_the_true_server(cast, sign_in):
    text = sign_in("owner", "ja").get(reverse("mail_settings")).content.decode()
    assert casting.SERVER in text and "993" in text and "メール管理へ" in text
    assert "「mail.~」から始まっている" in text
