"""`incident report`: what the third party did, as the record has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from sekisho.cli.incident_queue import find_incident
from sekisho.cli.mailbox import as_json_option
from sekisho.cli.output import databases, local_time, print_json, say, tell

if TYPE_CHECKING:
    from sekisho.impact.model import Figure, ImpactReport

RELATIONS = {
    "own": ("customers here", "自社のお客様"),
    "partner": ("written to before", "以前からの相手"),
    "stranger": ("strangers", "初めての相手"),
}
OUTCOMES = {
    "delivered": ("delivered", "配達済み"),
    "escaped": ("escaped while being put on hold", "保留の前に流出"),
    "refused_as_spam": ("refused as spam", "迷惑メールとして拒否"),
    "refused": ("refused", "拒否・返送"),
    "held": ("on hold", "保留中"),
    "waiting": ("still on their way", "配送中"),
    "deleted": ("deleted", "削除済み"),
    "unknown": ("without a known result", "結果不明"),
}
CHANGE_STATES = {
    "off": ("switched off", "無効化済み"),
    "kept": ("kept by a person", "残すと判断"),
    "deleted": ("deleted", "削除済み"),
    "on": ("still there", "残っています"),
}
GAPS = {
    "guard": ("nobody watched logins and sending", "ログインと送信の見張りが停止"),
    "events": ("nobody recorded what was read", "閲覧の記録が停止"),
}
LIMITS = {
    "nothing_fetched": ("no message was fetched in the sessions that were seen", "確認できた接続では本文の取得なし"),
    "reads_not_told": ("what was read is not known", "何が読まれたかの記録なし"),
    "reads_since": ("what was read is known since a time only", "閲覧の記録は途中から"),
    "webmail_reads": ("who used our webmail is not known", "ウェブメールの利用者は区別不可"),
    "results_until": ("results are known until now", "配送結果は現時点まで"),
    "older_removed": ("older rows have been removed", "保存期間を過ぎた記録は削除済み"),
}
MOST_SHOWN = 20


@click.command("report")
@click.argument("number", type=int)
@click.option("--evidence", "figure", metavar="FIGURE", help="The rows behind one figure, by its name (JSON lines).")
@as_json_option
def report(number: int, figure: str | None, as_json: bool) -> None:
    """Say what the third party of incident NUMBER did: entry, sending, reading, changes, leaks.

    --json has every figure with its name; --evidence NAME prints the rows that add up to it ("changed": the changes).
    """
    with databases():
        from django.utils import timezone

        from sekisho.impact import evidence, outward
        from sekisho.impact.report import build

        row, now = find_incident(number), timezone.now()
        if figure is not None:
            for fact in evidence.rows(row, figure, now):
                click.echo(msgspec.json.encode(fact).decode())
            return
        found = build(row, now)
        if as_json:
            print_json(outward.plain(found))
        else:
            tell_report(found)


def tell_report(report: ImpactReport) -> None:
    """Prints a report in plain sentences."""
    tell(f"Incident {report.incident} of {report.mailbox}", f"インシデント {report.incident}: {report.mailbox}")
    _tell_entry(report)
    _tell_sent(report)
    _tell_read(report)
    for change in report.changed:
        at = clock(change.at) if change.at is not None else say("time unknown", "日時不明")
        click.echo(f"  {change.kind}  {change.what}  {at}  {say(*CHANGE_STATES[change.state])}")
    for leak in report.leaked:
        tell(
            f"  {many(leak.messages)} messages left to {leak.target}, last {clock(leak.last_at)}",
            f"  {leak.target} へ {many(leak.messages)} 通が転送されました(最終 {clock(leak.last_at)})",
        )
    if report.address_book is not None:
        tell(
            f"  The webmail's address book had {many(report.address_book)} entries.",
            f"  ウェブメールのアドレス帳には {many(report.address_book)} 件の登録がありました。",
        )
    for other in report.touched[:MOST_SHOWN]:
        tell(
            f"  From the same addresses at {other.mailbox}: {many(other.logins)} logins, {many(other.failures)} tries",
            f"  同じ接続元から {other.mailbox}: ログイン {many(other.logins)} 回、失敗 {many(other.failures)} 回",
        )
    for gap in report.gaps:
        click.echo(f"  {clock(gap.since)} - {clock(gap.until)}: {say(*GAPS[gap.part])}")
    for limit in report.limits:
        click.echo(f"  {say('Note', '注')}: {say(*LIMITS[limit.name])}")


def clock(t: float) -> str:
    """A time of the report in the terminal's zone."""
    return local_time(datetime.fromtimestamp(t, UTC))


def many(figure: Figure) -> str:
    """A figure with "at least" where more may have happened."""
    return say(f"at least {figure.value}", f"少なくとも {figure.value}") if figure.at_least else str(figure.value)


def _tell_entry(report: ImpactReport) -> None:
    entry = report.entry
    for source in entry.sources[:MOST_SHOWN]:
        where = " ".join(
            filter(None, (source.country, source.network_owner or (f"AS{source.asn}" if source.asn else "")))
        )
        seen, doors = f"{clock(source.first_at)} - {clock(source.last_at)}", ", ".join(source.protocols)
        tell(
            f"  {source.ip} ({where}), {doors}: {many(source.logins)} logins, {seen}",
            f"  {source.ip}({where})、{doors}: ログイン {many(source.logins)} 回、{seen}",
        )
    if not entry.sources:
        tell("  No source is on record.", "  接続元の記録はありません。")
    tell(
        f"  {many(entry.guesses)} wrong passwords from there before the first login that succeeded.",
        f"  最初のログイン成功までのパスワードの誤り {many(entry.guesses)} 回。",
    )


def _tell_sent(report: ImpactReport) -> None:
    sent = report.sent
    tell(
        f"  Sent: {many(sent.messages)} messages to {many(sent.recipients)} recipients",
        f"  送信: {many(sent.messages)} 通、宛先 {many(sent.recipients)} 件",
    )
    for names, figures in ((RELATIONS, sent.relations), (OUTCOMES, sent.outcomes)):
        parts = [f"{say(*names[name])} {many(figure)}" for name, figure in figures.items() if figure.value]
        if parts:
            click.echo("    " + say(", ", "、").join(parts))
    parts = [f"{one.domain} {many(one.recipients)}" for one in sent.domains[:MOST_SHOWN]]
    if parts:
        click.echo("    " + say(", ", "、").join(parts))


def _tell_read(report: ImpactReport) -> None:
    read = report.read
    tell(
        f"  Read: {many(read.fetched)} messages in {many(read.sessions)} sessions, {len(read.searches)} searches; "
        f"deleted or moved {many(read.deleted)}, put in {many(read.stored)}",
        f"  閲覧: {many(read.sessions)} 回の接続で本文 {many(read.fetched)} 通、検索 {len(read.searches)} 回、"
        f"削除・移動 {many(read.deleted)} 通、追加 {many(read.stored)} 通",
    )
