"""What is usual for a mailbox: kept as the guard tells it, said in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import msgspec
from babel import Locale

from sekisho.detection.profile_words import Usual, describe
from sekisho.incidents.models import NetworkOwner, UsualUse
from sekisho.journal import UsualSeen


class UsualWords(NamedTuple):
    """One sentence, and when the guard told what it says."""

    text: str
    at: datetime


def keep(event: UsualSeen) -> None:
    """Keeps what a guard tells, unless another host has told something newer."""
    at = datetime.fromtimestamp(event.t, UTC)
    usual = Usual(event.countries, event.owners, event.protocols, event.busiest_day, event.days, event.clients)
    known = UsualUse.objects.filter(mailbox=event.mailbox[:255]).first()
    if known is None or known.at <= at:
        UsualUse.objects.update_or_create(
            mailbox=event.mailbox[:255], defaults={"at": at, "facts": msgspec.to_builtins(usual)}
        )
    for asn, name in event.names:
        NetworkOwner.objects.update_or_create(asn=asn, defaults={"name": name[:100]})


def usual_words(mailbox: str, language: str) -> UsualWords | None:
    """What is usual for the mailbox in "ja" or "en"; None while no guard has told anything."""
    row = UsualUse.objects.filter(mailbox=mailbox).first()
    if row is None:
        return None
    usual = msgspec.convert(row.facts, Usual)
    ja, en = describe(usual, owner_names(usual.owners), country_names("ja"), country_names("en"))
    return UsualWords(ja if language == "ja" else en, row.at)


def owner_names(numbers: Iterable[int]) -> dict[int, str]:
    """The names of these autonomous systems, where address data had one."""
    return dict(NetworkOwner.objects.filter(asn__in=list(numbers)).values_list("asn", "name"))


@cache
def country_names(language: str) -> Mapping[str, str]:
    """Names of countries by ISO 3166-1 code, in "ja" or "en" (Unicode CLDR)."""
    return dict(Locale(language).territories)
