"""What somebody typed into a mail program, compared with what is right: one line a field, in words.

Pure: the typed texts and the domain's settings in, findings out. It never raises for any text, repeats the password
nowhere (nor any field that holds it), and connects to nothing: a server name that was typed is only compared.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import msgspec

from sekisho.detection.password import repaired
from sekisho.recovery.mail_programs import SECURITY_WORDS
from sekisho.recovery.mail_settings import MailSettings, Security

Tone = Literal["good", "warn", "bad"]
Side = Literal["incoming", "outgoing"]
# Longer than any field of a mail program; the rest would only fill the page.
LONGEST_FIELD = 320
_SHOWN = 60
# Two names that share this much of their letters are a slip of the finger ("mx0l" for "mx01"), not another server.
_ALIKE = 0.85
# The seed of the trouble: names of the customer's own domain, whose certificate belongs to somebody else.
_OWN_FORMS = ("mail.", "pop.", "pop3.", "imap.", "smtp.", "www.")
# IANA's ports of mail. 25 is between servers; Japanese lines block it for customers (OP25B).
_SENDING_PORTS, _RECEIVING_PORTS = frozenset({25, 465, 587, 2525}), frozenset({110, 143, 993, 995})
# As many capitals without one small letter do not come by chance out of our generators.
_CAPITALS = 6


class Typed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the program shows, as text; "" where nothing was typed. `…_security`: ssl, starttls or none."""

    address: str = ""
    incoming_server: str = ""
    incoming_port: str = ""
    incoming_security: str = ""
    incoming_user: str = ""
    outgoing_server: str = ""
    outgoing_port: str = ""
    outgoing_security: str = ""
    outgoing_user: str = ""
    password: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One line: the field of `Typed` it is about, a code for programs, and what to do, in both languages."""

    field: str
    code: str
    tone: Tone
    ja: str
    en: str


def check(typed: Typed, found: MailSettings) -> list[Finding]:
    """Findings in the order of the form. A field that was left empty has none; one that is right has a good one."""
    findings: list[Finding] = []
    for side in ("incoming", "outgoing"):
        findings += _server(typed, side, found)
        findings += _port(typed, side, found)
        findings += _security(typed, side, found)
        findings += _user(typed, side, found)
    return findings + _password(typed.password)


# -- how a text was typed ---------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """The text as it was meant: half-width, without blanks and invisible characters at its ends or inside."""
    narrow = unicodedata.normalize("NFKC", text[:LONGEST_FIELD])
    return "".join(one for one in narrow if unicodedata.category(one)[0] not in "ZC")


def _shown(text: str, typed: Typed) -> str:
    """The text for a sentence, without whatever could be the password."""
    if typed.password and (typed.password in text or clean(typed.password) in clean(text)):
        return "…"
    visible = "".join(one if one.isprintable() else "�" for one in text)
    return visible if len(visible) <= _SHOWN else visible[:_SHOWN] + "…"


_WRITING = {
    "blank": (
        "空白が入っています。前後と途中の空白を取り除いてください。",
        "There is a blank in it. Remove every blank before, behind and within.",
    ),
    "full_width": (
        "全角文字が入っています。半角で入力し直してください。",
        "There are full-width characters in it. Enter it again in half width.",
    ),
    "invisible": (
        "目に見えない文字が入っています。消してから、コピーせずに入力し直してください。",
        "There are invisible characters in it. Delete it and type it anew instead of pasting.",
    ),
}


def _faults(text: str) -> list[str]:
    codes = {
        "blank": any(unicodedata.category(one)[0] == "Z" or one in "\t\r\n" for one in text),
        "full_width": any("！" <= one <= "～" for one in text),
        "invisible": any(unicodedata.category(one)[0] == "C" and one not in "\t\r\n" for one in text),
    }
    return [code for code, there in codes.items() if there]


def _writing(field: str, text: str) -> list[Finding]:
    return [Finding(field, code, "bad", *_WRITING[code]) for code in _faults(text)]


# -- servers ----------------------------------------------------------------------------------------------------------


def _server(typed: Typed, side: Side, found: MailSettings) -> list[Finding]:
    field = f"{side}_server"
    text = getattr(typed, field)
    name = clean(text).lower()
    if not name:
        return []
    right, shown = found.server_name, _shown(text.strip(), typed)
    writing = _writing(field, text)
    if name == right.lower():
        return writing or [Finding(field, "right", "good", f"{right} で正しいです。", f"{right} is right.")]
    for code, fits, ja, en in (
        ("address", "@" in name, "メールアドレスではなくサーバー名が入ります。",
         "A server name belongs here, not a mail address."),
        ("decorated", _bare(name) == right.lower(), "サーバー名だけを入力します(前後の記号やポート番号は不要です)。",
         "Enter the name alone, without what stands before or behind it."),
        ("own_form", _is_own_form(name, found.domain), f"{shown} は {right} に変更してください。"
         "ご自分のドメインの名前では、証明書が一致せずに接続できません。",
         f"{shown} should be {right}: the certificate does not belong to your domain's name."),
        ("slip", difflib.SequenceMatcher(None, name, right.lower()).ratio() >= _ALIKE,
         f"{shown} は {right} の打ち間違いのようです。", f"{shown} looks like {right} with a slip of the finger."),
    ):  # fmt: skip
        if fits:
            return [*writing, Finding(field, code, "bad", _with(ja, "正しくは", right), _with(en, "Right is", right))]
    return [
        *writing,
        Finding(
            field, "other", "bad", f"{shown} ではなく、{right} と入力してください。", f"Not {shown}: enter {right}."
        ),
    ]


def _with(sentence: str, words: str, right: str) -> str:
    return sentence if right in sentence else f"{sentence} {words} {right}"


def _bare(name: str) -> str:
    """Without "imap://", a port, brackets, and dots or slashes at the end."""
    return re.sub(r":\d*$", "", re.sub(r"^[a-z0-9]+://", "", name).strip("/<>\"'「」[]().,;"))


def _is_own_form(name: str, domain: str) -> bool:
    """The domain itself, or one of the names that customers' zones used to have."""
    bare = _bare(name)
    return bare == domain or bare.startswith(_OWN_FORMS)


# -- ports and encryption ---------------------------------------------------------------------------------------------


def _ports(side: Side, found: MailSettings) -> tuple[int, ...]:
    return (found.imap_port, found.pop3_port) if side == "incoming" else (found.smtp_port,)


def _number(text: str) -> int | None:
    digits = clean(text)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 5 else None


def _port(typed: Typed, side: Side, found: MailSettings) -> list[Finding]:
    field = f"{side}_port"
    text = getattr(typed, field)
    if not clean(text):
        return []
    number, ours = _number(text), _ports(side, found)
    if side == "incoming":
        ja = f"IMAPは {found.imap_port}、POPは {found.pop3_port} です。"
        en = f"IMAP has {found.imap_port}, POP has {found.pop3_port}."
    else:
        ja, en = f"送信 (SMTP) は {found.smtp_port} です。", f"Sending (SMTP) has {found.smtp_port}."
    writing = _writing(field, text)
    if number in ours:
        kind = {found.imap_port: "IMAP", found.pop3_port: "POP"}.get(number, "SMTP") if side == "incoming" else "SMTP"
        return writing or [
            Finding(field, "right", "good", f"{number} ({kind}) で正しいです。", f"{number} ({kind}) is right.")
        ]
    return [*writing, _wrong_port(field, side, number, found, ja, en)]


def _wrong_port(field: str, side: Side, number: int | None, found: MailSettings, ja: str, en: str) -> Finding:
    if number is None:
        return Finding(field, "no_number", "bad", f"数字だけを入力してください。{ja}", f"Enter digits only. {en}")
    sending = {found.smtp_port} | _SENDING_PORTS - {found.imap_port, found.pop3_port}
    receiving = {found.imap_port, found.pop3_port} | _RECEIVING_PORTS - {found.smtp_port}
    if side == "incoming" and number in sending:
        return Finding(field, "port_of_sending", "bad", f"{number} は送信用の番号です。{ja}",
                       f"{number} is a port for sending. {en}")  # fmt: skip
    if side == "outgoing" and number in receiving:
        return Finding(field, "port_of_receiving", "bad", f"{number} は受信用の番号です。{ja}",
                       f"{number} is a port for receiving. {en}")  # fmt: skip
    if number == 25:
        return Finding(field, "port_25", "bad", f"25 は多くの回線で遮断されています (OP25B)。{ja}",
                       f"25 is blocked on many lines (OP25B). {en}")  # fmt: skip
    return Finding(field, "other_port", "bad", f"{number} は違います。{ja}", f"{number} is another one. {en}")


def _security(typed: Typed, side: Side, found: MailSettings) -> list[Finding]:
    field = f"{side}_security"
    chosen = getattr(typed, field)
    if chosen not in SECURITY_WORDS:
        return []
    ours = _ports(side, found)
    number = _number(getattr(typed, f"{side}_port"))
    right: Security = found.security(number if number in ours else ours[0])
    ja, en = SECURITY_WORDS[right]
    if chosen == right:
        return [Finding(field, "right", "good", f"{ja} で正しいです。", f"{en} is right.")]
    if chosen == "none":
        ja = f"「なし」ではパスワードが暗号化されずに送られます。{ja} を選んでください。"
        return [Finding(field, "readable", "bad", ja, f"With “None” the password travels readable. Choose {en}.")]
    return [Finding(field, "other_security", "bad", f"{ja} を選んでください。", f"Choose {en}.")]


# -- user name and password -------------------------------------------------------------------------------------------


def _user(typed: Typed, side: Side, found: MailSettings) -> list[Finding]:
    field = f"{side}_user"
    text = getattr(typed, field)
    name, address = clean(text).lower(), clean(typed.address).lower()
    if not name:
        return []
    right = _shown(address, typed)
    writing = _writing(field, text)
    if name == address:
        return writing or [Finding(field, "right", "good", f"{right} で正しいです。", f"{right} is right.")]
    local, at, domain = name.rpartition("@")
    if not at:
        code = "no_domain"
        ja = f"「@」から後ろも必要です。{right} とすべて入力してください。"
        en = f"The part from “@” on is missing. Enter the whole address, {right}."
    elif domain == found.domain or not local:
        code = "other_address"
        ja, en = (
            f"別のメールアドレスです。{right} と入力してください。",
            f"That is another mail address. Enter {right}.",
        )
    else:
        code = "other_domain"
        ja = f"「@」の後ろが {found.domain} ではありません。{right} と入力してください。"
        en = f"After “@” it is not {found.domain}. Enter {right}."
    return [*writing, Finding(field, code, "bad", ja, en)]


_PASSWORD: tuple[tuple[str, Callable[[str], bool], str, str], ...] = (
    (
        "blank_at_ends",
        lambda text: text != text.strip(),
        "パスワードの前か後ろに空白が入っています。空白も文字として扱われるため、取り除いてください。",
        "There is a blank before or behind the password. It counts as a character: remove it.",
    ),
    (
        "blank_inside",
        lambda text: any(one.isspace() for one in text.strip()),
        "パスワードの途中に空白が入っています。元のパスワードにもあるか確認してください。",
        "There is a blank within the password. Look whether the original has one.",
    ),
    (
        "full_width",
        lambda text: "full_width" in _faults(text) or "\u3000" in text,
        "パスワードに全角文字が入っています。日本語入力をオフにして、半角で入力し直してください。",
        "There are full-width characters in the password. Switch Japanese input off and enter it in half width.",
    ),
    (
        "invisible",
        lambda text: "invisible" in _faults(text),
        "パスワードに目に見えない文字が入っています。コピーせずに入力し直してください。",
        "There are invisible characters in the password. Type it instead of pasting.",
    ),
    (
        "caps_lock",
        lambda text: (
            len([one for one in text if one.isupper()]) >= _CAPITALS and not any(one.islower() for one in text)
        ),
        "英字がすべて大文字です。Caps Lock がオンになっていないか確認してください。",
        "All letters are capitals. Look whether Caps Lock is on.",
    ),
)


def _password(text: str) -> list[Finding]:
    """Slips that the text itself shows; whether it is the right one is known by whoever has its hash."""
    if not text:
        return []
    found = [
        Finding("password", code, "warn" if code in ("blank_inside", "caps_lock") else "bad", ja, en)
        for code, fits, ja, en in _PASSWORD
        if fits(text)
    ]
    return found or [
        Finding(
            "password",
            "well_written",
            "good",
            "パスワードの書き方に問題はありません。",
            "The password is written without a slip.",
        )
    ]


def compare_password(password: str, is_right: Callable[[str], bool]) -> Finding:
    """The password against the mailbox's own, through `is_right`: right, right but for a slip, or another one.

    For people who may know: the answer tells whether the password is the mailbox's.
    """
    if is_right(password):
        return Finding("password", "right", "good", "パスワードは合っています。", "The password is right.")
    for code, meant, ja, en in (
        ("blank_at_ends", password.strip(), "前後の空白を取り除けば、", "without the blanks at its ends"),
        ("full_width", repaired(password), "半角で入力すれば、", "in half width"),
        ("invisible", clean(password), "空白や見えない文字を取り除けば、", "without blanks and invisible characters"),
        ("caps_lock", password.swapcase(), "Caps Lock をオフにして入力すれば、", "with Caps Lock off"),
    ):
        if meant != password and is_right(meant):
            return Finding(
                "password", code, "bad", f"{ja}正しいパスワードになります。", f"The password would be right {en}."
            )
    return Finding(
        "password",
        "wrong_password",
        "bad",
        "新しいパスワードではありません。古いパスワードが残っていないか確認してください。",
        "That is not the mailbox's password. Look whether it is the old one.",
    )
