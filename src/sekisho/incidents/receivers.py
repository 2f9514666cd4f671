"""What big receivers say to our mail, day by day: the first place where a bad reputation shows.

Counted are the results of all mail that a login handed in. A receiver is told by the name of the server that answered,
or by the recipient's domain; both are public, and whoever is not on the list is "others": a small company's name would
say who writes to whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from django.db.models import F, Sum

from sekisho.incidents.models import ReceiverDay
from sekisho.incidents.sent_mail import outcome_of
from sekisho.journal import DeliveryResult

OTHERS = "others"
# Name of the row -> how the receiver is called, ends of its servers' names, its domains. Those that matter to a
# Japanese provider; a company that has its mail at one of them is found by the server's name.
RECEIVERS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "google": ("Gmail / Google Workspace", ("google.com", "googlemail.com"), ("gmail.com", "googlemail.com")),
    "microsoft": (
        "Outlook / Microsoft 365",
        ("outlook.com", "hotmail.com"),
        ("outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp", "live.com", "live.jp", "msn.com"),
    ),
    "icloud": ("iCloud", ("icloud.com",), ("icloud.com", "me.com", "mac.com")),
    "yahoo_japan": ("Yahoo! JAPAN", ("yahoo.co.jp",), ("yahoo.co.jp", "ymail.ne.jp")),
    "yahoo": ("Yahoo / AOL", ("yahoodns.net",), ("yahoo.com", "ymail.com", "aol.com")),
    "docomo": ("NTTドコモ", ("docomo.ne.jp",), ("docomo.ne.jp",)),
    "au": ("au / UQ mobile", ("au.com", "ezweb.ne.jp"), ("au.com", "ezweb.ne.jp", "uqmobile.jp")),
    "softbank": (
        "ソフトバンク / ワイモバイル",
        ("softbank.ne.jp", "softbank.jp"),
        ("softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp", "ymobile.ne.jp", "y-mobile.ne.jp"),
    ),
    "rakuten": ("楽天モバイル", ("rakuten.jp", "rakuten.co.jp"), ("rakuten.jp", "rakumail.jp")),
}
# Two years of days: enough to say how the same season was, and no personal data.
KEPT = timedelta(days=730)
Said = Literal["refused_57", "deferred_47", "delivered"]


class Count(NamedTuple):
    """Sums over some days; `refusals` over all three is the share that tells a reputation."""

    refused_57: int = 0
    deferred_47: int = 0
    delivered: int = 0

    @property
    def results(self) -> int:
        return self.refused_57 + self.deferred_47 + self.delivered

    @property
    def refusals(self) -> int:
        return self.refused_57 + self.deferred_47

    @property
    def share(self) -> float:
        """Part of the results that were refusals, from 0 to 1; 0 where there was none."""
        return self.refusals / self.results if self.results else 0.0


def receiver_of(relay: str, recipient: str) -> str:
    """Whose server answered: a key of RECEIVERS, or OTHERS. `relay` is its host name, "" where there was none."""
    domain = recipient.rpartition("@")[2].lower()
    host = relay.lower().rstrip(".")
    for name, (_, hosts, domains) in RECEIVERS.items():
        if _within(domain, domains) or _within(host, hosts):
            return name
    return OTHERS


def _within(name: str, ends: Iterable[str]) -> bool:
    return any(name == end or name.endswith(f".{end}") for end in ends)


def said(event: DeliveryResult) -> Said | None:
    """What counts about a result (as a refusal: 5.7.x, or words that say spam); None for any other refusal or wait."""
    if event.status == "sent":
        return "delivered"
    if outcome_of(event.status, event.dsn, event.reply) == "refused_as_spam":
        return "refused_57"
    return "deferred_47" if event.status == "deferred" and event.dsn.startswith("4.7.") else None


class DayCounter:
    """The results of one batch, summed up before they are written."""

    def __init__(self) -> None:
        self._counts: dict[tuple[date, str, str], Counter[str]] = {}
        self._last: dict[tuple[date, str, str], DeliveryResult] = {}

    def add(self, event: DeliveryResult) -> None:
        """Counts one result. What stays in our own house says nothing about how others see it."""
        word = said(event)
        if word is None or event.relation == "own":
            return
        day = datetime.fromtimestamp(event.t, UTC).date()
        key = (day, receiver_of(event.relay, event.recipient), event.mailbox.rpartition("@")[2][:255])
        self._counts.setdefault(key, Counter())[word] += 1
        self._last[key] = event

    def sums(self) -> Iterator[tuple[DeliveryResult, tuple[date, str, str], Counter[str]]]:
        """A result of each sum, whose it is, and the sum itself."""
        for key, counts in self._counts.items():
            yield self._last[key], key, counts


def write(key: tuple[date, str, str], counts: Counter[str]) -> None:
    """Adds a batch's sum to the day's row."""
    day, receiver, domain = key
    row, _ = ReceiverDay.objects.get_or_create(day=day, receiver=receiver, domain=domain)
    ReceiverDay.objects.filter(pk=row.pk).update(**{word: F(word) + count for word, count in counts.items()})


def by_day(since: date, until: date, *, domain: str = "", receiver: str = "") -> dict[date, Count]:
    """The host's (or a domain's) sums of each day from `since` to `until`, both included; all receivers or one."""
    rows = ReceiverDay.objects.filter(day__gte=since, day__lte=until)
    if domain:
        rows = rows.filter(domain=domain)
    if receiver:
        rows = rows.filter(receiver=receiver)
    sums = rows.values_list("day").annotate(Sum("refused_57"), Sum("deferred_47"), Sum("delivered")).order_by("day")
    return {day: Count(*counts) for day, *counts in sums}


def by_receiver(since: date, until: date, *, domain: str = "") -> dict[str, Count]:
    """The same by receiver, over all these days; those with the most refusals first."""
    rows = ReceiverDay.objects.filter(day__gte=since, day__lte=until)
    if domain:
        rows = rows.filter(domain=domain)
    sums = rows.values_list("receiver").annotate(Sum("refused_57"), Sum("deferred_47"), Sum("delivered")).order_by()
    found = {name: Count(*counts) for name, *counts in sums}
    return dict(sorted(found.items(), key=lambda one: (-one[1].refusals, one[0])))


def name_of(receiver: str) -> str:
    """What people call it; "" for OTHERS."""
    return RECEIVERS[receiver][0] if receiver in RECEIVERS else ""


def prune(now: datetime) -> int:
    """Removes days that are older than KEPT; how many rows."""
    return ReceiverDay.objects.filter(day__lt=(now - KEPT).date()).delete()[0]
