"""「不審メール診断」 in the panel: for owners and accounts, shown as text, and nothing of the mail is kept."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from casting import BYSTANDER, STOLEN_PASSWORD
from sekisho.inbound.mail_reading import MOST_OCTETS
from sekisho.web import throttle
from sekisho.web.views import diagnosis, owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])

MAIL = (
    b"Received: from a ([203.0.113.9]) by mx01.provider.example with ESMTP id 4X\n"
    b'From: "<script>alert(1)</script>" <x@evil.test>\nSubject: Secret-1234\nContent-Type: text/html\n\n'
    b'<a href="https://evil.test/login">https://www.bank.example.jp/</a><img src="https://evil.test/x.png">'
)


def signed_in(monkeypatch, language: str = "en") -> Client:
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)
    client = Client(headers={"accept-language": language})
    client.post(reverse("owner_sign_in"), {"address": BYSTANDER, "password": STOLEN_PASSWORD})
    return client


def shown(client: Client, name: str = "owner_diagnosis", **fields: object) -> tuple[int, str]:
    answer = client.post(reverse(name), fields)
    return answer.status_code, answer.content.decode()


def test_an_uploaded_mail_is_answered_as_text_only(cast, monkeypatch):
    file = SimpleUploadedFile("mail.eml", MAIL)
    code, page = shown(signed_in(monkeypatch), mail=file)
    assert code == 200
    assert "There are dangerous signs" in page and "really leads to evil.test" in page
    assert "hxxps://evil[.]test/login" in page and "<code" in page
    assert 'href="https://evil' not in page and "evil.test/x.png" not in page
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_a_pasted_source_is_answered_in_japanese(cast, monkeypatch):
    code, page = shown(signed_in(monkeypatch, "ja"), source=MAIL.decode())
    assert code == 200 and "危険な点が見つかりました" in page and "実際の行き先は evil.test です" in page


def test_nothing_of_the_mail_is_kept(cast, monkeypatch):
    client = signed_in(monkeypatch)
    shown(client, source=MAIL.decode())
    kept = " ".join(str(session.get_decoded()) for session in Session.objects.all())
    assert "Secret-1234" not in kept and "evil" not in kept


def test_what_cannot_be_read_is_told_with_a_way_on(cast, monkeypatch):
    client = signed_in(monkeypatch)
    assert shown(client)[0] == 422
    assert "View source" in shown(client, source="Hello, is this mail genuine?")[1]
    big = SimpleUploadedFile("mail.eml", b"From: a@b.test\n\n" + b"x" * MOST_OCTETS)
    code, page = shown(client, mail=big)
    assert code == 422 and "too large" in page
    # Too large for memory: no handler takes it, and no file is written.
    huge = SimpleUploadedFile("mail.eml", b"From: a@b.test\n\n" + b"x" * (MOST_OCTETS + 2 * 1024 * 1024))
    code, page = shown(client, mail=huge)
    assert code == 422 and "too large" in page


def test_nobody_asks_without_end(cast, monkeypatch):
    monkeypatch.setattr(diagnosis, "PER_PERSON", 2)
    monkeypatch.setattr(throttle, "_window", lambda now: 1)
    client = signed_in(monkeypatch)
    assert [shown(client, source=MAIL.decode())[0] for _ in range(3)] == [200, 200, 429]


def test_an_account_has_the_page_and_a_visitor_has_not(cast, sign_in):
    code, page = shown(sign_in("owner"), "diagnosis", source=MAIL.decode())
    assert code == 200 and "Who really sent it" in page
    for name in ("diagnosis", "owner_diagnosis"):
        assert shown(Client(), name, source=MAIL.decode())[0] == 302
