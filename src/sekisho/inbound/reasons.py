"""What a finding means, in words for people, in both languages."""

from __future__ import annotations

from typing import Literal

from sekisho.inbound.brands import Catalogue
from sekisho.inbound.lookalike import Code, Finding

# {brand}: whom it is about; {seen}: what the message says. Plain words: the reader did not choose to learn about mail.
WORDS: dict[Code, tuple[str, str]] = {
    "display-name": (
        "差出人名は「{seen}」ですが、{brand} から送られたことを確かめられません。",
        'The sender calls himself "{seen}", but nothing proves that it was sent by {brand}.',
    ),
    "display-mention": (
        "差出人名「{seen}」に {brand} の名前が含まれていますが、{brand} から送られたものではありません。",
        'The sender\'s name "{seen}" mentions {brand}, but the message does not come from {brand}.',
    ),
    "disguised-name": (
        "差出人名「{seen}」は、{brand} に似せた別の文字で書かれています。",
        'The sender\'s name "{seen}" is written with other letters that only look like {brand}.',
    ),
    "address-name": (
        "差出人アドレスの「@」の前の「{seen}」は {brand} を思わせますが、{brand} のアドレスではありません。",
        '"{seen}" before the @ suggests {brand}, but it is not an address of {brand}.',
    ),
    "forged-sender": (
        "差出人アドレスのドメイン {seen} は {brand} のものですが、本当にそこから送られたことを確かめられません。",
        "The sender's domain {seen} belongs to {brand}, but nothing proves that the message was sent from there.",
    ),
    "lookalike-sender": (
        "差出人か返信先のドメイン {seen} は {brand} に似ていますが、{brand} のものではありません。",
        "The domain {seen} of the sender or of replies resembles {brand}, but does not belong to it.",
    ),
    "lookalike-link": (
        "リンク先 {seen} は {brand} に似ていますが、{brand} のものではありません。",
        "A link leads to {seen}, which resembles {brand}, but does not belong to it.",
    ),
    "link-text": (
        "リンクの文字に書かれた行き先と、本当の行き先 {seen} が違います。",
        "The text of a link names another place than {seen}, where it really leads.",
    ),
    "mailbox-lure": (
        "件名「{seen}」は、メールのパスワードを入力させようとする文面によくあるものです。外部から届いています。",
        'The subject "{seen}" is typical of messages that want your mail password typed in, and it came from outside.',
    ),
    "account-lure": (
        "件名「{seen}」は、あわてさせて手続きをさせようとする文面によくあるものです。",
        'The subject "{seen}" is typical of messages that want to hurry you into acting.',
    ),
}


def brand_name(key: str, catalogue: Catalogue, language: Literal["ja", "en"]) -> str:
    """A brand's name for people; the key itself where the catalogue no longer has it."""
    for brand in catalogue.brands:
        if brand.key == key:
            return brand.ja if language == "ja" else brand.en
    return key


def words(finding: Finding, catalogue: Catalogue, language: Literal["ja", "en"]) -> str:
    """One sentence. `seen` comes from the message: whoever shows the sentence escapes it as any other foreign text."""
    japanese, english = WORDS[finding.code]
    text = japanese if language == "ja" else english
    return text.format(brand=brand_name(finding.brand, catalogue, language), seen=finding.seen)
