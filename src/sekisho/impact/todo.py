"""「いま、なさってほしいこと」: what an owner had better do now, each line for a fact that calls for it."""

from __future__ import annotations

import re
from typing import NamedTuple

from sekisho.impact.apologies import GOT_IT
from sekisho.impact.model import Figure, ImpactReport
from sekisho.impact.said import Said, many

# What somebody types who is after money, and how such folders are called. A hit says what he looked for, not what he
# found: the line says no more.
_MONEY = re.compile(
    r"銀行|口座|振込|カード|クレジット|請求|支払|決済|楽天|アマゾン|証券|暗号資産|仮想通貨|"
    r"bank|card|credit|invoice|payment|paypal|amazon|rakuten|wallet|bitcoin|iban",
    re.I,
)
_SECRETS = re.compile(r"パスワード|暗証|認証コード|ログイン|password|passwd|login|2fa|otp|verification", re.I)


class Todo(NamedTuple):
    """One thing to do and why; `leads_to`: "apology", "report" or "" (where the page can lead)."""

    why: Said
    what: Said
    leads_to: str = ""


def todos(report: ImpactReport) -> list[Todo]:
    """The lines that this report calls for, the urgent ones first."""
    return [
        *_password(report),
        *_money(report),
        *_services(report),
        *_forwards(report),
        *_contacts(report),
        *_unseen(report),
    ]


def _password(report: ImpactReport) -> list[Todo]:
    if not report.entry.sources:
        return []
    return [
        Todo(
            Said(
                "第三者は、正しいパスワードでログインしていました。", "Somebody else logged in with the right password."
            ),
            Said(
                "同じパスワード、または似たパスワードを使っているほかのサービスがあれば、そこでも変更してください。",
                "If you use the same or a similar password elsewhere, change it there as well.",
            ),
        )
    ]


def _money(report: ImpactReport) -> list[Todo]:
    searched = [one.words for one in report.read.searches if _MONEY.search(one.words)]
    opened = [one.name for one in report.read.folders if one.fetched.value and _MONEY.search(one.name)]
    found = []
    if searched or opened:
        named = "、".join(f"「{word[:40]}」" for word in (searched + opened)[:3])
        plain = ", ".join(f"“{word[:40]}”" for word in (searched + opened)[:3])
        found.append(
            Todo(
                Said(
                    f"お金に関わるメールが探された記録があります({named})。",
                    f"Somebody looked for mail about money ({plain}).",
                ),
                Said(
                    "銀行やカードの明細を確かめ、心当たりのないものがあれば、カードの裏面や通帳にある番号へお電話ください。",
                    "Check your bank and card statements. If something is not yours, call the number on the card.",
                ),
                "report",
            )
        )
    if any(_SECRETS.search(one.words) for one in report.read.searches):
        found.append(
            Todo(
                Said(
                    "パスワードや認証コードのメールが探された記録があります。",
                    "Somebody looked for passwords or codes in your mail.",
                ),
                Said(
                    "メールで届いたパスワードをそのまま使っているサービスでは、新しいものに変えてください。",
                    "Where you still use a password that came by mail, change it.",
                ),
                "report",
            )
        )
    if report.read.fetched.value and not found:
        number = many(report.read.fetched)
        found.append(
            Todo(
                Said(
                    f"メール{number.ja}通の本文が取り出されました。",
                    f"The bodies of {number.en} messages were fetched.",
                ),
                Said(
                    "銀行やお店からのメールが含まれていたかは、記録からは分かりません。"
                    "思い当たるものがあれば、明細をお確かめください。",
                    "Whether mail from banks or shops was among them is not on record. If it may be, check statements.",
                ),
                "report",
            )
        )
    return found


def _services(report: ImpactReport) -> list[Todo]:
    if report.services:
        listed = ", ".join(report.services[:10])
        return [
            Todo(
                Said(
                    f"このアドレスを登録しているサービスがあります: {listed}",
                    f"These services know this address: {listed}",
                ),
                Said(
                    "それぞれのサービスにログインし、パスワードと登録内容が変わっていないかお確かめください。",
                    "Sign in to each of them and see whether password and details are still yours.",
                ),
            )
        ]
    return [
        Todo(
            Said(
                "ほかのサービスのパスワード再設定は、このアドレスあてのメールで行われることがあります。",
                "Other services may let their password be reset by a mail to this address.",
            ),
            Said(
                "通販、銀行、SNSなど、このアドレスを登録しているサービスに、身に覚えのない変更がないかお確かめください。",
                "Look at the shops, banks and networks that know this address: is there a change you did not make?",
            ),
        )
    ]


def _forwards(report: ImpactReport) -> list[Todo]:
    found = []
    for leak in report.leaked[:5]:
        number = many(leak.messages)
        found.append(
            Todo(
                Said(
                    f"あなたあてのメール{number.ja}通が、{leak.target} へ転送されていました。",
                    f"{number.en} messages to you were forwarded to {leak.target}.",
                ),
                Said(
                    "その間に届いたメールの内容は、第三者に知られたものとしてお考えください。",
                    "Consider what came in that time known to a stranger.",
                ),
                "report",
            )
        )
    if report.changed:
        found.append(
            Todo(
                Said(
                    f"設定が{len(report.changed)}件、変更されていました。",
                    f"{len(report.changed)} settings were changed.",
                ),
                Said(
                    "転送、振り分け、自動応答の設定が、ご自分のものだけになっているかお確かめください。",
                    "See that forwards, filters and automatic answers are only yours.",
                ),
                "report",
            )
        )
    return found


def _contacts(report: ImpactReport) -> list[Todo]:
    got_it = [figure for name in GOT_IT if (figure := report.sent.outcomes.get(name)) and figure.value]
    found = []
    if got_it:
        number = many(Figure("", sum(one.value for one in got_it), any(one.at_least for one in got_it)))
        found.append(
            Todo(
                Said(
                    f"あなたのアドレスから送られた迷惑メールが、{number.ja}件の宛先に届きました。",
                    f"Unwanted mail from your address was delivered to {number.en} recipients.",
                ),
                Said(
                    "再開のあと、届いた方へお詫びをお送りください。",
                    "When your mailbox is open again, tell them that you are sorry.",
                ),
                "apology",
            )
        )
    if report.address_book is not None and report.address_book.value:
        number = many(report.address_book)
        found.append(
            Todo(
                Said(
                    f"アドレス帳の{number.ja}件が見られたおそれがあります。",
                    f"{number.en} entries of your address book may have been seen.",
                ),
                Said(
                    "お知り合いに、あなたを名乗る不審なメールに気をつけるようお伝えください。",
                    "Tell the people you know to be wary of mail in your name.",
                ),
            )
        )
    return found


def _unseen(report: ImpactReport) -> list[Todo]:
    if not any(one.name == "reads_not_told" for one in report.limits):
        return []
    return [
        Todo(
            Said(
                "何が読まれたかは、記録がないため分かりません。",
                "What was read is not known: there is no record of it.",
            ),
            Said(
                "メールボックスにあったものは、読まれたかもしれないとお考えください。",
                "Consider everything in the mailbox as perhaps read.",
            ),
        )
    ]
