"""P3: an owner who forwards a suspicious mail as an attachment is told what it is, by mail, in words; strangers,
other people's names and programs get no answer, and what is too large is answered, too. Sabotage:
tests/sabotage/t57.patch (who wrote is not asked)."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from harness import ABROAD, HOME, Box, Stack
from t23_complaints_and_bounces import host_name

from sekisho.rehearsal.clients import ImapSession, SmtpSession
from sekisho.rehearsal.outside import wait_until


def suspicious() -> EmailMessage:
    """What a thief of passwords writes, as our own server took it in."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "楽天市場 <info@rakuten.co.jp.t57-trap.test>", "アカウントの利用を制限しました"
    mail.set_content("24時間以内に 03-1234-5678 までお電話ください。")
    mail.add_alternative('<a href="http://2130706433/login">https://www.rakuten.co.jp/</a>', subtype="html")
    mail.add_attachment(b"MZ", maintype="application", subtype="pdf", filename="請求書.pdf.exe")
    return mail


def forwarded(box: Box, address: str, number: str, attached: EmailMessage | None = None, filler: int = 0) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = box.address, address, "Fwd", f"<{number}@t57.test>"
    mail.set_content("このメールは本物ですか？")
    if attached is not None:
        mail.add_attachment(attached)
    if filler:
        mail.add_attachment(b"x" * filler, maintype="application", subtype="octet-stream", filename="film.mp4")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def texts(stack: Stack, box: Box) -> list[str]:
    """The texts of the answers in a mailbox, oldest first."""
    with ImapSession(stack.places.imap, client_address=HOME) as session:
        assert session.login(box.address, box.password).accepted
        mails = [message_from_bytes(body, policy=policy.default) for body in session.bodies()]
    assert all(mail["Auto-Submitted"] == "auto-replied" for mail in mails)
    return [str(mail.get_content()) for mail in mails]


def send(stack: Stack, box: Box, address: str, mail: bytes) -> str:
    with stack.session(box) as session:
        sending = session.send(box.address, [address], mail)
    assert sending.end and sending.end.code == 250, sending
    return sending.end.text.rpartition(" ")[2]


def taken(stack: Stack, *queue_ids: str) -> None:
    def gone() -> bool:
        log = stack.mail_log()
        return all(f"{queue_id}: removed" in log for queue_id in queue_ids)

    assert wait_until(gone, 60, pause=0.5) is not None, "a forwarded mail was not taken"


def test_an_owner_is_told_what_the_forwarded_mail_is(stack: Stack) -> None:
    box, stranger_to_it = stack.new_boxes("t57", 2)
    address = f"shindan@feedback.{host_name(stack)}"
    outside = "neighbour@t57-far.test"
    asked = [send(stack, box, address, forwarded(box, address, "real", suspicious()))]
    # Somebody outside, and somebody outside in the owner's name; both hand in at our MX, without a login.
    with SmtpSession(stack.places.mx, client_address=ABROAD) as session:
        for sender in (outside, stranger_to_it.address):
            sending = session.send(sender, [address], forwarded(Box(sender), address, "stranger", suspicious()))
            assert sending.end and sending.end.code == 250, sending
            asked.append(sending.end.text.rpartition(" ")[2])
    # An automatic answer of the owner's own, one inline forward, and one that is too large.
    vacation = b"Auto-Submitted: auto-replied\r\n" + forwarded(box, address, "vacation", suspicious())
    asked.append(send(stack, box, address, vacation))
    asked.append(send(stack, box, address, forwarded(box, address, "inline")))
    asked.append(send(stack, box, address, forwarded(box, address, "large", suspicious(), filler=6_500_000)))
    taken(stack, *asked)

    assert wait_until(lambda: len(texts(stack, box)) >= 3, 30, pause=0.5) is not None, texts(stack, box)
    answers = texts(stack, box)
    assert len(answers) == 3, answers
    told = next(text for text in answers if "本当の差出人" in text)
    for reason in (
        "危険な点が見つかりました",
        "楽天",
        "文字では www.rakuten.co.jp に見えますが、実際の行き先は 127.0.0.1 です",
        "請求書.pdf.exe",
        "開くとプログラムが動く種類のファイル",
        "24時間以内",
        "03-1234-5678",
        "info@rakuten.co.jp.t57-trap.test",
        "本文のリンクは押さず",
    ):
        assert reason in told, f"{reason} is missing in:\n{told}"
    assert "http://" not in told and "https://" not in told.replace("「https://www.rakuten.co.jp/」", "")
    assert sum("添付ファイルとして転送" in text for text in answers) == 1
    assert sum("大きすぎて" in text for text in answers) == 1
    assert texts(stack, stranger_to_it) == [], "somebody was answered for what another wrote in his name"
    stack.assert_no_return(outside)
