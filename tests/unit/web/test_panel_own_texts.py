"""Texts that an admin or operator writes for owners: who may, where they stand, and what can never be in them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from test_owner_pages import signed_in, text

from casting import BYSTANDER, DOMAIN, FOREIGN, OTHER_DOMAIN
from sekisho.config import settings
from sekisho.incidents import letters, own_texts
from sekisho.incidents.models import Audit, Notice, OwnText
from sekisho.incidents.notices import Outbox
from sekisho.web.plain_blocks import Block, blocks_of, original_advice
from sekisho.web.views import owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])

CALL = "総務部 03-0000-0000（平日 9時〜17時）"


@pytest.fixture(autouse=True)
def quick_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)


def address(kind: str = "message", language: str = "ja", domain: str = DOMAIN) -> str:
    return reverse("own_text", args=[domain, kind, language])


def save(client: Client, written: str, *where: str) -> int:
    return client.post(address(*where), {"act": "save", "text": written}).status_code


def test_the_admins_message_stands_on_its_own_owners_pages_only(cast, sign_in):
    assert save(sign_in("owner"), CALL) == 302
    assert CALL in text(signed_in(BYSTANDER), "owner_home") and CALL in text(signed_in(BYSTANDER), "owner_proof")
    assert CALL not in text(signed_in(FOREIGN), "owner_home")
    row = Audit.objects.get(verb="own_text_written")
    assert (row.domain, row.actor) == (DOMAIN, f"kanri@{DOMAIN}")
    assert row.details == {"text": "message", "language": "ja", "length": len(CALL)}


def test_the_message_goes_below_the_mails_to_the_owner(cast, sign_in):
    save(sign_in("owner"), CALL)
    for mailbox in (BYSTANDER, FOREIGN):
        letters.enqueue(mailbox, "codes_printed", mailbox, "a@tayori.test", "ja", timezone.now())
    outbox = Outbox(settings(), timezone.now())
    ours, theirs = (outbox._message(row, None).get_content() for row in Notice.objects.order_by("id"))
    assert ours.rstrip().endswith(f"■ {DOMAIN} のメール管理者から\n{CALL}") and CALL not in theirs


def test_a_notice_to_the_domains_admin_has_no_such_foot(incident, sign_in):
    save(sign_in("owner"), CALL)
    rows = [
        Notice.objects.create(
            incident=incident, kind=kind, recipient=f"{kind}@tayori.test", language="ja", message_id=kind,
            created_at=timezone.now(),
        )
        for kind in ("suspended", "owner_told")
    ]  # fmt: skip
    assert [bool(own_texts.foot(row)) for row in rows] == [False, True]


@pytest.mark.parametrize(
    "bad", ["https://fake.example/", "詳しくは www.fake.example まで", "x" * 301, "\n".join("x" * 12)]
)
def test_a_message_with_a_link_or_too_long_is_refused_and_kept_in_the_field(bad, cast, sign_in):
    client = sign_in("owner")
    answer = client.post(address(), {"act": "save", "text": bad})
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
    assert answer.context["text"] == bad and not OwnText.objects.exists()


def test_nothing_in_a_text_is_read_as_markup(cast, sign_in):
    save(sign_in("owner"), '<script>alert(1)</script> {{ owner }} "&')
    page = text(signed_in(BYSTANDER), "owner_home")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ owner }} &quot;&amp;" in page


def test_what_nobody_sees_is_taken_out(cast):
    assert own_texts.checked("message", " a\r\nb\u202e\u2066\x00\x1b ") == "a\nb"


def test_a_preview_keeps_nothing(cast, sign_in):
    answer = sign_in("owner").post(address(), {"act": "preview", "text": CALL})
    assert CALL in answer.content.decode() and "Nothing has been saved yet" in answer.content.decode()
    assert not OwnText.objects.exists()


def test_restoring_brings_the_original_back(cast, sign_in):
    client = sign_in("operator")
    save(client, "■ うちの決まり\n・電話する", "advice", "ja", "ALL")
    save(client, "■ Our rules\n- Call us\nhttps://www.ipa.example/", "advice", "en", DOMAIN)
    page = text(signed_in(BYSTANDER), "owner_advice")
    assert "<h2>Our rules</h2>" in page and 'href="https://www.ipa.example/" rel="nofollow"' in page
    assert "What a takeover can do" not in page
    assert client.post(address("advice", "en"), {"act": "restore"}).status_code == 302
    assert "What a takeover can do" in text(signed_in(BYSTANDER), "owner_advice")
    japanese = Client(headers={"accept-language": "ja"}).get(reverse("owner_advice")).content.decode()
    assert "<h2>うちの決まり</h2>" in japanese
    assert Audit.objects.filter(verb="own_text_restored", domain=DOMAIN).count() == 1


def test_a_domains_text_goes_before_the_operators_for_all(cast, sign_in):
    save(sign_in("operator"), "everybody's number", "message", "en", "ALL")
    assert "number" in text(signed_in(FOREIGN), "owner_home")
    save(sign_in("owner"), CALL)
    # Written in Japanese only: an English reader reads it as well.
    page = text(signed_in(BYSTANDER), "owner_home")
    assert CALL in page and "everybody" not in page


def test_the_admin_writes_the_message_and_the_operator_the_advice(cast, sign_in):
    admin = sign_in("owner")
    for where in (("advice", "ja"), ("message", "ja", "ALL"), ("message", "fr"), ("secret", "ja")):
        assert admin.get(address(*where)).status_code == 404
        assert save(admin, "x", *where) == 404
    assert sign_in("stranger").post(address(), {"act": "save", "text": "x"}).status_code == 404
    assert admin.get(reverse("own_texts"), {"domain": OTHER_DOMAIN}).status_code == 404
    assert save(sign_in("operator"), "x", "advice", "ja") == 302
    listed = admin.get(reverse("own_texts")).content.decode()
    assert "advice" not in listed.split("<main")[1] and address() in listed


def test_the_form_begins_with_the_original_text(cast, sign_in):
    page = sign_in("operator").get(address("advice", "ja"))
    assert page.context["text"] == original_advice("ja")
    for language in ("ja", "en"):
        original = original_advice(language)
        assert own_texts.checked("advice", original) == original and "<" not in original
        kinds = [block.kind for block in blocks_of(original)]
        assert kinds.count("heading") == 7 and kinds.count("list") == 3 and len(original) > 500


def test_plain_text_is_cut_into_headings_lists_and_paragraphs():
    assert blocks_of("■ 見出し\n一\n二\n・a\n- b\n\n三") == [
        Block("heading", ("見出し",)), Block("text", ("一", "二")), Block("list", ("a", "b")), Block("text", ("三",)),
    ]  # fmt: skip
    assert blocks_of("") == [] and blocks_of("\n\n■ x\n■ y") == [Block("heading", ("x",)), Block("heading", ("y",))]
