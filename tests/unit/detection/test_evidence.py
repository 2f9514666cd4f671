"""The sentences: numbers inside, both languages, singular and plural."""

from __future__ import annotations

import pytest

from sekisho.detection import evidence
from sekisho.detection.places import OpenSource


def source(country: str, first_at: float = 0.0, last_at: float = 0.0, asn: int = 65_001) -> OpenSource:
    return OpenSource(first_at, last_at, 4.5, country, asn, True)


@pytest.mark.parametrize(
    ("sentences", "ja", "en"),
    [
        (
            evidence.new_country(source("BR"), 30, ["JP"]),
            "これまで30日間の利用は JP だけですが、BR(AS65001)から認証されました。",
            "Authenticated from BR (AS65001); in 30 days of history only JP was seen.",
        ),
        (
            evidence.new_country(source("BR", asn=0), 0, []),
            "利用実績のない国 BRから認証されました。",
            "Authenticated from BR, a country never seen for this mailbox.",
        ),
        (
            evidence.many_countries([source("BR", 0, 30), source("AR", 20, 720)]),
            "12分間に、利用実績のない2か国(AR・BR)から認証されました。",
            "Authenticated from 2 countries never seen before (AR, BR) within 12 minutes.",
        ),
        (
            evidence.many_countries([source(f"A{n}", 0, 10_800) for n in "ABCDEFG"]),
            "3時間に、利用実績のない7か国(AA・AB・AC・AD・AE・AFなど)から認証されました。",
            "Authenticated from 7 countries never seen before (AA, AB, AC, AD, AE, AF, …) within 3 hours.",
        ),
        (
            evidence.new_network(source("JP"), 12),
            "これまで12日間に利用のない接続事業者(AS65001)から認証されました。",
            "Authenticated through AS65001, a network owner not seen in 12 days of history.",
        ),
        (
            evidence.new_network(source("", asn=0), 1),
            "これまで1日間に利用のない接続元ネットワークから認証されました。",
            "Authenticated from a network not seen in 1 day of history.",
        ),
        (
            evidence.new_recipients(61.5, 1200, 4.2, 9.6),
            "初めての宛先へ、直近1時間に62件、24時間に1200件送信しようとしました(普段は多くて1時間4件、1日10件)。",
            "62 recipients never written to before in the last hour, 1,200 in 24 hours "
            "(usually at most 4 an hour, 10 a day).",
        ),
        (
            evidence.bounces(82, 38, 5, 0.03),
            "24時間に結果の出た120件のうち38件が返されました、うち5件は迷惑メールとして拒否(普段は約3%)。",
            "38 of 120 deliveries within 24 hours bounced, 5 of them refused as spam (usually about 3%).",
        ),
        (
            evidence.password_guesser("192.0.2.7", 8),
            "認証に成功した接続元 192.0.2.7 は、24時間以内に他の8件以上のメールボックスでパスワードを間違えています。",
            "192.0.2.7, which got in here, failed to log in to at least 8 other mailboxes within 24 hours.",
        ),
        (
            evidence.new_protocol("sieve", 30),
            "見慣れない接続元が、これまで30日間に一度も使われていない ManageSieve を使いました。",
            "An unfamiliar source used ManageSieve, which this mailbox did not use in 30 days of history.",
        ),
    ],
)
def test_a_sentence_says_its_numbers(sentences: tuple[str, str], ja: str, en: str) -> None:
    assert sentences == (ja, en)


def test_a_long_target_is_cut_and_a_missing_one_said() -> None:
    assert len(evidence.forward_rule("x" * 300)[0]) < 120
    assert "?" in evidence.forward_rule("")[1]


def test_one_is_singular() -> None:
    assert "1 message in" in evidence.message_burst(1, 0)[1]
    assert evidence.many_countries([source("BR")])[1].endswith("within 1 minute.")
