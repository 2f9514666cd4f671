"""The sentences of the indicators, Japanese and English, one each, with the numbers that made them.

Written only when somebody will read them (from the alert threshold on). They name the mailbox' own sources and
targets, never another mailbox: the domain's admin reads them.
"""

from __future__ import annotations

from collections.abc import Iterable

from sekisho.detection.limits import MAX_TARGET_CHARACTERS
from sekisho.detection.places import OpenSource

Sentences = tuple[str, str]
# Countries named in one sentence; the number of all is always said.
NAMED_COUNTRIES = 6


def _whole(number: float) -> int:
    return int(number + 0.5)


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _span(seconds: float) -> Sentences:
    minutes = max(1, _whole(seconds / 60))
    if minutes < 120:
        return f"{minutes}分間", "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours = _whole(minutes / 60)
    return f"{hours}時間", f"{hours} hours"


def _owner(asn: int) -> str:
    return f"AS{asn}" if asn else ""


def new_country(source: OpenSource, days: int, known: Iterable[str]) -> Sentences:
    """One login from a country this mailbox is not at home in."""
    home = sorted(country for country in known if country)
    via = f"({_owner(source.asn)})" if source.asn else ""
    if not home:
        return (
            f"利用実績のない国 {source.country}{via}から認証されました。",
            f"Authenticated from {source.country}{' ' + via if via else ''}, a country never seen for this mailbox.",
        )
    return (
        f"これまで{days}日間の利用は {'・'.join(home)} だけですが、{source.country}{via}から認証されました。",
        f"Authenticated from {source.country}{' ' + via if via else ''}; "
        f"in {_plural(days, 'day')} of history only {', '.join(home)} was seen.",
    )


def many_countries(sources: Iterable[OpenSource]) -> Sentences:
    """Several countries never seen before, open at the same time."""
    foreign = [source for source in sources if source.foreign]
    countries = sorted({source.country for source in foreign})
    ja, en = _span(max(s.last_at for s in foreign) - min(s.first_at for s in foreign))
    more = len(countries) > NAMED_COUNTRIES
    named = countries[:NAMED_COUNTRIES]
    return (
        f"{ja}に、利用実績のない{len(countries)}か国({'・'.join(named)}{'など' if more else ''})から認証されました。",
        f"Authenticated from {len(countries)} countries never seen before "
        f"({', '.join(named)}{', …' if more else ''}) within {en}.",
    )


def new_network(source: OpenSource, days: int) -> Sentences:
    """One login from an unknown network or network owner."""
    named = _owner(source.asn)
    if not named:
        return (
            f"これまで{days}日間に利用のない接続元ネットワークから認証されました。",
            f"Authenticated from a network not seen in {_plural(days, 'day')} of history.",
        )
    return (
        f"これまで{days}日間に利用のない接続事業者({named})から認証されました。",
        f"Authenticated through {named}, a network owner not seen in {_plural(days, 'day')} of history.",
    )


def many_networks(seen: float, own_most: float) -> Sentences:
    number, usual = _whole(seen), _whole(own_most)
    return (
        f"24時間に、初めての接続元ネットワーク{number}個から認証されました(普段は多くて1日{usual}個)。",
        f"Authenticated from {_plural(number, 'new network')} within 24 hours (usually at most {usual} a day).",
    )


def password_guesser(ip: str, others: int) -> Sentences:
    least_ja, least_en = ("以上", "at least ") if others >= 7 else ("", "")
    return (
        f"認証に成功した接続元 {ip} は、24時間以内に他の{others}件{least_ja}のメールボックスで"
        "パスワードを間違えています。",
        f"{ip}, which got in here, failed to log in to {least_en}{_plural(others, 'other mailbox', 'other mailboxes')} "
        "within 24 hours.",
    )


def shared_stranger(others: int) -> Sentences:
    return (
        f"この接続元は、24時間以内に他の{others}組の契約者のメールボックスにも初めて現れています。",
        f"The same source appeared for the first time at mailboxes of {_plural(others, 'other customer')} "
        "within 24 hours.",
    )


def bulk_reading(megabytes: float, own_most: float) -> Sentences:
    return (
        f"見慣れない接続元が、24時間に{_whole(megabytes)}MBのメールを読み出しました(普段は多くて1日{_whole(own_most)}MB)。",
        f"Unfamiliar sources fetched {_whole(megabytes):,} MB of mail within 24 hours "
        f"(usually at most {_whole(own_most)} MB a day).",
    )


def complaints(number: int) -> Sentences:
    return (
        f"3日以内に、迷惑メールとしての通報が{number}件ありました。",
        f"{_plural(number, 'complaint')} about spam within three days.",
    )


def new_protocol(protocol: str, days: int) -> Sentences:
    name = protocol.upper() if protocol != "sieve" else "ManageSieve"
    return (
        f"見慣れない接続元が、これまで{days}日間に一度も使われていない {name} を使いました。",
        f"An unfamiliar source used {name}, which this mailbox did not use in {_plural(days, 'day')} of history.",
    )


def new_recipients(hour: float, day: float, most_hour: float, most_day: float) -> Sentences:
    return (
        f"初めての宛先へ、直近1時間に{_whole(hour)}件、24時間に{_whole(day)}件送信しようとしました"
        f"(普段は多くて1時間{_whole(most_hour)}件、1日{_whole(most_day)}件)。",
        f"{_plural(_whole(hour), 'recipient')} never written to before in the last hour, {_whole(day):,} in 24 hours "
        f"(usually at most {_whole(most_hour)} an hour, {_whole(most_day)} a day).",
    )


def message_burst(hour: float, own_most: float) -> Sentences:
    return (
        f"直近1時間に{_whole(hour)}通を送信しました(普段は多くて1時間{_whole(own_most)}通)。",
        f"{_plural(_whole(hour), 'message')} in the last hour (usually at most {_whole(own_most)} an hour).",
    )


def bounces(sent: float, bounced: float, refused: float, usual: float) -> Sentences:
    all_results, back, spam = _whole(sent + bounced), _whole(bounced), _whole(refused)
    spam_ja = f"、うち{spam}件は迷惑メールとして拒否" if spam else ""
    spam_en = f", {spam} of them refused as spam" if spam else ""
    return (
        f"24時間に結果の出た{all_results}件のうち{back}件が返されました{spam_ja}(普段は約{usual:.0%})。",
        f"{back} of {_plural(all_results, 'delivery', 'deliveries')} within 24 hours bounced{spam_en} "
        f"(usually about {usual:.0%}).",
    )


def forward_rule(target: str) -> Sentences:
    shown = target[:MAX_TARGET_CHARACTERS] or "?"
    return (
        f"見慣れない接続元から、外部アドレス {shown} への自動転送が設定されました。",
        f"An unfamiliar source set up a forward of this mailbox to {shown}.",
    )


def discard_rule() -> Sentences:
    return (
        "見慣れない接続元から、届いたメールを自動で破棄する設定が追加されました。",
        "An unfamiliar source added a rule that throws incoming mail away.",
    )


def hard_cap(what_ja: str, what_en: str, count: float) -> Sentences:
    return (
        f"{what_ja}が{_whole(count)}件となり、どのメールボックスにも許される上限に達しました。",
        f"{what_en}: {_whole(count):,}, the limit that holds for every mailbox.",
    )


def burned_login() -> Sentences:
    return (
        "停止より前のパスワードでログインがありました。第三者が知っているおそれのあるパスワードが、再び使われています。",
        "Somebody logged in with a password from before the suspension; a third party may know it.",
    )


def burned_reset() -> Sentences:
    return (
        "停止より前のパスワードが、メールボックスの表に書き戻されました。第三者が知っているおそれがあります。",
        "The password from before the suspension was put back into the site's table; a third party may know it.",
    )
