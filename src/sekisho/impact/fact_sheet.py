"""The nine items of 個人情報保護法施行規則 8条1項, each filled with what the record knows, else blank.

Nothing here is guessed: how many people's data it was, and of what kind, stands in the mails, which nobody here opens.
Correspondents appear as numbers only, so the sheet is the same for every reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from sekisho.config import settings
from sekisho.impact import apologies, gap_texts
from sekisho.impact.duty import Clocks
from sekisho.impact.model import Figure, ImpactReport
from sekisho.impact.said import Said, many, moment
from sekisho.incidents.case_numbers import case_number
from sekisho.incidents.models import Incident, Notice


@dataclass(frozen=True)
class Item:
    """One of the nine: its title in the rule's words, what the record knows, what the customer fills in."""

    number: int
    title: Said
    facts: tuple[Said, ...]
    blanks: tuple[Said, ...]


TITLES = (
    Said("概要", "Outline"),
    Said(
        "漏えい等が発生し、又は発生したおそれがある個人データの項目",
        "Kinds of personal data that leaked or may have leaked",
    ),
    Said(
        "漏えい等が発生し、又は発生したおそれがある個人データに係る本人の数",
        "Number of persons whose data leaked or may have leaked",
    ),
    Said("原因", "Cause"),
    Said("二次被害又はそのおそれの有無及びその内容", "Secondary harm or the risk of it, and what it is"),
    Said("本人への対応の実施状況", "What was done towards the persons concerned"),
    Said("公表の実施状況", "Whether it was made public"),
    Said("再発防止のための措置", "Measures against a repetition"),
    Said("その他参考となる事項", "Other matters of note"),
)  # fmt: skip
_BLANKS = (
    (Said("事業者名、担当者の氏名と連絡先", "Name of the business; name and contact of the person in charge"),),
    (Said("メールに含まれていた個人データの項目(氏名、住所、電話番号、口座、要配慮個人情報)",
          "Kinds of personal data in the mails (names, addresses, telephone numbers, accounts, sensitive data)"),),
    (Said("本人の数(分からないときは、最大の数とその考え方)",
          "Number of persons (if unknown: the most it can be, and why)"),),
    (Said("パスワードが知られた経緯(偽のログイン画面、使い回し、端末のウイルスなど)",
          "How the password became known (a false sign-in page, the same password elsewhere, malware on a device)"),),
    (Said("金銭の被害、なりすましの問い合わせ、カード会社などからの連絡",
          "Loss of money, calls about impersonation, word from card companies"),),
    (Said("本人への通知の日付、方法、内容", "When, how and with what words the persons were told"),),
    (Said("公表の日付、方法、内容(公表しない場合はその理由)",
          "When, how and with what words it was made public, or why not"),),
    (Said("貴社での措置(端末の検査、社内規程、研修など)", "Measures of your own (devices, rules, training)"),),
    (Said("警察、JPCERT/CC など、ほかの機関への届出", "Reports to other bodies (police, JPCERT/CC …)"),),
)  # fmt: skip


def build(incident: Incident, report: ImpactReport, clocks: Clocks) -> tuple[Item, ...]:
    """The nine items for an incident."""
    filled = (
        _outline(incident, report, clocks), _kinds(report), _persons(report), _cause(report), _harm(report),
        _towards(incident), (), _measures(incident, report), _other(incident, report),
    )  # fmt: skip
    return tuple(Item(n + 1, TITLES[n], tuple(filled[n]), _BLANKS[n]) for n in range(9))


def _outline(incident: Incident, report: ImpactReport, clocks: Clocks) -> list[Said]:
    first, seen, shut = moment(report.entry.first_at), moment(report.entry.detected_at), report.entry.contained_at
    knew = moment(clocks.knew_at)
    found = [
        Said(
            f"メールアドレス {report.mailbox} に、利用者ではない第三者がログインしたと判定された事案です。",
            f"Somebody other than its owner was judged to have logged in to the mailbox {report.mailbox}.",
        ),
        Said(f"最初の兆候: {first.ja}", f"First sign: {first.en}"),
        Said(f"検知: {seen.ja}", f"Detected: {seen.en}"),
        Said(
            f"知った日時: {knew.ja}" + ("" if clocks.knew_set else "(検知の時刻。まだ入力されていません)"),
            f"Known since: {knew.en}" + ("" if clocks.knew_set else " (time of detection; nobody has set another)"),
        ),
    ]
    if shut is not None:
        at = moment(shut)
        found.append(
            Said(f"ログインと送信を止めた時刻: {at.ja}", f"Logins and sending shut: {at.en}")
            if incident.action == "suspend"
            else Said(f"送信を制限した時刻: {at.ja}", f"Sending restricted: {at.en}")
        )
    if report.entry.recovered_at is not None:
        at = moment(report.entry.recovered_at)
        found.append(Said(f"新しいパスワードで再開: {at.ja}", f"Open again with a new password: {at.en}"))
    if incident.phase == "dismissed":
        found.append(Said("この事案は、後に「乗っ取りではない」とされました。", "It was later dismissed: no takeover."))
    return found


def _line(figure: Figure, ja: str, en: str) -> Said:
    number = many(figure)
    return Said(ja.format(n=number.ja), en.format(n=number.en))


def _kinds(report: ImpactReport) -> list[Said]:
    found = []
    names = {one.name for one in report.limits}
    if "reads_not_told" not in names:
        found.append(
            _line(report.read.fetched, "本文が取り出されたメール: {n}通", "Messages whose body was fetched: {n}")
        )
        found.append(
            Said(f"開かれたフォルダー: {len(report.read.folders)}個", f"Folders opened: {len(report.read.folders)}")
        )
    for leak in report.leaked:
        found.append(
            _line(
                leak.messages,
                "第三者が仕掛けた転送で外へ出たメール: {n}通",
                "Messages that left by a planted forward: {n}",
            )
        )
    if report.address_book is not None:
        found.append(_line(report.address_book, "アドレス帳の登録: {n}件", "Entries in the address book: {n}"))
    found += [
        gap_texts.limit(one)
        for one in report.limits
        if one.name in ("nothing_fetched", "reads_not_told", "reads_since")
    ]
    return found


def _persons(report: ImpactReport) -> list[Said]:
    return [
        Said(
            "本人の数は記録から分かりません(メールの本文は保存も確認もしていません)。読まれたメールや転送されたメールの数は、"
            "2 をご覧ください。",
            "The record cannot tell the number of persons: contents of mail are neither kept nor looked at. How many "
            "messages were read or forwarded stands in item 2.",
        )
    ]


def _cause(report: ImpactReport) -> list[Said]:
    found = [
        Said(
            "正しいパスワードでのログインが記録されています。メールサーバーへの侵入を示す記録ではありません。",
            "Logins with the right password are on record. Nothing here shows that the mail server was broken into.",
        ),
        Said(
            f"第三者のものと判定された接続元: {len(report.entry.sources)}か所",
            f"Sources judged to be the third party's: {len(report.entry.sources)}",
        ),
    ]
    if report.entry.guesses.value:
        found.append(
            _line(report.entry.guesses, "その前に、同じ接続元から誤ったパスワードが {n}回 試されました。",
                  "Before that, wrong passwords were tried {n} times from the same sources.")
        )  # fmt: skip
    else:
        found.append(
            Said(
                "事前にパスワードが試された記録はありません。パスワードは、すでに知られていたと考えられます。",
                "No tries before it are on record: the password seems to have been known already.",
            )
        )
    return found


def _harm(report: ImpactReport) -> list[Said]:
    sent = report.sent
    got_it = [figure for name in apologies.GOT_IT if (figure := sent.outcomes.get(name)) is not None]
    found = []
    if sent.messages.value:
        found.append(
            _line(sent.messages, "このアドレスから第三者が送ったメール: {n}通", "Messages sent by the third party: {n}")
        )
        found.append(_line(sent.recipients, "その宛先: のべ{n}件", "Their recipients: {n}"))
        if got_it:
            delivered = Figure("", sum(one.value for one in got_it), any(one.at_least for one in got_it))
            found.append(_line(delivered, "そのうち届いたもの: {n}件", "Of those delivered: {n}"))
    else:
        found.append(
            Said("第三者が送ったメールの記録はありません。", "No message sent by the third party is on record.")
        )
    if report.changed:
        found.append(Said(f"変更された設定: {len(report.changed)}件", f"Settings changed: {len(report.changed)}"))
    return found


def _towards(incident: Incident) -> list[Said]:
    letters = Notice.objects.filter(incident=None, kind=apologies.KIND, about=f"apology {incident.pk}", state="sent")
    told = Notice.objects.filter(incident=incident, state="sent").count()
    return [
        Said(
            f"管理者と利用者の連絡先へのお知らせ: {told}通", f"Notices to contacts of administrators and owner: {told}"
        ),
        Said(
            f"迷惑メールが届いた方への、利用者からのお詫びのメール: {letters.count()}通",
            f"Apologies of the owner to those who got the third party's mail: {letters.count()}",
        ),
    ]


def _measures(incident: Incident, report: ImpactReport) -> list[Said]:
    found = []
    if report.entry.contained_at is not None:
        found.append(
            Said(
                "ログイン、送信、受信のすべての経路を止め、止まったことを確認しました。",
                "Every way to log in, send and receive was shut, and it was verified that it is.",
            )
            if incident.action == "suspend"
            else Said("面識のない宛先への送信を制限しました。", "Sending to strangers was restricted.")
        )
    off = sum(one.state in ("off", "deleted") for one in report.changed)
    if off:
        found.append(Said(f"仕掛けられた設定を停止・削除: {off}件", f"Planted settings switched off or deleted: {off}"))
    if report.entry.recovered_at is not None:
        found.append(
            Said(
                "新しいパスワードに変更しました。",
                "A new password was set.",
            )
        )
    return found


def _other(incident: Incident, report: ImpactReport) -> list[Said]:
    return [
        Said(f"ケース番号: {case_number(incident)}", f"Case number: {case_number(incident)}"),
        Said(f"記録したサーバー: {settings().host}", f"Recorded by: {settings().host}"),
        *gap_texts.sentences(report),
    ]
