"""The pages about the mail program: the true server in every picture, no oracle, and no password in any answer."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from casting import BYSTANDER, DOMAIN, OTHER_SERVER, SERVER, STOLEN_PASSWORD, VICTIM
from sekisho.recovery.mail_programs import PROGRAMS
from sekisho.web.views import mail_program, owner_sign_in

pytestmark = pytest.mark.django_db(databases=["default", "site"])


@pytest.fixture
def visitor(cast):
    """`visitor("ja")`: somebody who is not signed in."""

    def browser(language: str = "en") -> Client:
        return Client(headers={"accept-language": language})

    return browser


def drawings(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(one) for one in re.findall(r"<svg class=\"dialog\".*?</svg>", page, re.DOTALL)]


@pytest.mark.parametrize("language,only", [("ja", "パスワードの設定部分のみ"), ("en", "Change only the password.")])
def test_the_first_words_are_to_change_only_the_password(language, only, visitor):
    page = visitor(language).get(reverse("mail_program"), {"address": VICTIM}).content.decode()
    main = page.partition("<main")[2]
    assert 0 < main.index(only) < main.index("<code")
    assert OTHER_SERVER not in page


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_programs_picture_holds_the_real_values_as_text(language, visitor):
    page = visitor(language).get(reverse("mail_program"), {"address": VICTIM}).content.decode()
    found = drawings(page)
    assert len(found) == len(PROGRAMS) == 7
    for drawing in found:
        texts = [one.text for one in drawing.iter("text")]
        for value in (SERVER, VICTIM, "993", "465"):
            assert value in texts, (drawing.get("aria-label"), value)
        marked = [group for group in drawing.iter("g") if group.get("class") == "only"]
        assert marked and all(re.search("パスワード|assword", group.find("text").text) for group in marked)
        # Nothing is drawn outside the picture.
        width, height = (float(one) for one in drawing.get("viewBox").split()[2:])
        for box in drawing.iter("rect"):
            assert float(box.get("x")) + float(box.get("width")) <= width
            assert float(box.get("y")) + float(box.get("height")) <= height


def test_a_mailbox_that_is_suspended_or_not_there_has_the_same_page(incident, visitor):
    client = visitor()

    def page(address: str) -> str:
        text = client.get(reverse("mail_program"), {"address": address}).content.decode()
        # Both QR codes and the size of the letters differ with the address, forms' tokens with every answer.
        text = re.sub(r'src="data:image[^"]*"|font-size="[\d.]*"|name="csrf.*?>', "", text)
        return text.replace(address.replace("@", "%40"), "A").replace(address, "A")

    assert page(VICTIM) == page(BYSTANDER) == page(f"nosuch@{DOMAIN}")


def test_a_domain_alone_is_enough_and_one_of_somebody_else_is_told_so(visitor):
    client = visitor("en")
    page = client.get(reverse("mail_program"), {"domain": DOMAIN}).content.decode()
    assert f"name@{DOMAIN}" in page and SERVER in page and "profile.mobileconfig" not in page
    for wrong in ({"address": "sato@elsewhere.example"}, {"domain": "elsewhere.example"}, {"address": "nonsense"}):
        answer = client.get(reverse("mail_program"), wrong)
        assert answer.status_code == 404 and "not one of ours" in answer.content.decode()
    assert client.get(reverse("mail_program")).status_code == 200


def test_somebody_who_asks_and_asks_waits(visitor, monkeypatch):
    monkeypatch.setattr(mail_program, "TRIES_PER_ADDRESS", 2)
    client = visitor()
    codes = [client.get(reverse("mail_program"), {"domain": DOMAIN}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert client.post(reverse("check_settings"), {"address": VICTIM}).status_code == 429


SECRET = "kaze-no-nagare-91-tsukimi"


def test_each_slip_stands_at_its_field_in_words(visitor):
    typed = {
        "address": VICTIM,
        "incoming_server": f"mail.{DOMAIN}",
        "incoming_port": "993",
        "incoming_user": "sato",
        "outgoing_server": f" {SERVER}",
        "outgoing_port": "25",
        "password": f"{SECRET} ",
    }
    answer = visitor("ja").post(reverse("check_settings"), typed)
    page = answer.content.decode()
    assert answer.status_code == 200 and "直すところが5件" in page
    for field, words in (
        ("incoming_server", f"mail.{DOMAIN} は {SERVER} に変更"),
        ("incoming_port", "993 (IMAP) で正しい"),
        ("incoming_user", f"{VICTIM} とすべて入力"),
        ("outgoing_server", "空白が入っています"),
        ("outgoing_port", "OP25B"),
        ("password", "前か後ろに空白"),
    ):
        assert words in page.partition(f'id="of_{field}"')[2].partition("</ul>")[0], field
    assert SECRET not in page


def test_pasted_lines_fill_the_fields(visitor):
    pasted = f"受信サーバー: mail.{DOMAIN}\nポート: 993\n送信サーバー: {SERVER}\n"
    page = visitor("ja").post(reverse("check_settings"), {"address": VICTIM, "pasted": pasted}).content.decode()
    assert 'name="incoming_server" type="text"' in page and f'value="mail.{DOMAIN}"' in page
    assert "直すところが1件" in page


def test_a_stranger_never_learns_whether_a_password_is_right(incident, visitor, caplog):
    client = visitor("en")
    texts = set()
    for address in (VICTIM, BYSTANDER, f"nosuch@{DOMAIN}"):
        for password in (STOLEN_PASSWORD, "hanako1985-shoq"):
            answer = client.post(reverse("check_settings"), {"address": address, "password": password})
            text = answer.content.decode()
            assert password not in text
            text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text)
            texts.add(text.replace(address.replace("@", "%40"), "A").replace(address, "A"))
    assert len(texts) == 1
    assert STOLEN_PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "typed,words",
    [
        (STOLEN_PASSWORD, "The password is right."),
        (f"{STOLEN_PASSWORD} ", "without the blanks at its ends"),
        (STOLEN_PASSWORD.swapcase(), "with Caps Lock off"),
        ("another-one-91", "not the mailbox&#x27;s password"),
    ],
)
def test_the_domains_admin_learns_what_is_wrong_with_the_password(typed, words, sign_in):
    page = sign_in("owner").post(reverse("check_settings"), {"address": VICTIM, "password": typed}).content.decode()
    assert words in page and typed not in page


def test_the_owner_who_is_signed_in_learns_it_of_his_own_mailbox_only(visitor, monkeypatch):
    monkeypatch.setattr(owner_sign_in, "ANSWER_S", 0.0)
    client = visitor("en")
    client.post(reverse("owner_sign_in"), {"address": VICTIM, "password": STOLEN_PASSWORD})
    pages = {
        address: client.post(
            reverse("check_settings"), {"address": address, "password": f"{STOLEN_PASSWORD} "}
        ).content.decode()
        for address in (VICTIM, BYSTANDER)
    }
    assert "without the blanks at its ends" in pages[VICTIM]
    assert "Remove it" not in pages[VICTIM] and "it counts as a character" in pages[BYSTANDER].lower()


def test_an_admin_of_another_domain_learns_nothing(sign_in):
    page = sign_in("stranger").post(reverse("check_settings"), {"address": VICTIM, "password": STOLEN_PASSWORD})
    assert "written without a slip" in page.content.decode()


def test_an_address_that_is_not_ours_is_named_and_what_was_typed_stays(visitor):
    typed = {"address": "sato@elsewhere.example", "incoming_server": '"><b>x', "password": SECRET}
    answer = visitor("en").post(reverse("check_settings"), typed)
    page = answer.content.decode()
    assert answer.status_code == 422 and "not one of ours" in page
    assert "&quot;&gt;&lt;b&gt;x" in page and SECRET not in page


def test_the_mail_settings_show_the_dns_records_and_lead_on(sign_in):
    page = sign_in("owner").get(reverse("mail_settings"), {"domain": DOMAIN}).content.decode()
    assert f"_imaps._tcp.{DOMAIN}." in page and f"0 1 993 {SERVER}." in page
    assert f"{reverse('mail_program')}?domain={DOMAIN}" in page
