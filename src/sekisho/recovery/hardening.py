"""What makes the next takeover harder, ticked off by facts: an item is done or open because a row says so, never
because somebody pressed a button.

What no fact tells is not here: whether a computer was cleaned, whether a password stands on a slip of paper.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from django.db.models import Max

from sekisho.directory.models import Contact, SiteMailbox
from sekisho.directory.passwords import is_slow
from sekisho.incidents import app_passwords, enforcement
from sekisho.incidents.models import Incident, SignIn
from sekisho.recovery import contacts, owner_factors
from sekisho.recovery.models import OwnerContact, OwnerFactor

Name = Literal[
    "new_password", "settings_gone", "app_passwords", "contact", "second_factor", "no_pop3", "strong_scheme",
    "domain_contact", "enforced", "strong_schemes", "contacts",
]  # fmt: skip
# Programs that fetch mail come by within days; a month without one is a fact.
UNUSED_FOR = timedelta(days=30)


class Item(msgspec.Struct, frozen=True):
    """One piece of advice: done or not, since when (the fact's own time, None where it has none), and for a domain how
    many mailboxes are left of how many."""

    name: Name
    is_done: bool
    at: datetime | None = None
    left: int | None = None
    total: int | None = None


def of_mailbox(site: SiteMailbox, now: datetime) -> list[Item]:
    """The items of one mailbox. Those about a takeover are there only when it had one."""
    name = site.username
    return [
        *_after_takeover(name),
        _app_passwords(name),
        _contact(name, now),
        _second_factor(name),
        _no_pop3(name, now),
        Item("strong_scheme", is_slow(site.password)),
    ]


def last_takeover(mailbox: str) -> Incident | None:
    """The mailbox' latest incident that was more than an alert and was not dismissed."""
    found = Incident.objects.filter(mailbox=mailbox, action__in=("restrict", "suspend")).exclude(phase="dismissed")
    return found.order_by("-detected_at", "-id").first()


def _after_takeover(mailbox: str) -> list[Item]:
    incident = last_takeover(mailbox)
    if incident is None:
        return []
    undecided = incident.planted.exclude(state__in=("kept", "deleted"))
    decided = incident.planted.aggregate(at=Max("decided_at"))["at"]
    return [
        Item("new_password", incident.recovered_at is not None, incident.recovered_at),
        Item("settings_gone", not undecided.exists(), None if undecided.exists() else decided),
    ]


def _app_passwords(mailbox: str) -> Item:
    """Done when a device has come in with one: what was only made protects nobody."""
    used = app_passwords.held(mailbox).filter(disabled_at=None).aggregate(at=Max("last_used_at"))["at"]
    return Item("app_passwords", used is not None, used)


def _contact(mailbox: str, now: datetime) -> Item:
    found = sorted(row.enrolled_at for row in contacts.that_count(mailbox, now))
    return Item("contact", bool(found), found[0] if found else None)


def _second_factor(mailbox: str) -> Item:
    found = owner_factors.of_mailbox(mailbox).order_by("enrolled_at").first()
    return Item("second_factor", found is not None, found.enrolled_at if found else None)


def _no_pop3(mailbox: str, now: datetime) -> Item:
    """POP3 says nothing of what was read, and empties the mailbox: after a takeover nobody can tell what is gone."""
    logins = SignIn.objects.filter(mailbox=mailbox, success=True, protocol="pop3", at__gte=now - UNUSED_FOR)
    last = logins.aggregate(at=Max("at"))["at"]
    return Item("no_pop3", last is None, last)


def of_domain(domain: str) -> list[Item]:
    """The items of a domain: its own, and how many of its mailboxes are left to do."""
    mailboxes = dict(SiteMailbox.objects.filter(domain=domain).values_list("username", "password"))
    reachable = set(OwnerContact.objects.filter(removed_at=None).values_list("mailbox", flat=True))
    proved = set(OwnerFactor.objects.filter(removed_at=None).values_list("mailbox", flat=True))
    weak = [name for name, stored in mailboxes.items() if not is_slow(stored)]
    total = len(mailboxes)
    return [
        Item("domain_contact", Contact.objects.filter(domain=domain).exists()),
        Item("enforced", enforcement.mode_of(domain) == "enforce"),
        Item("strong_schemes", not weak, left=len(weak), total=total),
        _of_all("contacts", total, len(mailboxes.keys() - reachable)),
        _of_all("second_factor", total, len(mailboxes.keys() - proved)),
    ]


def _of_all(name: Name, total: int, left: int) -> Item:
    return Item(name, left == 0, left=left, total=total)


def item_facts(items: list[Item]) -> list[dict[str, Any]]:
    """As plain data for `--json` and the API; `done` and `at` as `Item` says."""
    return [
        {"name": item.name, "done": item.is_done, "at": item.at, "left": item.left, "total": item.total}
        for item in items
    ]
