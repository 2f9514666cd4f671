"""A mail to our diagnosis address: whether a program wrote it, what was attached, and the mail that answers. Pure.

The answer goes to the envelope sender with a null return path and says that a program wrote it (RFC 3834), and nothing
that a program wrote is answered: two such programs would write to each other for ever.
"""

from __future__ import annotations

import re
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import formatdate

import msgspec

from sekisho.inbound import diagnosis_texts as texts
from sekisho.inbound.diagnosis import Diagnosis, diagnose_message
from sekisho.inbound.mail_reading import Unreadable, attached_messages, parse
from sekisho.inbound.sender_check import Ours

# Headers end long before: Postfix' header_size_limit is 102,400.
MOST_HEAD = 128 * 1024
# A person forwards one mail, or a few at once.
MOST_MAILS = 3
# Our own mark: what holds it is an answer of this program.
MARK = "X-Sekisho-Diagnosis"


class Envelope(msgspec.Struct, frozen=True):
    """What Postfix says of a mail: envelope sender, and the login that handed it in ("" for none)."""

    sender: str
    login: str = ""


def head_of(data: bytes) -> Message:
    """The mail's own headers; of a mail too large to be read as well."""
    return BytesParser(policy=policy.compat32).parsebytes(data[:MOST_HEAD], headersonly=True)


def by_a_program(head: Message, sender: str, own: str) -> bool:
    """Whether a program wrote this mail: an automatic answer, a mailing list, a bounce, ourselves."""
    names = {name.lower() for name, _ in head.raw_items()}
    submitted = str(head.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    precedence = str(head.get("Precedence", "")).strip().lower()
    local = sender.partition("@")[0].lower()
    return (
        not sender
        or sender.lower() == own.lower()
        or local in ("mailer-daemon", "postmaster", "double-bounce")
        or local.startswith(("owner-", "bounce-", "noreply", "no-reply"))
        or local.endswith(("-request", "-bounces", "-owner"))
        or submitted != "no"
        or precedence in ("bulk", "junk", "list")
        or any(name.startswith("list-") for name in names)
        or MARK.lower() in names
        or str(head.get("Content-Type", ""))[:100].lower().startswith("multipart/report")
    )


def language_of(head: Message) -> str:
    """ "en" where the writer's mail program says that he writes English, else "ja"."""
    for name in ("Content-Language", "Accept-Language"):
        if said := str(head.get(name, "")).strip().lower():
            return "ja" if "ja" in said[:40].split(",")[0] else "en"
    return "ja"


HOW_TO = (
    "調べたいメールが「添付」されていませんでした。ふつうの転送では、本当の差出人が分かりません。\n\n"
    "・Thunderbird: メールを右クリック →「添付ファイルとして転送」\n"
    "・Outlook:「その他の返信アクション」→「添付ファイルとして転送」\n"
    "・できないとき: 「不審メール診断」のページに、メールのソースを貼り付けてください。\n\n"
    "調べたいメールのリンクや添付ファイルは、開かないでください。\n",
    "The mail you sent has no mail attached to it. An ordinary forward loses who really sent it.\n\n"
    "- Thunderbird: right-click the mail, “Forward As”, “Attachment”\n"
    "- Outlook: “More”, “Forward as Attachment”\n"
    "- Otherwise: paste the mail's source into the page “Suspicious mail” of the panel.\n\n"
    "Please do not open its links or attachments.\n",
)
TOO_MANY = (
    "本日お答えできる件数（{number} 件）に達しました。明日もう一度お送りいただくか、診断ページをご利用ください。\n",
    "This mailbox has had its {number} answers for today. Please send it again tomorrow, or use the page “Suspicious "
    "mail” of the panel.\n",
)
FOOT = (
    "\n--\nこのメールは自動でお答えしています。お送りいただいたメールは保存せず、外部への問い合わせも行っていません。\n",
    "\n-- \nThis answer was made by a program. Your mail is not kept, and nobody outside was asked about it.\n",
)
_subjects = {
    "how_to": (
        "【診断できません】添付ファイルとして転送してください",
        "[Not diagnosed] Please forward it as an attachment",
    ),
    "too_many": ("【診断できません】本日の件数を超えました", "[Not diagnosed] Too many today"),
    "unreadable": ("【診断できません】メールを読み取れませんでした", "[Not diagnosed] The mail could not be read"),
}


def answer(data: bytes, ours: Ours, language: str) -> tuple[str, str]:
    """Subject and text of the answer to a forwarded mail."""
    try:
        found = [diagnose_message(one, ours) for one in attached_messages(parse(data), MOST_MAILS)]
    except Unreadable as refusal:
        return _plain("unreadable", texts.UNREADABLE[str(refusal)], language)
    if not found:
        return _plain("how_to", HOW_TO, language)
    worst = next(verdict for verdict in texts.VERDICTS if verdict in {one.verdict for one in found})
    short = texts.in_language(texts.SHORT_VERDICTS[worst], language)
    subject = f"【診断結果】{short}" if language == "ja" else f"[Diagnosis] {short}"
    return subject, "\n".join(in_plain_text(one, language) for one in found) + texts.in_language(FOOT, language)


def too_many(number: int, language: str) -> tuple[str, str]:
    """Subject and text once a mailbox has had all its answers of a day."""
    return _plain("too_many", (TOO_MANY[0].format(number=number), TOO_MANY[1].format(number=number)), language)


def _plain(kind: str, text: tuple[str, str], language: str) -> tuple[str, str]:
    body = texts.in_language(text, language).rstrip("\n") + "\n"
    return texts.in_language(_subjects[kind], language), body + texts.in_language(FOOT, language)


_marks = {"bad": "×", "warn": "△", "good": "○", "info": "・", "": "■"}


def in_plain_text(found: Diagnosis, language: str) -> str:
    """A diagnosis as a mail's text: verdict, reasons, what to search for, what to do."""
    lines = [texts.in_language(texts.VERDICTS[found.verdict], language), ""]
    lines.append(f"{texts.in_language(('件名', 'Subject'), language)}: {found.subject}")
    for part in texts.parts(found, language):
        lines += ["", f"【{part.title}】" if language == "ja" else f"[{part.title}]"]
        for level, text in part.lines:
            indent = "   " if level.startswith("under ") else ""
            lines.append(f"{indent}{_marks[level.removeprefix('under ')]} {text}")
    if copies := texts.copies(found, language):
        lines += ["", f"[{texts.in_language(texts.TITLES['copies'], language)}]"]
        for kind, text in copies:
            lines += [f"{kind}:", f"  {text}"]
    lines += ["", f"[{texts.in_language(texts.TITLES['steps'], language)}]"]
    lines += [f"{number}. {step}" for number, step in enumerate(texts.steps(found, language), 1)]
    return "\n".join(lines) + "\n"


_message_id = re.compile(r"<[!-;=?-~]{3,250}>")


def compose(head: Message, sender: str, own: str, words: tuple[str, str]) -> EmailMessage:
    """The mail that answers, with everything that keeps programs from answering it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = own, sender, words[0]
    message["Date"] = formatdate(localtime=True)
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    message[MARK] = "answer"
    if identifier := _message_id.search(str(head.get("Message-ID", ""))[:1000]):
        message["In-Reply-To"] = message["References"] = identifier[0]
    message.set_content(words[1])
    return message
