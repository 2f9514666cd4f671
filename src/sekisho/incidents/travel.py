"""Places as people set them: a travel pass makes a country known for a time, a pin keeps a mailbox to some countries.

Both reach the guard through the state file. A pass excuses the country and nothing else; a pin refuses logins and
sending from elsewhere, except where a pass is open. Set by the domain's admin or an operator, or with the answer to a
question; never by whoever sits in the mailbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.directory.models import CountryPin, TravelPass
from sekisho.incidents import orders
from sekisho.incidents.changes import NotAllowed, current_status, write_audit
from sekisho.incidents.models import MailboxStatus
from sekisho.incidents.usual import country_names
from sekisho.journal import OpenCountry

# Whoever stays longer has become at home there (detection learns a place in three days of use).
MOST_DAYS = 90
# A list of everywhere is no pin; the state file holds them all in the guard's memory.
MOST_COUNTRIES = 20


# CLDR names regions as well ("001" and these); address data never say them.
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "ZZ", "QO", "XA", "XB"})


def is_country(code: str) -> bool:
    """Whether it is a country's code (ISO 3166-1, upper case)."""
    return len(code) == 2 and code not in _NO_COUNTRIES and code in country_names("en")


def checked_country(code: str) -> str:
    """The ISO 3166-1 code in upper case; raises NotAllowed for one that is no country."""
    country = code.strip().upper()
    if not is_country(country):
        raise NotAllowed(f"{code!r} is no country (two letters of ISO 3166-1, such as TH)")
    return country


def open_country(
    mailbox: str,
    code: str,
    days: int,
    actor: str,
    now: datetime,
    *,
    since: datetime | None = None,
    account: AbstractBaseUser | None = None,
) -> TravelPass:
    """Makes a country known to a mailbox for so many days from `since` (now); a second pass replaces the first.

    Raises NotAllowed for what is no country, and for fewer than 1 or more than MOST_DAYS days.
    """
    country = checked_country(code)
    if not 1 <= days <= MOST_DAYS:
        raise NotAllowed(f"a travel pass is for 1 to {MOST_DAYS} days")
    start = since or now
    values = {"since": start, "until": start + timedelta(days=days), "made_at": now, "actor": actor}
    with transaction.atomic(using="default"):
        row, _ = TravelPass.objects.update_or_create(mailbox=mailbox, country=country, defaults=values)
        details: dict[str, object] = {"country": country, "since": start.isoformat(), "until": row.until.isoformat()}
        write_audit(actor, "open_country", mailbox, details, at=now, account=account)
    return row


def close_country(
    mailbox: str, code: str, actor: str, now: datetime, *, account: AbstractBaseUser | None = None
) -> None:
    """Takes a pass back; raises NotAllowed when there is none."""
    country = checked_country(code)
    with transaction.atomic(using="default"):
        removed, _ = TravelPass.objects.filter(mailbox=mailbox, country=country).delete()
        if not removed:
            raise NotAllowed(f"{mailbox} has no travel pass for {country}")
        write_audit(actor, "close_country", mailbox, {"country": country}, at=now, account=account)


def passes_of(mailbox: str, now: datetime) -> list[TravelPass]:
    """The passes that are open or will be, the earliest first."""
    return list(TravelPass.objects.filter(mailbox=mailbox, until__gt=now).order_by("since", "country"))


def set_countries(
    mailbox: str,
    codes: Iterable[str],
    actor: str,
    now: datetime,
    *,
    only_on_probation: bool = False,
    account: AbstractBaseUser | None = None,
) -> CountryPin | None:
    """Keeps a mailbox to these countries, or (none named) to none any more; sessions open now have to begin anew.

    Raises NotAllowed for what is no country, or for too many.
    """
    countries = sorted({checked_country(code) for code in codes})
    if len(countries) > MOST_COUNTRIES:
        raise NotAllowed(f"a mailbox is kept to {MOST_COUNTRIES} countries at most")
    with transaction.atomic(using="default"):
        row = None
        if countries:
            values = {
                "countries": countries,
                "only_on_probation": only_on_probation,
                "made_at": now,
                "actor": actor,
            }
            row, _ = CountryPin.objects.update_or_create(mailbox=mailbox, defaults=values)
        else:
            CountryPin.objects.filter(mailbox=mailbox).delete()
        details: dict[str, object] = {"countries": countries, "only_on_probation": only_on_probation}
        write_audit(actor, "pin_countries", mailbox, details, at=now, account=account)
        if countries:
            orders.place_refresh(mailbox, current_status(mailbox).generation, actor, now)
    return row


def pin_of(mailbox: str) -> CountryPin | None:
    """The countries a mailbox is kept to, whether that is in force now or on its next probation."""
    return CountryPin.objects.filter(mailbox=mailbox).first()


def open_countries(now: datetime) -> dict[str, tuple[OpenCountry, ...]]:
    """Every pass that has not ended, by mailbox, for the state file; the guard looks at the times itself."""
    found: dict[str, tuple[OpenCountry, ...]] = {}
    for row in TravelPass.objects.filter(until__gt=now).order_by("mailbox", "country"):
        one = OpenCountry(row.country, row.since.timestamp(), row.until.timestamp())
        found[row.mailbox] = (*found.get(row.mailbox, ()), one)
    return found


def pins_in_force() -> dict[str, tuple[str, ...]]:
    """The countries of every mailbox that is kept to some now, for the state file."""
    pins = {row.mailbox: row for row in CountryPin.objects.all()}
    conditional = [mailbox for mailbox, row in pins.items() if row.only_on_probation]
    on_probation = set(
        MailboxStatus.objects.filter(mailbox__in=conditional, status="probation").values_list("mailbox", flat=True)
    )
    return {
        mailbox: tuple(row.countries)
        for mailbox, row in pins.items()
        if not row.only_on_probation or mailbox in on_probation
    }


def prune(now: datetime) -> None:
    """Forgets passes that ended a season ago; the audit trail has them."""
    TravelPass.objects.filter(until__lt=now - timedelta(days=90)).delete()
