"""What holds for every page: headers, languages, no inline code, an honest 503."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

import casting
from casting import VICTIM

pytestmark = pytest.mark.django_db(databases=["default", "site"])

PAGES = ["dashboard", "system", "mail_settings", "mailboxes", "incidents", "advice"]


@pytest.fixture
def every_page(incident, sign_in):
    def fetch(language="ja"):
        client = sign_in("operator", language)
        urls = [reverse(name) for name in PAGES]
        urls += [reverse("mailbox_edit", args=[VICTIM]), reverse("incident", args=[incident.pk])]
        urls += [reverse("incident_dismiss", args=[incident.pk]), "/nothing/here"]
        return {url: client.get(url) for url in urls}

    return fetch


def test_no_page_has_inline_code_or_style_or_asks_another_host(every_page):
    for url, answer in every_page().items():
        text = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", text), url
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text), url
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), url


def test_every_page_forbids_all_that_is_not_ours(every_page):
    for url, answer in every_page().items():
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy, url
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy, url
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "no-store" in answer.headers["Cache-Control"], url


def test_every_page_has_one_heading_a_language_and_labelled_fields(every_page):
    for language in ("ja", "en"):
        for url, answer in every_page(language).items():
            text = answer.content.decode()
            assert text.count("<h1") == 1, url
            assert f'<html lang="{language}">' in text, url
            for field in re.findall(r"<input[^>]*>|<select[^>]*>", text):
                if 'type="hidden"' in field:
                    continue
                identity = re.search(r'id="([^"]+)"', field)
                labelled = identity and f'for="{identity[1]}"' in text
                wrapped = re.search(r"<label[^>]*>[^<]*" + re.escape(field), text)
                assert labelled or wrapped, (url, field)


@pytest.mark.parametrize(
    "asked,spoken", [("en-GB,en;q=0.9", "en"), ("ja-JP", "ja"), ("fr-FR,fr", "ja"), ("", "ja"), ("*", "ja")]
)
def test_it_speaks_japanese_unless_english_is_asked_for(asked, spoken, db):
    answer = Client(headers={"accept-language": asked} if asked else {}).get(reverse("sign_in"))
    assert f'<html lang="{spoken}">' in answer.content.decode()


def test_the_switch_changes_the_language_and_stays_on_the_page(cast, sign_in):
    client = sign_in("owner", "ja")
    answer = client.post(reverse("set_language"), {"language": "en", "next": reverse("mailboxes")})
    assert answer.url == reverse("mailboxes")
    assert "Mail administration" in client.get(reverse("mailboxes")).content.decode()
    assert Client().post(reverse("set_language"), {"language": "en", "next": "//evil.example"}).url == "/"


def test_times_follow_the_viewers_zone_and_odd_zones_are_ignored(incident, sign_in):
    client = sign_in("owner", "en")
    url = reverse("incident", args=[incident.pk])
    shown = {}
    for zone in ("", "Europe/Berlin", "../../etc/passwd"):
        client.cookies["sekisho_zone"] = zone
        shown[zone] = client.get(url).content.decode()
    assert "+09:00" in shown[""] and "+09:00" in shown["../../etc/passwd"]
    assert "+01:00" in shown["Europe/Berlin"] or "+02:00" in shown["Europe/Berlin"]


@pytest.mark.parametrize("broken", ["view", "session"])
def test_a_locked_database_is_a_503_in_both_languages_and_asks_it_nothing(broken, cast, sign_in, monkeypatch):
    client = sign_in("owner", "en")
    client.raise_request_exception = False

    def locked(*arguments, **options):
        raise OperationalError("database is locked")

    if broken == "view":
        monkeypatch.setattr("sekisho.directory.access.accessible_domains", locked)
    else:
        monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", locked)
    answer = client.get(reverse("dashboard"))
    text = answer.content.decode()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "失われたものはありません" in text and "Nothing is lost" in text


def test_our_own_mistake_is_a_500_without_details(cast, sign_in, monkeypatch):
    client = sign_in("owner")
    client.raise_request_exception = False
    monkeypatch.setattr("sekisho.directory.access.accessible_domains", lambda account: 1 / 0)
    answer = client.get(reverse("dashboard"))
    assert answer.status_code == 500
    assert "division" not in answer.content.decode() and "エラーが起きました" in answer.content.decode()


def test_the_advice_names_what_the_intruder_can_do_in_both_languages(cast, sign_in):
    japanese = sign_in("owner", "ja").get(reverse("advice")).content.decode()
    for words in (
        "乗っ取りとは・もしもの時",
        "加害者になる",
        "楽天やAmazon、LINE",
        "ウィルス対策ソフト",
        "個人情報・機密情報の漏洩",
    ):
        assert words in japanese, words
    english = sign_in("owner", "en").get(reverse("advice")).content.decode()
    for words in ("Rakuten, Amazon, LINE", "Your address harms others", "antivirus"):
        assert words in english, words


def test_the_path_of_the_help_page_is_there_word_for_word(incident, sign_in):
    client = sign_in("owner", "ja")
    for url, words in (
        (reverse("dashboard"), "システム"),
        (reverse("system"), "メール設定"),
        (reverse("mail_settings"), "メール管理へ"),
        (reverse("mailboxes"), "編集"),
    ):
        assert words in client.get(url).content.decode()
    text = client.get(reverse("mailbox_edit", args=[VICTIM])).content.decode()
    crumbs = re.sub(r"<[^>]+>", " ", text.partition('class="crumbs"')[2].partition("</nav>")[0])
    assert re.findall(r"[ぁ-んァ-ヶー一-龠]+", crumbs)[1:] == ["管理", "システム", "メール設定", "メール管理", "編集"]
    assert casting.DOMAIN in text
