"""A profile in words: what is usual for a mailbox, as its owner would say it, in Japanese and English.

`usual_of` picks what people recognise out of the habits; `describe` says it. Only what is familiar by use on several
days is named: a place seen once is a stranger's as likely as the owner's. Names of countries and network owners are
the caller's: the habits hold codes and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sekisho.detection.habits import Habits
from sekisho.detection.limits import FAMILIAR_DAYS
from sekisho.detection.places import days_seen

# More names hide the first ones; how many more there are is said.
NAMED = 4
# Doors as people know them; another name is shown as the neighbour writes it.
DOORS = {
    "imap": ("IMAP", "IMAP"),
    "pop3": ("POP3", "POP3"),
    "smtp": ("送信(SMTP)", "sending (SMTP)"),
    "submission": ("送信(SMTP)", "sending (SMTP)"),
    "sieve": ("フィルター設定(ManageSieve)", "filter rules (ManageSieve)"),
    "managesieve": ("フィルター設定(ManageSieve)", "filter rules (ManageSieve)"),
    "webmail": ("Webメール", "webmail"),
}

Sentences = tuple[str, str]


class Usual(msgspec.Struct, frozen=True):
    """What is usual for a mailbox, the most used first."""

    # ISO 3166-1 codes, and numbers of the networks' owners (autonomous systems), each familiar.
    countries: tuple[str, ...] = ()
    owners: tuple[int, ...] = ()
    # Doors used, as the neighbours name them.
    protocols: tuple[str, ...] = ()
    # New recipients on the busiest day; older days count for less (limits.DECAY).
    busiest_day: int = 0
    # Days of use it was learnt from.
    days: int = 0
    # Mail programs, as they name themselves (IMAP ID); a program that says nothing is not here.
    clients: tuple[str, ...] = ()


def usual_of(habits: Habits) -> Usual:
    """What people would call usual in these habits."""
    return Usual(
        countries=_familiar(habits.countries),
        owners=_familiar(habits.asns),
        protocols=tuple(sorted(habits.protocols)),
        busiest_day=int(habits.most_new_day + 0.5),
        days=habits.days,
        clients=_familiar(habits.clients),
    )


def describe(
    usual: Usual, owners: Mapping[int, str], countries_ja: Mapping[str, str], countries_en: Mapping[str, str]
) -> Sentences:
    """One sentence in Japanese and one in English, like "Usually: Japan, OCN and docomo; …".

    A network owner without a name is said as AS4713, a country without one by its code.
    """
    if not usual.days:
        return (
            "まだ学習した利用がありません。ドメインのほかのメールアドレスの傾向と上限だけで判断します。",
            "Nothing has been learnt yet: only its domain's habits and the hard caps apply.",
        )
    names = [owners.get(number) or f"AS{number}" for number in usual.owners]
    ja = [_list_ja(countries_ja.get(code, code) for code in usual.countries), _list_ja(names)]
    en = [_list_en(countries_en.get(code, code) for code in usual.countries), _list_en(names)]
    # "Japan and Korea, OCN and docomo" would read as one list.
    between = ", " if len(usual.countries) < 2 else "; "
    means_ja = _doors_ja(usual.protocols) + _clients_ja(usual.clients)
    means_en = _doors_en(usual.protocols) + _clients_en(usual.clients)
    return (
        f"ふだんの利用: {'、'.join(filter(None, ja)) or '決まった場所はまだありません'}。"
        f"新しい宛先は多い日で{usual.busiest_day}件。{means_ja}{usual.days}日分の利用から学習しています。",
        f"Usually: {between.join(filter(None, en)) or 'no settled place yet'}; "
        f"{_plural(usual.busiest_day, 'new recipient')} on the busiest day; {means_en}"
        f"learnt from {_plural(usual.days, 'day')} of use.",
    )


def _familiar(rows: Mapping[str, int] | Mapping[int, int]) -> tuple:  # type: ignore[type-arg]
    """The familiar keys, the one used on most days first."""
    known = [(key, days_seen(row)) for key, row in rows.items() if key and days_seen(row) >= FAMILIAR_DAYS]
    return tuple(key for key, _ in sorted(known, key=lambda pair: (-pair[1], pair[0])))


def _doors_ja(protocols: Iterable[str]) -> str:
    doors = _list_ja(dict.fromkeys(DOORS.get(name, (name, name))[0] for name in protocols))
    return f"使う入口: {doors}。" if doors else ""


def _doors_en(protocols: Iterable[str]) -> str:
    doors = _list_en(dict.fromkeys(DOORS.get(name, (name, name))[1] for name in protocols))
    return f"by {doors}; " if doors else ""


def _clients_ja(clients: tuple[str, ...]) -> str:
    return f"メールソフト: {_list_ja(clients)}。" if clients else ""


def _clients_en(clients: tuple[str, ...]) -> str:
    return f"with {_list_en(clients)}; " if clients else ""


def _list_ja(words: Iterable[str]) -> str:
    every = list(words)
    more = f"ほか{len(every) - NAMED}件" if len(every) > NAMED else ""
    return "・".join(every[:NAMED]) + more


def _list_en(words: Iterable[str]) -> str:
    every = list(words)
    if len(every) > NAMED:
        return f"{', '.join(every[:NAMED])} and {len(every) - NAMED} more"
    return " and ".join(filter(None, [", ".join(every[:-1]), *every[-1:]]))


def _plural(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else one + 's'}"
