"""The logins of a mailbox for people to read: one line per day, source, program and app password.

The rows (models.SignIn) are sums per hour, written by the worker and kept for 90 days, failed ones for 30. Nobody knows
a home by its address alone, so a line names country, network owner and program beside it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Count, Max, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from sekisho.incidents.knocking import program_name
from sekisho.incidents.models import AppPassword, SignIn

# Rows read for one page: a phone that looks every hour of 90 days makes 2,160. A mailbox with more is shown its latest.
MOST_ROWS = 3000

# A telephone in trains and cafés has some hundred within 90 days.
MOST_ADDRESSES = 500

# Networks' owners on one page: a profile keeps sixteen (detection.limits.MAX_ASNS), what is rarer is nobody's habit.
MOST_PLACES = 16


class SignInLine(NamedTuple):
    """Logins of one day from one client address with one program; `first` and `last` are exact to the hour."""

    day: date
    ip: str
    country: str
    asn: int
    # The program's name, "" where it gave none (sending programs have no way to).
    program: str
    protocols: tuple[str, ...]
    # Name of the app password, "" for the mailbox's own password.
    app_password: str
    success: bool
    first: datetime
    last: datetime
    times: int


def lines(mailbox: str, *, success: bool = True) -> list[SignInLine]:
    """The mailbox's logins (or failed tries), the latest day first; days are the viewer's."""
    rows = SignIn.objects.filter(mailbox=mailbox, success=success).order_by("-at", "-id")[:MOST_ROWS]
    names = _app_passwords(mailbox)
    found: dict[tuple[object, ...], SignInLine] = {}
    for row in rows:
        day, program = timezone.localtime(row.at).date(), program_name(row.device)
        # A number we do not know is shown as it is: better than to call it the mailbox's own password.
        app = names.get(row.app_password, row.app_password)
        line = SignInLine(
            day, row.ip, row.country, row.asn, program, (row.protocol,), app, row.success, row.at, row.at, row.count
        )
        key = (day, row.ip, program, app)
        known = found.get(key)
        found[key] = _together(known, line) if known else line
    return sorted(found.values(), key=lambda line: line.last, reverse=True)


def _together(known: SignInLine, more: SignInLine) -> SignInLine:
    return known._replace(
        protocols=tuple(dict.fromkeys([*known.protocols, *more.protocols])),
        first=min(known.first, more.first),
        last=max(known.last, more.last),
        times=known.times + more.times,
    )


def _app_passwords(mailbox: str) -> dict[str, str]:
    """Names by number, also of deleted ones: their logins are still in the history."""
    rows = AppPassword.objects.filter(mailbox=mailbox).values_list("pk", "name")
    return {str(number): name for number, name in rows}


def failed(mailbox: str) -> tuple[int, int]:
    """How many failed tries are kept, and from how many addresses they came."""
    sums = SignIn.objects.filter(mailbox=mailbox, success=False).aggregate(
        tries=Sum("count"), sources=Count("ip", distinct=True)
    )
    return sums["tries"] or 0, sums["sources"] or 0


def addresses(mailbox: str) -> list[str]:
    """The addresses from which the mailbox was used successfully, the latest first; at most MOST_ADDRESSES."""
    used = SignIn.objects.filter(mailbox=mailbox, success=True).values("ip").annotate(last=Max("at"))
    return list(used.order_by("-last").values_list("ip", flat=True)[:MOST_ADDRESSES])


class SeenPlace(NamedTuple):
    """A country and a network's owner (an autonomous system; 0: unknown) from which a mailbox was used."""

    country: str
    asn: int
    # The viewer's days with at least one login there, within the 90 that are kept.
    days: int
    last: datetime


def places(mailbox: str) -> list[SeenPlace]:
    """Where the mailbox was used successfully, the place of most days first; at most MOST_PLACES."""
    rows = SignIn.objects.filter(mailbox=mailbox, success=True).annotate(day=TruncDate("at")).values("country", "asn")
    found = rows.annotate(days=Count("day", distinct=True), last=Max("at")).order_by("-days", "-last")
    return [SeenPlace(**row) for row in found[:MOST_PLACES]]


def place_of(address: str) -> tuple[str, int]:
    """Country and network owner of an address, as a guard has last told it with a login from there; ("", 0) for one
    that no mailbox was used from. The panel reads no address data itself."""
    known = SignIn.objects.filter(ip=address).exclude(country="").order_by("-at").values_list("country", "asn").first()
    return known or ("", 0)
