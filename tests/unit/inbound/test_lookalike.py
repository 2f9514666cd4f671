"""Who a message names and who it is from: the rules, case by case."""

from __future__ import annotations

from typing import get_args

import pytest

from sekisho.inbound import reasons
from sekisho.inbound.brands import Catalogue, catalogue, own_brand, with_own
from sekisho.inbound.fold import character_table, pieces, plain, skeleton
from sekisho.inbound.hosts import likeness, unicode_host
from sekisho.inbound.lookalike import Code, Finding, Sender, examine


def tenant() -> Catalogue:
    return with_own(catalogue(), own_brand(["株式会社みなと商会", "Minato Trading"], ["minato-trading.example"]))


def codes(**fields: object) -> set[str]:
    return {finding.code for finding in examine(Sender(**fields), tenant()).findings}  # type: ignore[arg-type]


def warns(**fields: object) -> bool:
    return examine(Sender(**fields), tenant()).warns  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "same"),
    [("Ａｍａｚｏｎ", "amazon"), ("ｱﾏｿﾞﾝ", "アマゾン"), ("楽\u200b天", "楽天"), ("Rakuten\u00ad", "rakuten")],
)
def test_it_holds_what_unicode_calls_the_same_letters_to_be_plainly_the_same(written: str, same: str) -> None:
    assert plain(written) == plain(same)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Аmаzоn", "amazon"), ("Arnazon", "amazon"), ("AMAZ0N", "amazon"), ("PayPaI", "paypal"), ("ΑΡΡLΕ", "apple")],
)
def test_it_sees_through_letters_that_look_alike(written: str, meant: str) -> None:
    assert plain(written) != plain(meant)
    assert skeleton(written) == skeleton(meant)


def test_it_reads_spaced_letters_and_spaced_japanese_as_words() -> None:
    assert pieces("a m a z o n") == ("amazon",)
    assert pieces("楽 天 カード") == ("楽天カード",)
    assert pieces("j p morgan") == ("j", "p", "morgan")


@pytest.mark.parametrize(
    "name",
    ["楽天カード株式会社", "【重要】Amazon カスタマーサービス", "三井住友銀行", "Ａｍａｚｏｎ.co.jp", "Аmazon",
     "楽 天 市 場", "LINE 公式", "A m a z o n", "ヤマト運輸 お届け担当", "ゆうちょ銀行", "えきねっと",
     "ETC利用照会サービス事務局", "Microsoft account team", "国税庁からのお知らせ",
     "株式会社みなと商会 情報システム部", "minato-trading.example Admin"],
)  # fmt: skip
def test_it_warns_of_a_brands_name_from_an_unrelated_domain(name: str) -> None:
    assert warns(display=name, domain="xk29-mail.example", proven=("xk29-mail.example",))


@pytest.mark.parametrize(
    ("name", "domain"),
    [("佐川太郎", "sagawa-family.example"), ("Line Andersen", "fjord.example"), ("みずほ", "home.example"),
     ("靴のたなか 楽天市場店", "kutsu-tanaka.example"), ("Amazon Rivers Trust", "rivers.example"),
     ("大和 一郎", "daiwa-k.example"),
     ("日経トレンド編集部", "press.example"), ("Minato Ward Office", "ward.example"),
     ("アップルパイ同好会", "pie.example")],
)  # fmt: skip
def test_it_does_not_warn_of_people_and_shops_with_such_a_name(name: str, domain: str) -> None:
    assert not warns(display=name, domain=domain, proven=(domain,))


def test_a_brand_that_is_proven_is_genuine_whatever_its_subject_and_links() -> None:
    verdict = examine(
        Sender(
            display="楽天カード株式会社", domain="mail.rakuten-card.co.jp", proven=("mail.rakuten-card.co.jp",),
            subject="【重要】アカウント停止のお知らせ", links=("rakuten.co.jp.counter.example",),
        ),
        tenant(),
    )  # fmt: skip
    assert verdict.genuine == "rakuten" and verdict.findings == () and not verdict.warns


def test_dkim_of_the_brand_survives_forwarding() -> None:
    assert not warns(display="Amazon.co.jp", domain="amazon.co.jp", proven=("amazon.co.jp", "forwarder.example"))


def test_a_brands_address_without_proof_counts_alone_only_where_its_policy_asks_for_it() -> None:
    fields: dict[str, object] = {"display": "Amazon.co.jp", "domain": "amazon.co.jp", "proven": ("evil.example",)}
    assert warns(**fields, dmarc="quarantine")
    assert codes(**fields, dmarc="none") == {"forged-sender"} and not warns(**fields, dmarc="none")
    assert warns(**fields, dmarc="none", subject="お支払い方法を更新してください")


def test_a_customers_address_at_a_brand_proves_the_customer_only() -> None:
    fields: dict[str, object] = {"display": "NTTドコモ", "domain": "docomo.ne.jp", "proven": ("docomo.ne.jp",)}
    assert codes(**fields) == {"display-name"} and not warns(**fields)
    assert warns(**fields, subject="ご利用料金の支払い方法を更新してください 不正利用")


@pytest.mark.parametrize(
    ("host", "brand", "kind", "sure"),
    [
        ("rakuten.co.jp.example.cn", "rakuten", "domain", True), ("rakuten-card.example", "rakuten", "label", True),
        ("rakuten.example", "rakuten", "label", False), ("arnazon.example", "amazon", "disguised", True),
        ("xn--mazon-3ve.example", "amazon", "disguised", True), ("rnicrosoft.com", "microsoft", "disguised", True),
        ("amazom.example", "amazon", "near", False), ("secure-paypaI.example", "paypal", "disguised", True),
        ("smbc-card-com.example", "smbc", "domain", True), ("amazon-co-jp.example", "amazon", "domain", True),
        ("apple-support.example", "apple", "label", True), ("minato-tradlng.example", "own", "disguised", True),
        ("kuronekoyamaro.example", "yamato", "near", False),
    ],
)  # fmt: skip
def test_it_tells_whom_a_host_imitates(host: str, brand: str, kind: str, sure: bool) -> None:
    assert likeness(host, tenant()) == (brand, kind, sure)


@pytest.mark.parametrize(
    "host",
    ["paypal.com", "www.paypay.ne.jp", "line.example.org", "etc.example.jp", "mail.example.com.au", "pineapple.example",
     "mizuno.example", "minato-trading.example", "oricon.example", "shop.rakuten.co.jp", "visa-museum.example",
     "online.example", "airline.example", "applejapanfarm.example"],
)  # fmt: skip
def test_it_leaves_unrelated_and_genuine_hosts_alone(host: str) -> None:
    assert likeness(host, tenant()) is None


def test_an_undecodable_or_endless_host_is_no_error() -> None:
    assert unicode_host("xn--\udcff.example").endswith(".example")
    assert likeness("xn--" + "9" * 60 + ".example", tenant()) is None
    assert likeness("a" * 100_000, tenant()) is None


def test_a_mailbox_lure_with_a_link_is_sure_and_without_one_is_not() -> None:
    fields: dict[str, object] = {
        "display": "Mail Admin",
        "domain": "x.example",
        "subject": "メールボックスの容量が上限に達しました",
    }
    assert warns(**fields, links=("login.x.example",))
    assert not warns(**fields) and codes(**fields) == {"mailbox-lure"}
    assert not warns(**fields, links=("webmail.minato-trading.example",))


def test_mail_of_the_tenant_itself_raises_nothing_and_a_forged_one_does() -> None:
    fields: dict[str, object] = {"display": "株式会社みなと商会", "domain": "minato-trading.example"}
    assert (
        codes(**fields, proven=("minato-trading.example",), subject="パスワードの有効期限が切れます", links=("a.b",))
        == set()
    )
    assert warns(**fields, dmarc="reject")


def test_every_code_has_words_in_both_languages_that_name_the_brand() -> None:
    assert set(reasons.WORDS) == set(get_args(Code))
    for code in get_args(Code):
        finding = Finding(code, "rakuten", "x.example", True)
        for language, name in (("ja", "楽天"), ("en", "Rakuten")):
            sentence = reasons.words(finding, catalogue(), language)  # type: ignore[arg-type]
            assert "x.example" in sentence and "{" not in sentence
            assert name in sentence or code.endswith(("-lure", "-text"))


def test_no_domain_or_spelling_belongs_to_two_brands() -> None:
    for field in ("domains", "shared"):
        rows = [(row, brand.key) for brand in catalogue().brands for row in getattr(brand, field)]
        double = {row for row, _ in rows if len({key for other, key in rows if other == row}) > 1}
        # Companies that run each other's services.
        assert double <= {"lycorp.co.jp", "jreast.co.jp", "japanpost.jp", "paypay-bank.co.jp"}, double
    spellings = [label.looks for brand in catalogue().brands for label in brand.labels]
    assert len(spellings) == len(set(spellings))


def test_the_table_for_lua_gives_what_plain_gives() -> None:
    table = character_table()
    text = "Ａｍａｚｏｎ ｶﾞｯｺｳ ㈱楽\u200b天 ﬁne ①"
    folded = "".join(table.get(c, c) if not c.isascii() else (c.lower() if c.isalnum() else " ") for c in text)
    assert " ".join(folded.split()) == plain(text)
    assert len(table) < 20_000
