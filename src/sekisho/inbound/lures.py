"""What a mail's text plays on, by the phrases such mails use in Japanese and English; telephone numbers in it."""

from __future__ import annotations

import re
import unicodedata

# Distances are bounded, so that each phrase costs a constant per place.
_PHRASES = {
    "password": (
        r"パスワード.{0,24}(?:期限|変更|更新|確認|再設定|失効)|本人確認.{0,12}(?:必要|お願い)|不審なログイン",
        r"(?:アカウント|ログイン).{0,16}(?:停止|制限|ロック|凍結|異常|本人確認|再認証)|unusual sign.?in",
        r"verify your (?:account|identity|email)|password.{0,20}(?:expir|reset|confirm)",
        r"account.{0,30}(?:suspend|locked|limited|disabled)",
    ),
    "mailbox_full": (
        r"(?:メールボックス|容量|ストレージ).{0,16}(?:いっぱい|上限|超過|超え|不足|一杯)|メール.{0,8}受信できなく",
        r"(?:mailbox|storage|quota).{0,24}(?:full|exceed|limit|upgrade)|pending messages|undelivered mails?",
    ),
    "urgency": (
        r"(?:24|48|72)時間以内|本日中|至急|緊急|直ちに|ただちに|今すぐ",
        r"within (?:24|48|72) hours|immediately|\burgent(?:ly)?\b|final (?:notice|warning)",
    ),
    "threat": (
        r"法的(?:措置|手続)|訴訟|差し?押さ?え|強制(?:執行|退会)|(?:利用|サービス).{0,6}(?:停止|終了)|永久(?:に)?停止",
        r"legal action|lawsuit|permanently (?:deleted|closed|suspended)",
    ),
    "payment": (
        r"(?:カード|お支払い?|支払い?|決済).{0,12}(?:更新|確認|失敗|できません|承認)|未払い|未納|滞納|還付金|給付金",
        r"振込先.{0,10}変更|(?:電子マネー|ギフトカード|プリペイド).{0,16}(?:購入|番号|コード)|\bgift cards?\b",
        r"bank (?:details|account).{0,20}chang|payment (?:failed|declined)|overdue invoice|\brefund\b",
    ),
    "prize": (
        r"当選|おめでとうございます.{0,40}(?:プレゼント|賞金|獲得)",
        r"you(?: have|'ve)? won\b|\blottery\b|\binheritance\b",
    ),
}
_patterns = {name: re.compile("|".join(texts), re.IGNORECASE) for name, texts in _PHRASES.items()}
_money = re.compile(
    r"ビットコイン|bitcoin|\bBTC\b|仮想通貨|\b(?:bc1[a-z0-9]{25,60}|[13][A-HJ-NP-Za-km-z1-9]{25,34})\b", re.IGNORECASE
)
_shame = re.compile(
    r"ウェブカメラ|webカメラ|アダルト|自慰|マスターベーション|(?:動画|録画).{0,20}(?:ばらま|送信|公開|拡散)|ハッキング|webcam|porn"
    r"|masturbat|recorded you|i have (?:hacked|access)|your device.{0,30}(?:infected|hacked)",
    re.IGNORECASE,
)
# Two of one kind are one lure: what is told is that the mail plays on it, and with which words.
LONGEST_QUOTE = 60


def found_in(text: str) -> dict[str, str]:
    """Lure -> the words that gave it away; "sextortion" needs money and shame in one mail."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    found = {}
    for name, pattern in _patterns.items():
        if match := pattern.search(text):
            found[name] = match[0][:LONGEST_QUOTE]
    if (money := _money.search(text)) and (shame := _shame.search(text)):
        found["sextortion"] = f"{shame[0][:LONGEST_QUOTE]} / {money[0][:LONGEST_QUOTE]}"
    return found


_phone = re.compile(
    r"(?<![\w.@/-])(?:\+81[-\s(]{0,2}0?\)?|\(?0)\d{1,4}\)?[-\s(]{0,2}\d{1,4}[-\s)]{0,2}\d{3,4}(?![\w/-])"
)
MOST_PHONES = 10


def phones_in(text: str) -> list[str]:
    """Telephone numbers in the forms written in Japan, with hyphens as they stood; each once, ten at most."""
    text = re.sub(r"[‐‑‒–—―ー−]", "-", unicodedata.normalize("NFKC", text))
    found: dict[str, str] = {}
    for match in _phone.finditer(text):
        written = re.sub(r"[()\s]+", "-", match[0]).strip("-")
        digits = re.sub(r"\D", "", written)
        national = "0" + digits[2:].lstrip("0") if match[0].startswith("+81") else digits
        if len(national) in (10, 11) and not national.startswith("00"):
            found.setdefault(national, re.sub(r"-{2,}", "-", written))
        if len(found) >= MOST_PHONES:
            break
    return list(found.values())
