"""What was not seen and what the record cannot tell, as sentences. A reader must never take silence for innocence."""

from __future__ import annotations

from sekisho.impact.model import Gap, ImpactReport, Limit
from sekisho.impact.said import Said, moment

_PARTS = {
    "guard": Said("ログインと送信の見張り", "the watch over logins and sending"),
    "events": Said("メールの閲覧の記録", "the record of mail being read"),
}


def gap(one: Gap) -> Said:
    """A time in which nobody looked."""
    since, until, part = moment(one.since), moment(one.until), _PARTS[one.part]
    return Said(
        f"{since.ja}から{until.ja}まで、{part.ja}が止まっていました。この間に行われたことは、この報告に含まれていない"
        "おそれがあります。",
        f"From {since.en} to {until.en} {part.en} was not running. What was done in that time may be missing here.",
    )


def limit(one: Limit) -> Said:
    """What the evidence cannot say."""
    return _LIMITS[one.name](moment(one.at))


def sentences(report: ImpactReport) -> list[Said]:
    """All of them: the gaps by time, then the limits."""
    gaps = sorted(report.gaps, key=lambda one: one.since)
    return [*map(gap, gaps), *map(limit, report.limits)]


_LIMITS = {
    "nothing_fetched": lambda at: Said(
        "見えていたログインの間に、本文が取り出されたメールの記録はありません。メールの件名や差出人の一覧が見られた"
        "可能性は残ります。",
        "In the sessions that were seen no message's body was fetched. Lists of subjects and senders may have been "
        "seen all the same.",
    ),
    "reads_not_told": lambda at: Said(
        "メールサーバーが閲覧の記録を出していないため、何が読まれたかは分かりません。「読まれなかった」という意味では"
        "ありません。",
        "The mail server does not tell what is read, so nobody knows what was. It does not mean that nothing was read.",
    ),
    "reads_since": lambda at: Said(
        f"閲覧の記録は{at.ja}に始まりました。それより前に何が読まれたかは分かりません。",
        f"Reading has been recorded since {at.en}. What was read before that is not known.",
    ),
    "webmail_reads": lambda at: Said(
        "ウェブメールからの閲覧は、利用者ご本人のものと区別できないことがあります。",
        "What is read by webmail cannot always be told from the owner's own reading.",
    ),
    "results_until": lambda at: Said(
        f"配送の結果は{at.ja}までのものです。その後に届いたメールや戻ったメールは含まれていません。",
        f"Delivery results are those seen until {at.en}. What was delivered or returned later is not in here.",
    ),
    "older_removed": lambda at: Said(
        "保存期間を過ぎた記録は削除されています。実際の数は、ここに書かれたものより多いことがあります。",
        "Rows older than the retention have been removed. The true numbers may be higher than those told here.",
    ),
}
