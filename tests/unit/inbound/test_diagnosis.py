"""A suspicious mail's diagnosis: what is found, what is believed, and that no hostile mail makes it fall or wait."""

from __future__ import annotations

import io
import time
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.inbound import attachments, diagnosis, diagnosis_texts, html_reading, links, lures, mail_reading
from sekisho.inbound.diagnosis import Diagnosis
from sekisho.inbound.mail_reading import Attachment, Unreadable
from sekisho.inbound.sender_check import Ours

OURS = Ours(frozenset({"mx.host.example"}), frozenset({"mx.host.example"}), frozenset({"hana.example"}))
AT_BORDER = (
    "Received: from mx.host.example by mx.host.example with LMTP id x\n"
    "Received: from mail.far.test (mail.far.test [203.0.113.5])\n\tby mx.host.example (Postfix) with ESMTP id 4X\n"
)
# A busy machine runs ten other things beside: what takes 0.3 s alone.
BOUND_S = 20


def mail(*headers: str, body: str = "Hello.", sender: str = "Info <info@far.test>") -> bytes:
    return "\n".join([*headers, f"From: {sender}", "Subject: Hi", "", body]).encode()


def codes(found: Diagnosis) -> set[str]:
    parts = [f for one in found.links for f in one.findings] + [f for one in found.attachments for f in one.findings]
    return {finding.code for finding in (*found.about_sender, *found.about_text, *parts)}


def diagnosed(data: bytes) -> Diagnosis:
    return diagnosis.diagnose(data, OURS)


def of_html(source: str) -> Diagnosis:
    return diagnosed(mail("Content-Type: text/html; charset=utf-8", body=source))


def result(text: str, *, above: str = AT_BORDER) -> bytes:
    return mail(*above.strip().split("\n"), f"Authentication-Results: mx.host.example; {text}", "Received: from a by b")


# --- the sender


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("dmarc=pass header.from=far.test", "proved"),
        ("dkim=pass header.d=far.test", "proved"),
        ("spf=pass smtp.mailfrom=x@news.far.test", "proved"),
        ("dkim=pass header.d=else.test; spf=pass smtp.mailfrom=else.test", "unproved"),
        ("dkim=fail header.d=far.test", "unproved"),
        ("dmarc=fail header.from=far.test; dkim=pass header.d=else.test", "failed"),
        ("x=(dmarc=pass) y", "unproved"),
    ],
)
def test_it_believes_the_results_that_our_own_server_wrote(text: str, state: str) -> None:
    found = diagnosed(result(text))
    assert {"proved", "unproved", "failed", "unchecked"} & codes(found) == {state}
    assert "client" in codes(found)


def test_results_that_came_in_with_the_mail_are_claims() -> None:
    forged = "Authentication-Results: mx.host.example; dmarc=pass header.from=far.test"
    below = mail(*AT_BORDER.strip().split("\n"), "Received: from a by b", forged)
    # The sender wrote a Received line in our server's name below the true one, and his result above that.
    run = "Received: from x ([203.0.113.9]) by mx.host.example (Postfix) with ESMTP id 4Y"
    hidden = mail(*AT_BORDER.strip().split("\n"), run, forged)
    none_of_ours = mail(forged, "Received: from a by b.far.test")
    for data in (below, hidden, none_of_ours):
        assert {"unchecked", "claims"} <= codes(diagnosed(data)), data
    without_list = diagnosis.diagnose(result("dmarc=pass"), Ours(OURS.hosts))
    assert {"unchecked", "claims"} <= codes(without_list)


def test_our_own_domain_from_outside_is_no_colleague() -> None:
    found = diagnosed(mail(*AT_BORDER.strip().split("\n"), sender="boss@hana.example"))
    assert "own_domain_outside" in codes(found) and found.verdict == "careful"
    forged = diagnosed(result("dmarc=fail").replace(b"info@far.test", b"boss@hana.example"))
    assert "own_domain_forged" in codes(forged) and forged.verdict == "danger"


def test_it_names_the_tricks_of_a_from_header() -> None:
    assert "name_shows_other" in codes(diagnosed(mail(sender='"info@bank.example" <x@far.test>')))
    assert "two_from" in codes(diagnosed(mail("From: a@b.test")))
    assert "punycode_from" in codes(diagnosed(mail(sender="x@xn--80ak6aa92e.com")))
    assert "from_none" in codes(diagnosed(b"Received: from a by b\n\nHello"))
    replied = diagnosed(mail("Reply-To: y@else.test"))
    assert "reply_elsewhere" in codes(replied) and ("reply", "y@else.test") in replied.copies


def test_a_borrowed_name_is_dangerous_and_the_brand_itself_is_not() -> None:
    for sender in ("楽天市場 <x@far.test>", "Info <info@rakuten.co.jp.far.test>", "Hana <x@hanaa.example>"):
        data = result("spf=pass smtp.mailfrom=far.test").decode().replace("Info <info@far.test>", sender)
        found = diagnosed(data.encode())
        assert found.verdict == ("danger" if "hanaa" not in sender else "careful"), found.about_sender
        assert any("{" not in diagnosis_texts.sentence(one, "ja") for one in found.about_sender)
    proved = (
        result("dmarc=pass header.from=rakuten.co.jp")
        .decode()
        .replace("Info <info@far.test>", "楽天市場 <x@rakuten.co.jp>")
    )
    assert diagnosed(proved.encode()).verdict == "nothing"


# --- links


@pytest.mark.parametrize(
    ("target", "code", "host"),
    [
        ("https://www.bank.example@evil.test/x", "userinfo", "evil.test"),
        ("http://2130706433/", "ip", "127.0.0.1"),
        ("http://0x7f.1/", "ip", "127.0.0.1"),
        ("https://[::1]:8443/", "ip", "::1"),
        ("https:/\\evil.test", "", "evil.test"),
        (" ht\ntps://evil.test/", "", "evil.test"),
        ("https://xn--80ak6aa92e.com/", "punycode", "аррӏе.com"),
        ("https://ｅｖｉｌ.test/", "", "evil.test"),
        ("https://bit.ly/x", "shortener", "bit.ly"),
        ("https://evil.test:8080/", "port", "evil.test"),
        ("https://good.test/r?url=https%3A%2F%2Fevil.test", "onward", "good.test"),
        ("javascript:alert(1)", "runs_code", ""),
        ("data:text/html,x", "runs_code", ""),
        ("https://[bad/", "odd", ""),
        ("https://a:port/", "odd", ""),
        ("mailto:x@y.test", "", ""),
        ("#top", "", ""),
    ],
)
def test_it_says_where_a_link_leads(target: str, code: str, host: str) -> None:
    found = links.take_apart(target)
    assert (found.host, code in found.tricks if code else found.tricks) == (host, True if code else ())
    assert "http:" not in found.shown and ("." not in found.shown.replace("[.]", ""))


def test_a_label_that_names_another_host_is_a_lie() -> None:
    lie = of_html('<a href="https://evil.test/">https://www.bank.example.jp/login</a>')
    assert "label_other" in codes(lie) and lie.verdict == "danger"
    honest = of_html(
        '<a href="https://www.bank.example.jp/login"> bank.example.jp </a><a href="https://e.test/">Press</a>'
    )
    assert "label_other" not in codes(honest)


def test_a_tag_that_hides_its_target_is_read_as_a_browser_reads_it() -> None:
    page = html_reading.read('<a title=">" data-x=\'"\' HREF=https://one.test/>A</a><!-- <a href="https://no.test">--> '
                             '<!--[if mso]><a href="https://two.test/">B</a><![endif]--><style>a{}</style>'
                             '<script>"<a href=\'https://three.test\'>"</script>')  # fmt: skip
    assert [link.target for link in page.links] == ["https://one.test/", "https://two.test/", "https://three.test"]
    assert page.scripts and "a{}" not in page.text


def test_a_form_in_a_mail_is_named() -> None:
    found = of_html('<form action="https://evil.test/take"><input type=password></form>')
    assert {"form", "asks"} <= codes(found) and found.verdict == "danger"


def test_links_of_plain_text_are_read_too() -> None:
    assert ("host", "evil.test") in diagnosed(mail(body="こちら→https://evil.test/abc。")).copies


# --- attachments


def zipped(*names: str, flag: int = 0, content: bytes = b"x") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    data = bytearray(target.getvalue())
    if flag:
        data[data.index(b"PK\x01\x02") + 8] |= flag
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "content", "sign"),
    [
        ("invoice.pdf.exe", b"MZ", "two_endings"),
        ("invoice.pdf     .exe", b"MZ", "two_endings"),
        ("invoice\u202efdp.exe", b"MZ", "name_turned"),
        ("photo.jpg", b"MZ\x90", "other_kind"),
        ("photo.jpg", b"MZ\x90", "runs"),
        ("order.lnk", b"", "runs"),
        ("disk", b"\0" * 32769 + b"CD001", "runs"),
        ("open.html", b"", "page"),
        ("x.bin", b"<!DOCTYPE html>", "page"),
        ("locked.zip", zipped("a.txt", flag=1), "locked"),
        ("a.zip", zipped("order/invoice.js"), "runs_inside"),
        ("a.docx", zipped("[Content_Types].xml", "word/vbaProject.bin"), "macros"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        ("a.pdf", b"%PDF-1.7 /OpenAction /JavaScript", "pdf_acts"),
        ("a.zip", zipped("a", content=b"\0" * 20_000_000), "bomb"),
        ("a.zip", b"PK\x03\x04nothing", "unseen"),
        ("a.zip", b"PK\x03\x04" + b"PK\x05\x06" + b"\xff" * 18, "unseen"),
        ("a.rar", b"Rar!\x1a\x07", "unseen"),
    ],
)
def test_it_says_what_an_attachment_is(name: str, content: bytes, sign: str) -> None:
    assert sign in attachments.look_at(Attachment(name, "application/octet-stream", content)).signs


def test_ordinary_attachments_are_not_suspected() -> None:
    for name, content in (
        ("見積書.pdf", b"%PDF-1.7"),
        ("photo.JPG", b"\xff\xd8\xff"),
        ("a.docx", zipped("[Content_Types].xml", "word/document.xml")),
        ("notes.txt", b"Hi"),
        ("data.csv", b"a,b"),
    ):
        assert attachments.look_at(Attachment(name, "application/octet-stream", content)).signs == (), name


def test_a_zip_is_listed_and_never_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object, **__: object) -> None:
        raise AssertionError("unpacked")

    archive = zipped("one.txt", "two.txt")
    monkeypatch.setattr(zipfile.ZipFile, "open", unpack)
    assert attachments.look_at(Attachment("a.zip", "", archive)).listed == ("one.txt", "two.txt")


# --- the text


@pytest.mark.parametrize(
    ("text", "lure"),
    [
        ("パスワードの有効期限が切れます", "password"),
        ("アカウントの利用を\n制限しました", "password"),
        ("メールボックスの容量が上限に達しました", "mailbox_full"),
        ("Your mailbox is almost full", "mailbox_full"),
        ("２４時間以内にお手続きください", "urgency"),
        ("法的措置を取ります", "threat"),
        ("お支払い方法を更新してください", "payment"),
        ("あなたのウェブカメラで録画しました。ビットコインで支払え", "sextortion"),
    ],
)
def test_it_knows_the_phrases(text: str, lure: str) -> None:
    assert lure in lures.found_in(text)


def test_ordinary_letters_play_on_nothing() -> None:
    assert (
        lures.found_in("お世話になっております。明日の会議は10時からです。資料を添付します。よろしくお願いします。")
        == {}
    )
    assert lures.found_in("We accept bitcoin in our shop since 2019.") == {}


def test_telephone_numbers_are_given_as_written_in_japan() -> None:
    text = "電話 03-1234-5678、(0120)444-113、０９０－１２３４－５６７８、+81-3-1234-9999 2026-11-25 12345678901"
    assert lures.phones_in(text) == ["03-1234-5678", "0120-444-113", "090-1234-5678", "+81-3-1234-9999"]


def test_a_lure_whose_link_leads_elsewhere_without_proof_is_dangerous() -> None:
    body = "パスワードの有効期限が切れます。 https://evil.test/login"
    checked = result("spf=pass smtp.mailfrom=else.test").replace(b"Hello.", body.encode())
    assert diagnosed(checked).verdict == "danger"
    assert diagnosed(mail(body=body)).verdict == "careful"


def test_an_ordinary_mail_is_never_called_safe() -> None:
    found = diagnosed(result("dmarc=pass header.from=far.test"))
    assert found.verdict == "nothing" and found.steps == ("unsure",)
    assert "安全の保証ではありません" in diagnosis_texts.VERDICTS["nothing"][0]


# --- words


def test_every_finding_has_words_in_both_languages_and_a_level() -> None:
    every = {"proved", "failed", "unproved", "unchecked", "client", "claims"} | diagnosis.BAD | diagnosis.WARN
    assert every <= diagnosis_texts.FINDINGS.keys()
    assert diagnosis_texts.FINDINGS.keys() - every == {"unseen"}


def test_what_is_shown_is_text_on_one_line() -> None:
    found = diagnosed(
        mail(
            'Reply-To: "a\u202eb" <\u202e@x.test>',
            body="https://evil.test/\u200bx",
            sender="=?utf-8?q?a=0Ab=E2=80=AE?= <x@far.test>",
        )
    )
    for language in ("ja", "en"):
        for part in diagnosis_texts.parts(found, language):
            for _, line in part.lines:
                assert "\n" not in line and "\u202e" not in line and "https://" not in line, line


# --- hostile mail


def nested(depth: int) -> bytes:
    return b"From: a@b.test\n" + b"Content-Type: message/rfc822\n\n" * depth


def multiparts(depth: int) -> bytes:
    heads = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth))
    return b"From: a@b.test\n" + heads + b"x\n" * 100_000


HOSTILE = {
    "semicolons": b"From: a@b.test\nContent-Type: multipart/mixed" + b";" * 2_000_000 + b"\n\nx",
    "quotes": b"From: a@b.test\nContent-Type: multipart/mixed; a=" + b'";' * 1_000_000 + b"\n\nx",
    "folded": b"From: a@b.test\nContent-Type: text/plain" + b";a=b\n " * 500_000 + b"\n\nx",
    "nested": nested(100_000),
    "multiparts": multiparts(1000),
    "many parts": b"From: a@b.test\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 60_000,
    "lines": b"From: a@b.test\n\n" + b"\n" * 5_000_000,
    "headers": b"".join(b"Received: from a by b%d\n" % n for n in range(50_000)) + b"\nx",
    "from": b"From: " + b"(" * 500_000 + b"\n\nx",
    "addresses": b"From: " + b"a@b.test," * 200_000 + b"\n\nx",
    "words": b"From: a@b.test\nSubject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx",
    "charset": b"From: =?idna?b?" + b"YWFh" * 100_000 + b"?= <a@b.test>\n\nx",
    "tags": b"From: a@b.test\nContent-Type: text/html\n\n" + b"<a =" * 500_000,
    "quoted tags": b"From: a@b.test\nContent-Type: text/html\n\n" + b'<a "' * 500_000,
    "comments": b"From: a@b.test\nContent-Type: text/html\n\n" + b"<!--" * 500_000,
    "declarations": b"From: a@b.test\nContent-Type: text/html\n\n" + b"<![x[>" * 300_000,
    "scripts": b"From: a@b.test\nContent-Type: text/html\n\n<script>" + b"<b>" * 500_000,
    "links": b"From: a@b.test\nContent-Type: text/html\n\n" + b'<a href="https://a.test">x</a>' * 100_000,
    "digits": b"From: a@b.test\n\n" + b"0120-" * 300_000,
    "phrases": b"From: a@b.test\n\n" + "アカウント".encode() * 100_000,
    "binary": bytes(range(256)) * 20_000,
    "outlook": b"\xd0\xcf\x11\xe0" + b"\0" * 1000,
    "big": b"From: a@b.test\n\n" + b"x" * mail_reading.MOST_OCTETS,
    "nul": b"From: \0\0@\0\n\n\0",
    "base64": b"From: a@b.test\nContent-Transfer-Encoding: base64\n\n" + b"A" * 4_000_001,
}  # fmt: skip


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_mail_is_answered_in_time(name: str) -> None:
    begun = time.process_time()
    try:
        found = diagnosed(HOSTILE[name])
        for language in ("ja", "en"):
            diagnosis_texts.parts(found, language)
    except Unreadable as refusal:
        assert str(refusal) in diagnosis_texts.UNREADABLE
    spent = time.process_time() - begun
    print(f"{name}: {spent:.2f} s")
    assert spent < BOUND_S


PIECES = st.sampled_from(
    [b"From: ", b"Subject: ", b"Content-Type: multipart/mixed; boundary=b\n", b"Content-Type: text/html\n", b"--b\n",
     b"--b--\n", b"\n\n", b"Received: from a ([1.2.3.4]) by mx.host.example\n", b"=?utf-8?b?", b"?=", b"<a href=\"",
     b"https://", b"xn--", b"@", b"\">", b"</a>", b"<form action=", b"PK\x05\x06", b"PK\x03\x04", b"%PDF-", b"\xff\xfe",
     b"Content-Transfer-Encoding: base64\n", b"Content-Disposition: attachment; filename*=utf-8''%E2%80%AE.exe\n",
     b"Content-Type: message/rfc822\n", b"Authentication-Results: mx.host.example; dmarc=pass\n", b";", b"(", b"[",
     b"\0", "ビットコイン".encode(), "パスワードの更新".encode(), b"0312345678", b"multipart/mixed", b"charset=idna\n"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=60))
def test_no_octets_make_it_fall(pieces: list[bytes]) -> None:
    try:
        found = diagnosed(b"From: a@b.test\n" + b"".join(pieces))
        for language in ("ja", "en"):
            diagnosis_texts.parts(found, language)
            diagnosis_texts.steps(found, language)
    except Unreadable as refusal:
        assert str(refusal) in diagnosis_texts.UNREADABLE


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.binary(max_size=200))
def test_no_link_and_no_attachment_makes_it_fall(text: str, content: bytes) -> None:
    for written in (text, f"https://{text}", f"<a href='{text}'>{text}</a>"):
        links.take_apart(written)
        html_reading.read(written)
        links.host_shown(written)
    for start in (b"", b"PK\x03\x04", b"PK\x05\x06"):
        attachments.look_at(Attachment(text, text, start + content))


def test_attached_messages_are_found_however_they_were_wrapped() -> None:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "x@evil.test", "Inner"
    inner.set_content("Hello")
    outer = EmailMessage()
    outer["From"] = "me@hana.example"
    outer.set_content("Please look.")
    outer.add_attachment(inner)
    outer.add_attachment(inner.as_bytes(), maintype="application", subtype="octet-stream", filename="mail.EML")
    found = mail_reading.attached_messages(mail_reading.parse(outer.as_bytes()), 3)
    assert [diagnosis.diagnose_message(one, OURS).subject for one in found] == ["Inner", "Inner"]
    encoded = (
        b"From: me@hana.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n"
        b"Content-Transfer-Encoding: base64\n\n" + __import__("base64").encodebytes(inner.as_bytes()) + b"--b--\n"
    )
    found = mail_reading.attached_messages(mail_reading.parse(encoded), 3)
    assert [diagnosis.diagnose_message(one, OURS).sender for one in found] == ["x@evil.test"]
