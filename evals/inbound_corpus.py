"""Messages made for measuring inbound warnings: impersonations of many kinds, and honest mail that looks like them.

Each kind draws from pools of names, phrases and domains. A pool is shuffled by a fixed seed and cut into two halves:
the rules may be tuned on what is made of one half ("tune"), the figures of docs/inbound.md are counted on the other
("judge"). The messages are `Sender` values, as rspamd's plugin makes them of a real message; all domains that no brand
owns are reserved ones (RFC 2606), so their last labels differ from those of real phishing.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from sekisho.inbound.brands import BrandRow, Catalogue, catalogue, own_brand, with_own
from sekisho.inbound.brands import stored_rows as rows
from sekisho.inbound.lookalike import Sender

Half = Literal["tune", "judge"]
Item = TypeVar("Item")
# Per kind; 18 kinds of impersonation and 19 of honest mail give 198 and 342 messages a half.
IMPERSONATIONS_EACH, HONEST_EACH = 11, 18

OWN_DOMAIN = "minato-trading.example"
OWN_NAMES = ("株式会社みなと商会", "みなと商会", "Minato Trading")


class Case(NamedTuple):
    """One message: what kind it is, whether it should be warned of, and what the rules are shown."""

    kind: str
    impersonation: bool
    sender: Sender


def tenant() -> Catalogue:
    """The catalogue of the tenant that receives all of this."""
    return with_own(catalogue(), own_brand(OWN_NAMES, [OWN_DOMAIN]))


class Draw:
    """Draws from the halves of pools."""

    def __init__(self, half: Half) -> None:
        self.half = half
        self.random = random.Random(f"inbound {half}")  # noqa: S311 (a simulation)

    def pool(self, items: Sequence[Item]) -> list[Item]:
        shuffled = list(items)
        random.Random(len(items)).shuffle(shuffled)  # noqa: S311 (a simulation)
        return shuffled[0 if self.half == "tune" else 1 :: 2]

    def one(self, items: Sequence[Item]) -> Item:
        return self.random.choice(self.pool(items))

    def brand(self) -> BrandRow:
        return self.one(rows())


_POOLS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("inbound_pools.toml").read_text(encoding="utf-8"))
SUPPORT, SIGNS, SUBJECTS, UNRELATED = (_POOLS[name] for name in ("support", "signs", "subjects", "unrelated"))
SUFFIXES, ENDS, ORDINARY = (_POOLS[name] for name in ("suffixes", "ends", "ordinary"))
FAMILY, GIVEN, FIRST, LAST = (_POOLS[name] for name in ("family", "given", "first", "last"))
HOMOGLYPHS = {"a": "а", "o": "о", "e": "е", "c": "с", "p": "р", "i": "і", "s": "ѕ", "y": "у", "x": "х"}
TYPOS: dict[str, str] = {"m": "rn", "o": "0", "l": "1", "i": "l", "w": "vv"}


def _latin(draw: Draw) -> str:
    """A brand's Latin name."""
    names = [name for row in rows() for name in (*row.names, *row.words) if name.isascii() and len(name) > 3]
    return draw.one(names)


def _name(draw: Draw, row: BrandRow) -> str:
    return draw.random.choice([*row.names, *(row.words if row.bare else ())])


def _mail(domain: str, **fields: object) -> Sender:
    """A message whose domain is proven by DKIM and SPF, as most spam is today."""
    values: dict[str, object] = {"domain": domain, "proven": (domain,), "dmarc": "pass", "local": "info", **fields}
    return Sender(**values)  # type: ignore[arg-type]


def _spelling(draw: Draw, sure: bool = True) -> str:
    pool = [label for row in rows() for label in row.labels if len(label) >= 6]
    return draw.one(pool if sure else [*pool, *(label for row in rows() for label in row.vague)])


# --- impersonations ---------------------------------------------------------------------------------------------


def name_elsewhere(draw: Draw) -> Sender:
    display = _name(draw, draw.brand()) + draw.one(SUPPORT)
    return _mail(draw.one(UNRELATED), display=display, subject=draw.one(SUBJECTS))


def name_with_sign(draw: Draw) -> Sender:
    return _mail(draw.one(UNRELATED), display=draw.one(SIGNS) + _name(draw, draw.brand()), subject="")


def name_disguised(draw: Draw) -> Sender:
    name = _latin(draw)
    table = draw.random.choice([HOMOGLYPHS, {k: v for k, v in TYPOS.items() if k != "i"}])
    swapped = "".join(table.get(letter.lower(), letter) for letter in name)
    return _mail(draw.one(UNRELATED), display=swapped if swapped != name else f"{name[0]}\u200b{name[1:]}")


def name_spaced(draw: Draw) -> Sender:
    row = draw.brand()
    name = _name(draw, row)
    style = draw.random.choice(["wide", "spaced", "dots"])
    if style == "wide":
        shown = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name)
    else:
        shown = (" " if style == "spaced" else "・").join(name)
    return _mail(draw.one(UNRELATED), display=shown, subject=draw.one(SUBJECTS))


def host_disguised(draw: Draw) -> Sender:
    spelling = _spelling(draw)
    letters = [letter for letter in spelling if letter in TYPOS] or ["o"]
    letter = draw.random.choice(letters)
    return _mail(f"{spelling.replace(letter, TYPOS[letter], 1)}.{draw.one(ENDS)}", subject=draw.one(SUBJECTS))


def host_punycode(draw: Draw) -> Sender:
    spelling = _spelling(draw)
    letter = draw.random.choice([letter for letter in spelling if letter in HOMOGLYPHS] or [spelling[0]])
    changed = spelling.replace(letter, HOMOGLYPHS.get(letter, letter), 1)
    label = changed if changed.isascii() else "xn--" + changed.encode("punycode").decode()
    return _mail(f"{label}.{draw.one(ENDS)}", display=draw.one(SUPPORT).strip())


def host_typo(draw: Draw) -> Sender:
    spelling = _spelling(draw).replace("-", "")
    at = draw.random.randrange(1, len(spelling) - 1)
    changed = draw.random.choice([spelling[:at] + spelling[at + 1 :], spelling[:at] + spelling[at] + spelling[at:]])
    return _mail(f"{changed}.{draw.one(ENDS)}", display=draw.one(ORDINARY), subject=draw.one(SUBJECTS))


def host_inside(draw: Draw) -> Sender:
    domain = draw.random.choice(draw.brand().domains)
    return _mail(f"{domain}.{draw.one(UNRELATED)}", subject=draw.one(SUBJECTS))


def host_hyphen(draw: Draw) -> Sender:
    return _mail(f"{_spelling(draw, False)}{draw.one(SUFFIXES)}.{draw.one(ENDS)}", subject=draw.one(SUBJECTS))


def forged_with_policy(draw: Draw) -> Sender:
    row, other = draw.brand(), draw.one(UNRELATED)
    policy = draw.random.choice(["reject", "quarantine"])
    return _mail(draw.random.choice(row.domains), display=row.ja, proven=(other,), dmarc=policy)


def forged_without_policy(draw: Draw) -> Sender:
    row = draw.brand()
    domain = draw.random.choice(row.domains)
    return _mail(domain, display=row.ja, proven=(), dmarc="none", subject=draw.one(SUBJECTS))


def own_name(draw: Draw) -> Sender:
    tails = ["", " 総務部", " システム管理者", " 情報システム部", " IT Support", " Admin", " 代表取締役", " メール管理"]
    return _mail(draw.one(UNRELATED), display=draw.one(OWN_NAMES * 3) + draw.one(tails), subject="ご確認のお願い")


def own_forged(draw: Draw) -> Sender:
    shown = draw.one(["総務部", "メールサーバー", "社長", "Mail Admin", OWN_DOMAIN, ""])
    policy = draw.random.choice(["reject", "quarantine", "none"])
    subject = draw.one(["パスワードの有効期限が本日切れます", "メールボックスの容量が上限に達しました", "至急確認"])
    return _mail(OWN_DOMAIN, display=shown, proven=(), dmarc=policy, subject=subject, links=(draw.one(UNRELATED),))


def mailbox_lure(draw: Draw) -> Sender:
    subject = draw.one(_POOLS["mailbox_lures"])
    shown = draw.one(["Mail Admin", "メール管理者", "IT Help Desk", "Webmail", "システム管理", "postmaster"])
    return _mail(draw.one(UNRELATED), display=shown, subject=subject, links=(draw.one(UNRELATED),))


def link_only(draw: Draw) -> Sender:
    row = draw.brand()
    link = draw.random.choice([f"{row.domains[0]}.{draw.one(ENDS)}", f"{_spelling(draw)}-login.{draw.one(ENDS)}"])
    return _mail(draw.one(UNRELATED), display="お客様サポート", subject=draw.one(SUBJECTS), links=(link,))


def free_mail(draw: Draw) -> Sender:
    domain = draw.one(["gmail.com", "outlook.com", "yahoo.co.jp", "icloud.com", "hotmail.com", "docomo.ne.jp"])
    display = _name(draw, draw.brand()) + draw.one(SUPPORT)
    return _mail(domain, display=display, subject=draw.one(SUBJECTS))


def before_the_at(draw: Draw) -> Sender:
    local = draw.one(
        ["amazon", "rakuten-card", "mufg.support", "paypay", "smbc-info", "mercari", "no-reply.netflix", "jcb-card"]
    )
    return _mail(draw.one(UNRELATED), local=local, subject=draw.one(SUBJECTS))


def names_nobody(draw: Draw) -> Sender:
    """What these rules cannot know: a brand that is not in the list, or no name at all."""
    shown = draw.one(
        [
            "配送センター",
            "お客様窓口",
            "きたみなと信用金庫",
            "会員センター",
            "East Harbor Savings",
            "抽選事務局",
            "Support",
            "",
            "暗号資産取引所",
        ]
    )
    return _mail(draw.one(UNRELATED), display=shown, subject=draw.one(SUBJECTS), links=(draw.one(UNRELATED),))


# --- honest mail ------------------------------------------------------------------------------------------------


def genuine(draw: Draw) -> Sender:
    row = draw.brand()
    domain = draw.random.choice(row.domains)
    return _mail(domain, display=_name(draw, row) + draw.one(SUPPORT), subject=draw.one(SUBJECTS))


def genuine_below(draw: Draw) -> Sender:
    row = draw.brand()
    domain = f"{draw.one(['mail', 'em', 'news', 'notice', 'mkt'])}.{draw.random.choice(row.domains)}"
    links = (f"click.{draw.one(UNRELATED)}", domain)
    return _mail(domain, display=row.ja, subject=draw.one(SUBJECTS), links=links)


def genuine_forwarded(draw: Draw) -> Sender:
    """SPF is the forwarder's, DKIM the brand's."""
    row = draw.brand()
    domain = draw.random.choice(row.domains)
    return _mail(domain, display=row.ja, proven=(domain, "forwarder.example"), dmarc="none", subject=draw.one(SUBJECTS))


def genuine_forwarded_unsigned(draw: Draw) -> Sender:
    """A brand that signs nothing, forwarded: nothing is left to prove it."""
    row = draw.brand()
    domain = draw.random.choice(row.domains)
    subject = draw.one(
        [
            "ご請求額のお知らせ",
            "メールマガジン 11月号",
            "ご注文ありがとうございます",
            "Your receipt",
            "ポイント明細",
            "お支払い方法の更新",
        ]
    )
    return _mail(domain, display=row.ja, proven=("forwarder.example",), dmarc="none", subject=subject)


def newsletter_aligned(draw: Draw) -> Sender:
    """By a bulk mailer that signs for the brand and for itself."""
    row = draw.brand()
    domain = draw.random.choice(row.domains)
    links = (f"{row.key}.click-esp.example", "click-esp.example", domain)
    return _mail(
        domain, display=_name(draw, row), proven=("esp.example", domain), subject="今週のおすすめ", links=links
    )


def newsletter_of_the_mailer(draw: Draw) -> Sender:
    """A brand that lets a bulk mailer send in its own name: honest, and nothing proves it."""
    row = draw.brand()
    return _mail(
        "news.bulk-esp.example",
        display=f"{row.ja} {draw.one(['メルマガ', 'News', 'アンケート係', '編集部'])}",
        subject="アンケートのお願い",
    )


def mailing_list(draw: Draw) -> Sender:
    row = draw.brand()
    shown = draw.one(
        [f"{row.en} via Dev List", f"'{row.ja}' via 社内ML", f"{row.en} (via users)", f"{row.ja} 経由 掲示板"]
    )
    return _mail("lists.example.org", display=shown, subject="[users] " + draw.one(SUBJECTS))


def person_ja(draw: Draw) -> Sender:
    shown = draw.one([f"{family} {given}" for family in FAMILY for given in GIVEN] + GIVEN)
    return _mail(
        draw.one(["home.example", "mail.example.net", "gmail.com", "docomo.ne.jp"]), display=shown, subject="明日の件"
    )


def person_en(draw: Draw) -> Sender:
    shown = draw.one([f"{first} {last}" for first in FIRST for last in LAST] + ["Line", "Ana"])
    local = shown.lower().replace(" ", ".")
    return _mail(draw.one(["fjord.example", "gmail.com", "example.net"]), local=local, display=shown, subject="Meeting")


def namesake(draw: Draw) -> Sender:
    """Companies whose names hold a brand's."""
    shown = draw.one(_POOLS["namesakes"])
    return _mail(
        draw.one(["namesake.example", "office.example.net", "kaisha.example"]),
        display=shown,
        subject=draw.one(ORDINARY),
    )


def shop(draw: Draw) -> Sender:
    place = draw.one(
        ["楽天市場店", "Yahoo!ショッピング店", "Amazon店", "(楽天市場)", "au PAYマーケット店", "メルカリShops店"]
    )
    return _mail("shop.example", display=f"{draw.one(ORDINARY)} {place}", subject="ご注文の発送のお知らせ")


def own_mail(draw: Draw) -> Sender:
    shown = draw.one([*OWN_NAMES, "総務部", "情報システム部", "みなと商会 営業", "代表", "Mail Admin"])
    subject = draw.one(
        ["パスワードの有効期限が近づいています", "会議室の予約", "メールボックスの容量が上限です", "今月の締め"]
    )
    return _mail(OWN_DOMAIN, display=shown, subject=subject, links=(OWN_DOMAIN, draw.one(UNRELATED)))


def own_by_list(draw: Draw) -> Sender:
    """A colleague's message that came back by a mailing list, its signature broken; the domain has no DMARC policy."""
    shown = draw.one([f"{family} {given}" for family in FAMILY for given in GIVEN])
    return _mail(OWN_DOMAIN, display=shown, proven=("lists.example.org",), dmarc="none", subject="[gyokai] 例会の件")


def press(draw: Draw) -> Sender:
    row = draw.brand()
    subject = draw.one(
        [
            f"{row.ja}、新サービスを発表",
            f"{row.ja}をかたる詐欺に注意",
            f"{row.en} earnings preview",
            f"{row.ja}が{draw.one(ORDINARY)}と提携",
        ]
    )
    shown = draw.one(["日々経済ニュース", "Tech Digest", "業界通信 編集部", "防犯協会メール"])
    return _mail("news.press.example", display=shown, subject=subject, links=(row.domains[0], "click.press.example"))


def forwarded_any(draw: Draw) -> Sender:
    proven = draw.one([(), ("forwarder.example",), ("srs.example.net",)])
    return _mail("example.net", display=draw.one(ORDINARY), proven=proven, dmarc="none", subject="見積書の件")


def another_hoster(draw: Draw) -> Sender:
    """Another provider about a mailbox there: the subject of every phishing message, and true."""
    subject = draw.one(
        [
            "メールボックスの容量のご確認",
            "メンテナンスのお知らせ",
            "メール容量が上限に近づいています",
            "SSL証明書の更新",
            "ドメイン更新のご案内",
            "請求書発行のお知らせ",
        ]
    )
    shown = draw.one(["ほしぞらサーバー", "Harbor Hosting", "青空レンタルサーバー"])
    return _mail("hosting.example", display=shown, subject=subject, links=("panel.hosting.example",))


def near_domain(draw: Draw) -> Sender:
    """Companies whose domain is one letter from a brand's, or holds an everyday word that is one."""
    domain = draw.one(_POOLS["near_domains"])
    return _mail(
        domain, display=draw.one(ORDINARY), subject=draw.one(["お見積り", "ご来店のお礼", "Newsletter", "納期について"])
    )


def everyday(draw: Draw) -> Sender:
    subject = draw.one(
        [
            "アカウントの件",
            "請求書を送ります",
            "口座の変更について",
            "配達日の確認",
            "本人確認書類の送付",
            "Invoice",
            "解約のご連絡",
            "Re: 利用停止の件",
            "発表資料",
        ]
    )
    return _mail(draw.one(["client.example", "partner.example.net"]), display=draw.one(ORDINARY), subject=subject)


def services(draw: Draw) -> Sender:
    shown = draw.one(
        [
            "Cloud Storage",
            "Video Meetings",
            "オンライン会議サポート",
            "勤怠管理システム",
            "Ticket Desk",
            "オンラインショップ事務局",
            "Bank of Harbor",
            "カードゲーム通信",
        ]
    )
    subject = draw.one(
        ["Verify your account", "パスワードを変更しました", "新しいログイン", "Weekly report", "ご利用明細"]
    )
    return _mail("saas.example", display=shown, subject=subject, links=("app.saas.example",))


Maker = Callable[[Draw], Sender]
IMPERSONATIONS: tuple[Maker, ...] = (
    name_elsewhere, name_with_sign, name_disguised, name_spaced, host_disguised, host_punycode, host_typo, host_inside,
    host_hyphen, forged_with_policy, forged_without_policy, own_name, own_forged, mailbox_lure, link_only, free_mail,
    before_the_at, names_nobody,
)  # fmt: skip
HONEST: tuple[Maker, ...] = (
    genuine, genuine_below, genuine_forwarded, genuine_forwarded_unsigned, newsletter_aligned,
    newsletter_of_the_mailer, mailing_list, person_ja, person_en, namesake, shop, own_mail, own_by_list, press,
    forwarded_any, another_hoster, near_domain, everyday, services,
)  # fmt: skip


def cases(half: Half) -> Iterator[Case]:
    """All messages of one half; the same at each call."""
    draw = Draw(half)
    for makers, number, bad in ((IMPERSONATIONS, IMPERSONATIONS_EACH, True), (HONEST, HONEST_EACH, False)):
        for maker in makers:
            for _ in range(number):
                yield Case(maker.__name__, bad, maker(draw))


def as_json(case: Case) -> dict[str, object]:
    """A case's sender for the Lua side of the comparison."""
    return msgspec.to_builtins(case.sender)  # type: ignore[no-any-return]
