"""Lines that somebody copied out of a mail program, taken apart into the fields of the settings check. Pure."""

from __future__ import annotations

import re
import unicodedata

from sekisho.recovery.settings_check import LONGEST_FIELD

_SIDES = (
    ("outgoing", ("送信", "outgoing", "smtp", "sending")),
    ("incoming", ("受信", "incoming", "imap", "pop", "receiving")),
)
_KINDS = (
    ("port", ("ポート", "port")),
    ("security", ("暗号", "接続の保護", "セキュリティ", "ssl", "tls", "security", "encryption")),
    ("user", ("ユーザ", "アカウント名", "ログイン", "user", "login", "account name")),
    ("server", ("サーバ", "ホスト", "server", "host")),
)


def read_pasted(text: str) -> dict[str, str]:
    """Fields of `Typed` out of lines such as "受信サーバー: mail.example.jp"; headings name the side.

    Lines of any other form are left alone, and so is everything that calls itself a password.
    """
    side = "incoming"
    fields: dict[str, str] = {}
    for line in text[: 20 * LONGEST_FIELD].splitlines()[:60]:
        # The value stays as it is: its full-width letters are what is looked for.
        label, value = [*re.split("[:：\t]", line, maxsplit=1), ""][:2]
        low, value = unicodedata.normalize("NFKC", label).lower(), value.strip(" ")
        side = next((name for name, words in _SIDES if any(word in low for word in words)), side)
        kind = next((name for name, words in _KINDS if any(word in low for word in words)), "")
        if not kind or not value or "パスワード" in low or "password" in low:
            continue
        fields.setdefault(f"{side}_{kind}", _chosen(value) if kind == "security" else value[:LONGEST_FIELD])
    return fields


def _chosen(value: str) -> str:
    low = unicodedata.normalize("NFKC", value).lower()
    if "starttls" in low:
        return "starttls"
    if "ssl" in low or "tls" in low or low.strip() in ("オン", "on", "はい", "yes"):
        return "ssl"
    return "none" if any(word in low for word in ("なし", "none", "オフ", "off", "いいえ", "no")) else ""
