"""What the site's tables make of a mailbox' mail besides delivering it: forwards, catch-all, vacation, fetchmail jobs.

A forward is a target in the `goto` of the mailbox' own alias row (under each form of its address) that belongs to
another domain than the mailbox. Aliases that point at the mailbox are not its settings. Older PostfixAdmins lack
tables or columns, so both are looked up before they are read; what cannot be read is not there.

Each change is a compare-and-set of one column of one row: nothing else of the row is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sekisho.directory.found import FoundSetting
from sekisho.directory.models import SiteAlias, SiteFetchmail, SiteMailbox, SiteVacation
from sekisho.directory.names import alias_domains, canonical, login_names
from sekisho.directory.site_rows import columns_of

# Rows of the alias table looked at together; the queries they lead to stay below SQLite's 999 parameters.
CHUNK = 300
# Somebody else writing the same row a third time in a row is a loop, not a colleague.
ATTEMPTS = 3
_ALIAS = frozenset({"address", "goto"})
_VACATION = frozenset({"email", "subject", "body", "active"})
_FETCHMAIL = frozenset({"id", "mailbox", "src_server", "src_user", "active"})


class SiteChanged(Exception):
    """A row kept changing under our hands; try again later."""


def _targets(goto: str) -> list[str]:
    return [target for part in goto.split(",") if (target := part.strip())]


def own_domains(mailbox: str, aliases: dict[str, str]) -> frozenset[str]:
    """The mailbox' domain and the alias domains that lead to it: what is sent elsewhere leaves the customer."""
    domain = mailbox.rpartition("@")[2]
    return frozenset({domain, *(alias for alias, target in aliases.items() if target == domain)})


def is_foreign(target: str, own: Collection[str]) -> bool:
    """Whether a target is an address outside these domains (or a command or file, which is worse)."""
    return target.rpartition("@")[2].rstrip(".").lower() not in own


def _forwards(mailbox: str, row: SiteAlias, own: Collection[str]) -> Iterator[FoundSetting]:
    for target in _targets(row.goto):
        if is_foreign(target, own):
            identity = (row.address.lower(), target.lower())
            yield FoundSetting(mailbox, "forward", identity, {"address": row.address, "target": target})


def _catch_all(row: SiteAlias, own: Collection[str]) -> Iterator[FoundSetting]:
    """A catch-all that leads outside: the domain's, whoever's mailbox is asked about."""
    for item in _forwards(row.address.lower(), row, own):
        yield item._replace(kind="catch_all")


def settings_of(mailbox: str) -> list[FoundSetting]:
    """Everything the site's tables hold for one mailbox now."""
    aliases = alias_domains()
    own = own_domains(mailbox, aliases)
    found: list[FoundSetting] = []
    addresses = [*login_names(mailbox), f"@{mailbox.rpartition('@')[2]}"] if columns_of("alias") >= _ALIAS else []
    for row in _rows(addresses):
        found += _catch_all(row, own) if row.address.startswith("@") else _forwards(mailbox, row, own)
    return [*found, *_vacations([mailbox]), *_jobs([mailbox])]


def _rows(addresses: list[str]) -> list[SiteAlias]:
    return list(SiteAlias.objects.filter(address__in=addresses).only("address", "goto")) if addresses else []


def all_settings() -> Iterator[list[FoundSetting]]:
    """The settings of all mailboxes in handy portions: rows that lead outside, vacations and jobs that are on."""
    aliases = alias_domains()
    last = ""
    while columns_of("alias") >= _ALIAS:
        # By its key in portions: a reader that stays for minutes would keep writers of a SQLite file waiting.
        portion = list(SiteAlias.objects.filter(address__gt=last).order_by("address").only("address", "goto")[:CHUNK])
        if not portion:
            break
        last = portion[-1].address
        yield list(_of_rows(portion, aliases))
    yield [*_vacations(None), *_jobs(None)]


def _of_rows(rows: list[SiteAlias], aliases: dict[str, str]) -> Iterator[FoundSetting]:
    outward = []
    for row in rows:
        if row.address.startswith("@"):
            yield from _catch_all(row, own_domains(row.address, aliases))
            continue
        mailbox = canonical(row.address) or ""
        if mailbox and any(is_foreign(target, own_domains(mailbox, aliases)) for target in _targets(row.goto)):
            outward.append((mailbox, row))
    wanted = {mailbox for mailbox, _ in outward}
    known = set(SiteMailbox.objects.filter(username__in=wanted).values_list("username", flat=True))
    for mailbox, row in outward:
        if mailbox in known:
            yield from _forwards(mailbox, row, own_domains(mailbox, aliases))


def _vacations(mailboxes: Iterable[str] | None) -> list[FoundSetting]:
    if not columns_of("vacation") >= _VACATION:
        return []
    rows = SiteVacation.objects.filter(active=True)
    if mailboxes is not None:
        rows = rows.filter(email__in=list(mailboxes))
    return [
        FoundSetting(
            row.email.lower(),
            "vacation",
            (row.email.lower(), hashlib.sha256(f"{row.subject}\0{row.body}".encode()).hexdigest()),
            {"subject": row.subject[:200], "body": row.body[:1000]},
        )
        for row in rows
    ]


def _jobs(mailboxes: Iterable[str] | None) -> list[FoundSetting]:
    if not columns_of("fetchmail") >= _FETCHMAIL:
        return []
    rows = SiteFetchmail.objects.filter(active=True)
    if mailboxes is not None:
        rows = rows.filter(mailbox__in=list(mailboxes))
    return [
        FoundSetting(
            row.mailbox.lower(),
            "fetchmail",
            (row.mailbox.lower(), str(row.id), row.src_server.lower(), row.src_user.lower()),
            {"job": row.id, "server": row.src_server[:200], "user": row.src_user[:200]},
        )
        for row in rows
    ]


# --- changing


def _change_goto(address: str, change: Any) -> None:
    for _ in range(ATTEMPTS):
        row = SiteAlias.objects.filter(address=address).first()
        if row is None:
            return
        wanted = ",".join(change(_targets(row.goto)))
        if wanted == row.goto or SiteAlias.objects.filter(address=address, goto=row.goto).update(goto=wanted):
            return
    raise SiteChanged(address)


def remove_target(address: str, target: str, mailbox: str) -> bool:
    """Takes a target out of an alias row; whether the mailbox itself had to be put there, since nothing was left."""
    added_self = False

    def change(targets: list[str]) -> list[str]:
        nonlocal added_self
        left = [other for other in targets if other.lower() != target.lower()]
        added_self = not left
        return left or [mailbox]

    _change_goto(address, change)
    return added_self


def put_target_back(address: str, target: str, mailbox: str, added_self: bool) -> None:
    """Undoes `remove_target`; what others have changed in the row since stays."""

    def change(targets: list[str]) -> list[str]:
        kept = [other for other in targets if not (added_self and other.lower() == mailbox)]
        return kept if any(other.lower() == target.lower() for other in kept) else [*kept, target]

    _change_goto(address, change)


def drop_target(address: str, target: str) -> None:
    """Takes a target out of a catch-all; without any other target the row is removed."""
    if {other.lower() for row in SiteAlias.objects.filter(address=address) for other in _targets(row.goto)} == {
        target.lower()
    }:
        SiteAlias.objects.filter(address=address, goto=target).delete()
        return
    _change_goto(address, lambda targets: [other for other in targets if other.lower() != target.lower()])


def leads_to(address: str, target: str) -> bool:
    """Whether the alias row holds the target now."""
    row = SiteAlias.objects.filter(address=address).first()
    return row is not None and any(other.lower() == target.lower() for other in _targets(row.goto))


def switch_vacation(mailbox: str, active: bool) -> None:
    """Switches a mailbox' automatic answer."""
    SiteVacation.objects.filter(email=mailbox).update(active=active)


def vacation_is_on(mailbox: str) -> bool:
    """Whether the automatic answer is on."""
    return SiteVacation.objects.filter(email=mailbox, active=True).exists()


def delete_vacation(mailbox: str) -> None:
    """Removes the text of an automatic answer that is off."""
    SiteVacation.objects.filter(email=mailbox, active=False).delete()


def switch_job(mailbox: str, job: int, active: bool) -> None:
    """Switches one fetchmail job of a mailbox."""
    SiteFetchmail.objects.filter(id=job, mailbox=mailbox).update(active=active)


def job_is_on(mailbox: str, job: int) -> bool:
    """Whether the job is on."""
    return SiteFetchmail.objects.filter(id=job, mailbox=mailbox, active=True).exists()


def delete_job(mailbox: str, job: int) -> None:
    """Removes a job that is off."""
    SiteFetchmail.objects.filter(id=job, mailbox=mailbox, active=False).delete()
