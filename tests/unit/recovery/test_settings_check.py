"""The usual slips in a mail program's settings, each named in words; the password repeated nowhere."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.recovery.mail_settings import MailSettings
from sekisho.recovery.pasted_settings import read_pasted
from sekisho.recovery.settings_check import Typed, check, compare_password

FOUND = MailSettings("hana.example", "mx03.provider.example", 993, 995, 465, True)
ADDRESS = "sato@hana.example"


def codes(field: str, text: str, found: MailSettings = FOUND, **more: str) -> list[str]:
    findings = check(Typed(**{"address": ADDRESS, field: text, **more}), found)
    return [one.code for one in findings if one.field == field]


def test_what_is_right_is_called_right_and_what_is_empty_is_left_alone() -> None:
    typed = Typed(
        ADDRESS, "mx03.provider.example", "993", "ssl", ADDRESS, "MX03.provider.example", "465", "ssl", ADDRESS
    )
    findings = check(typed, FOUND)
    assert [one.code for one in findings] == ["right"] * 8
    assert {one.tone for one in findings} == {"good"}
    assert check(Typed(address=ADDRESS), FOUND) == []


@pytest.mark.parametrize("side", ["incoming", "outgoing"])
@pytest.mark.parametrize(
    "text,expected",
    [
        ("mail.hana.example", ["own_form"]),
        ("mail.elsewhere.example", ["own_form"]),
        ("pop.hana.example", ["own_form"]),
        ("hana.example", ["own_form"]),
        (" mx03.provider.example", ["blank"]),
        ("mx03.provider.example\u3000", ["blank"]),
        ("ｍｘ０３.provider.example", ["full_width"]),
        ("mx03.provider.example\u200b", ["invisible"]),
        ("mx03.provider.example:993", ["decorated"]),
        ("imaps://mx03.provider.example/", ["decorated"]),
        ("mx03.provider.example.", ["decorated"]),
        ("mx0З.provider.example", ["slip"]),
        ("mx03.provider.exmaple", ["slip"]),
        ("sato@hana.example", ["address"]),
        ("imap.gmail.com", ["own_form"]),
        ("203.0.113.7", ["other"]),
        (" ｍail.hana.example", ["blank", "full_width", "own_form"]),
    ],
)
def test_slips_of_the_server_name(side: str, text: str, expected: list[str]) -> None:
    assert codes(f"{side}_server", text) == expected


def test_the_seeds_slip_names_both_names_in_both_languages() -> None:
    (finding,) = check(Typed(address=ADDRESS, incoming_server="mail.hana.example"), FOUND)
    assert finding.ja.startswith("mail.hana.example は mx03.provider.example に変更してください。")
    assert finding.en.startswith("mail.hana.example should be mx03.provider.example")


@pytest.mark.parametrize(
    "field,text,expected",
    [
        ("incoming_port", "995", "right"),
        ("incoming_port", "９９３", "full_width"),
        ("incoming_port", "465", "port_of_sending"),
        ("incoming_port", "25", "port_of_sending"),
        ("incoming_port", "143", "other_port"),
        ("incoming_port", "imap", "no_number"),
        ("incoming_port", "9930000", "no_number"),
        ("outgoing_port", "993", "port_of_receiving"),
        ("outgoing_port", "110", "port_of_receiving"),
        ("outgoing_port", "25", "port_25"),
        ("outgoing_port", "587", "other_port"),
        ("outgoing_port", "IV", "no_number"),
    ],
)
def test_slips_of_the_port(field: str, text: str, expected: str) -> None:
    assert codes(field, text)[0] == expected
    for finding in check(Typed(address=ADDRESS, **{field: text}), FOUND):
        assert finding.tone == "good" or expected == "full_width" or "465" in finding.en or "993" in finding.en


def test_the_encryption_follows_the_port() -> None:
    assert codes("incoming_security", "starttls") == ["other_security"]
    assert codes("incoming_security", "none") == ["readable"]
    older = msgspec.structs.replace(FOUND, imap_port=143, smtp_port=587)
    assert codes("incoming_security", "ssl", older) == ["other_security"]
    assert codes("incoming_security", "ssl", older, incoming_port="995") == ["right"]
    assert codes("outgoing_security", "starttls", older) == ["right"]
    assert codes("incoming_security", "something") == []


@pytest.mark.parametrize(
    "text,expected",
    [
        ("SATO@hana.example", ["right"]),
        ("sato", ["no_domain"]),
        ("sato@hana.example ", ["blank"]),
        ("sato＠hana.example", ["full_width"]),
        ("suzuki@hana.example", ["other_address"]),
        ("@hana.example", ["other_address"]),
        ("sato@hana.exmaple", ["other_domain"]),
    ],
)
def test_slips_of_the_user_name(text: str, expected: list[str]) -> None:
    assert codes("incoming_user", text) == expected and codes("outgoing_user", text) == expected


@pytest.mark.parametrize(
    "text,expected",
    [
        ("kaze-no-nagare-91", ["well_written"]),
        (" kaze-no-nagare-91", ["blank_at_ends"]),
        ("kaze-no-nagare-91\u3000", ["blank_at_ends", "full_width"]),
        ("kaze no nagare 91", ["blank_inside"]),
        ("ｋaze-no-nagare", ["full_width"]),
        ("kaze\u200b-no-nagare", ["invisible"]),
        ("KAZE-NO-NAGARE-91", ["caps_lock"]),
        ("AB12345678", ["well_written"]),
    ],
)
def test_slips_that_the_password_shows_by_itself(text: str, expected: list[str]) -> None:
    assert codes("password", text) == expected


@pytest.mark.parametrize(
    "typed,code",
    [
        ("Kaze-No-91", "right"),
        ("Kaze-No-91 ", "blank_at_ends"),
        ("Ｋaze-No-91", "full_width"),
        ("Kaze\u200b-No-91", "invisible"),
        ("kAZE-nO-91", "caps_lock"),
        ("hanako1985", "wrong_password"),
        ("", "wrong_password"),
    ],
)
def test_the_password_is_told_from_itself_with_a_slip_and_from_another(typed: str, code: str) -> None:
    assert compare_password(typed, lambda text: text == "Kaze-No-91").code == code


def test_a_password_pasted_into_another_field_is_not_repeated() -> None:
    secret = "kaze-no-nagare-91-tsukimi"
    fields = dict.fromkeys(Typed.__struct_fields__, f" {secret} ")
    for finding in check(Typed(**{**fields, "password": secret}), FOUND):
        assert secret not in finding.ja + finding.en


texts = st.text(max_size=40) | st.text("ａb１ \u3000\u200b@.:/MX03", max_size=30)


@given(
    st.builds(Typed, **dict.fromkeys(Typed.__struct_fields__, texts)), st.text(min_size=9, max_size=40), st.booleans()
)
def test_no_text_breaks_it_and_no_line_holds_the_password(typed: Typed, secret: str, elsewhere: bool) -> None:
    typed = msgspec.structs.replace(typed, password=secret)
    if elsewhere:
        typed = msgspec.structs.replace(typed, incoming_server=secret, outgoing_user=secret, address=secret)
    right = {FOUND.server_name, FOUND.domain}
    for finding in [*check(typed, FOUND), compare_password(secret, lambda text: False)]:
        assert finding.ja and finding.en and finding.tone in ("good", "warn", "bad")
        if not any(secret in text for text in right):
            assert secret not in finding.ja and secret not in finding.en


PASTED = """アカウント設定
受信メールサーバー： mail.hana.example
ポート: 993
暗号化方法: SSL/TLS
ユーザー名: sato
パスワード: himitsu-no-kotoba
送信メールサーバー (SMTP): ｍx03.provider.example
ポート: 25
接続の保護: なし
"""


def test_what_was_pasted_is_read_by_its_labels_and_the_password_is_left_alone() -> None:
    assert read_pasted(PASTED) == {
        "incoming_server": "mail.hana.example",
        "incoming_port": "993",
        "incoming_security": "ssl",
        "incoming_user": "sato",
        "outgoing_server": "ｍx03.provider.example",
        "outgoing_port": "25",
        "outgoing_security": "none",
    }
    english = (
        "Incoming server\tmail.hana.example\nConnection security\tSTARTTLS\n"
        "Outgoing server: smtp.x.example\nUser Name: a"
    )
    assert read_pasted(english) == {
        "incoming_server": "mail.hana.example",
        "incoming_security": "starttls",
        "outgoing_server": "smtp.x.example",
        "outgoing_user": "a",
    }


@given(st.text(max_size=400))
def test_any_pasted_text_gives_fields_that_can_be_checked(text: str) -> None:
    check(Typed(**read_pasted(text)), FOUND)
