"""The owner's contacts: who may be one, who enrolled it, and when it counts as proof.

A hijacker has the mailbox's password and its mail, and may ask the domain admin nicely. So a contact lies outside
every server of ours, is enrolled by the admin or with a paper code, counts only after two weeks, and not at all when it
came after the first sign of the present incident. The others are told of every change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, transaction
from django.db.models import Min, QuerySet

from sekisho.config import settings
from sekisho.detection.password import PasswordProblem as Problem
from sekisho.directory.models import PAST, MailHost, SiteDomain, SiteMailbox
from sekisho.directory.names import alias_domains
from sekisho.directory.site_rows import missing_fields
from sekisho.incidents import letters
from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Incident
from sekisho.recovery.models import OwnerContact

log = logging.getLogger(__name__)

# Time to notice a change that nobody wanted: a mailbox is looked at within days, a fortnight covers a holiday.
COUNTS_AFTER = timedelta(days=14)
# Private mail, company mail, a relative's: more than three is a list nobody looks after.
MOST = 3
# The farthest time zone is 14 hours away.
CLOCKS_APART = timedelta(days=1)
OPEN_PHASES = ("detected", "contained", "eradicated")
# The site's column is read again each hour; what is new there waits two weeks anyway.
# Who enrols and removes what stands in PostfixAdmin's column.
SITE = "site"
SITE_EVERY = timedelta(hours=1)
# Each costs some ten queries, and meanwhile the worker records no decision: about a second's worth.
ADOPTED_AT_ONCE = 100

_NO_ADDRESS = Problem("address", "メールアドレスの形ではありません。", "This is not a mail address.")
_OUR_OWN = Problem(
    "own",
    "このサーバーで扱うドメインのアドレスは連絡先にできません。乗っ取った人にも読まれるおそれがあるためです。"
    "別の会社のメールアドレスを指定してください。",
    "An address of a domain on these servers cannot be the contact: whoever took the mailbox over might read it. "
    "Use an address of another provider.",
)
_TOO_MANY = Problem(
    "many",
    f"連絡先は{MOST}件までです。使わないものを先に削除してください。",
    f"There are {MOST} contacts already. Remove one that is not used first.",
)
_SITES = Problem(
    "site",
    "この連絡先は PostfixAdmin に登録されているものです。PostfixAdmin で変更してください。",
    "This contact stands in PostfixAdmin. Change it there.",
)
_THERE = Problem("there", "この連絡先はすでに登録されています。", "This contact is enrolled already.")


class ContactRefused(Exception):
    """The address may not be a contact; `problem` says why, in both languages."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def checked_contact(address: str) -> str:
    """The address with its domain in lower case; raises ContactRefused when it is none or lies on our servers.

    Every alias, forward and catch-all that leads to a mailbox here is an address of a domain here, so refusing all
    domains here, and the mail hosts' own names, refuses them all.
    """
    local, at, domain = address.strip().rpartition("@")
    checked = f"{local}@{domain.lower()}"
    try:
        validate_email(checked)
    except ValidationError:
        raise ContactRefused(_NO_ADDRESS) from None
    if not at or not checked.isascii() or len(checked) > 254 or domain.startswith("["):
        raise ContactRefused(_NO_ADDRESS)
    if _is_ours(domain.lower()):
        raise ContactRefused(_OUR_OWN)
    return checked


def _is_ours(domain: str) -> bool:
    labels = domain.split(".")
    # A subdomain of a customer's domain is as a rule served where the domain is.
    over = {".".join(labels[place:]) for place in range(len(labels))}
    hosts = {settings().host.lower(), settings().mail_server.name.lower()}
    return (
        bool(over & alias_domains().keys() or over & hosts)
        or SiteDomain.objects.filter(domain__in=over).exists()
        or MailHost.objects.filter(server_name__in=over).exists()
    )


def of_mailbox(mailbox: str) -> QuerySet[OwnerContact]:
    """The contacts that are enrolled, oldest first, whether they count yet or not; none of an earlier owner."""
    rows = OwnerContact.objects.filter(mailbox=mailbox, removed_at=None, enrolled_at__gte=owned_since(mailbox))
    return rows.order_by("enrolled_at", "id")


def owned_since(mailbox: str) -> datetime:
    """Since when the mailbox has been its present owner's: an address may be given to somebody else.

    What is older is the former owner's. A day less than the site says: PostfixAdmin may write its own local time.
    """
    created = SiteMailbox.objects.filter(username=mailbox).values_list("created", flat=True).first()
    return (created or PAST) - CLOCKS_APART


def first_sign(mailbox: str) -> datetime | None:
    """When the mailbox's open incident began (its first unfamiliar login); None without one."""
    open_ones = Incident.objects.filter(mailbox=mailbox, phase__in=OPEN_PHASES)
    moment: datetime | None = open_ones.aggregate(first=Min("first_risk_at"))["first"]
    return moment


def counts_from(enrolled_at: datetime) -> datetime:
    """When a proof that was enrolled then begins to count."""
    return enrolled_at + COUNTS_AFTER


def is_proof(enrolled_at: datetime, first: datetime | None, now: datetime) -> bool:
    """Whether a contact or a sheet of codes that was enrolled then counts now; `first`: see `first_sign`."""
    return counts_from(enrolled_at) <= now and (first is None or enrolled_at < first)


def that_count(mailbox: str, now: datetime) -> list[OwnerContact]:
    """The contacts a recovery link may go to now. A domain that has moved to our servers since is left out."""
    first = first_sign(mailbox)
    return [c for c in of_mailbox(mailbox) if is_proof(c.enrolled_at, first, now) and not _moved_here(c)]


def to_be_asked(mailbox: str, now: datetime) -> list[tuple[str, str]]:
    """Where the owner is asked about a restriction: address and language of each contact that counts."""
    return [(contact.address, contact.language) for contact in that_count(mailbox, now)]


def _moved_here(contact: OwnerContact) -> bool:
    return _is_ours(contact.address.rpartition("@")[2])


def add(
    mailbox: str,
    address: str,
    language: str,
    actor: str,
    now: datetime,
    *,
    source: str = "admin",
    since: datetime | None = None,
    account: AbstractBaseUser | None = None,
) -> OwnerContact:
    """Enrols a contact and tells it and the others; raises ContactRefused.

    `since`: it has stood in the site's table that long; it is not told, or an installation would write to everybody.
    """
    checked = checked_contact(address)
    with transaction.atomic(using="default"):
        known = list(of_mailbox(mailbox))
        if any(contact.address.lower() == checked.lower() for contact in known):
            raise ContactRefused(_THERE)
        if len(known) >= MOST:
            raise ContactRefused(_TOO_MANY)
        contact = OwnerContact.objects.create(
            mailbox=mailbox,
            address=checked,
            language=language,
            source=source,
            enrolled_at=since or now,
            enrolled_by=actor,
        )
        write_audit(actor, "owner_contact_added", mailbox, {"contact": checked, "source": source}, account=account)
        if since is None:
            letters.enqueue(mailbox, "contact_new", f"contact {contact.pk}", checked, language, now)
        _tell(known, contact, "added", now)
    return contact


def remove(
    contact: OwnerContact,
    actor: str,
    now: datetime,
    *,
    account: AbstractBaseUser | None = None,
    by_owner: bool = False,
) -> None:
    """Removes a contact; it and the others are told (`by_owner`: that the owner did it at the owner's pages).

    Raises ContactRefused for one that stands in the site's table.
    """
    if contact.source == "site" and actor != SITE:
        raise ContactRefused(_SITES)
    with transaction.atomic(using="default"):
        if OwnerContact.objects.filter(pk=contact.pk, removed_at=None).update(removed_at=now) != 1:
            return
        write_audit(actor, "owner_contact_removed", contact.mailbox, {"contact": contact.address}, account=account)
        what = "removed owner" if by_owner else "removed"
        _tell([contact, *of_mailbox(contact.mailbox)], contact, what, now)


def _tell(whom: Iterable[OwnerContact], about: OwnerContact, what: str, now: datetime) -> None:
    for one in whom:
        letters.enqueue(about.mailbox, "contact_told", f"contact {about.pk} {what}", one.address, one.language, now)


def adopt_site_contacts(now: datetime) -> int:
    """Takes over what PostfixAdmin has as `email_other`; how many rows changed (at ADOPTED_AT_ONCE there may be more).

    A value that was there when we first looked is as old as the row's last change; one that appears later begins its
    two weeks when we see it. PostfixAdmin 2.3 has no such column.
    """
    if "email_other" in missing_fields(SiteMailbox):
        return 0
    try:
        found = SiteMailbox.objects.exclude(email_other="").values_list("username", "email_other", "modified")
        site = {username.lower(): (other, modified) for username, other, modified in found.iterator()}
    except DatabaseError as error:
        log.warning("the site's contacts are not read: %s", error)
        return 0
    changed = 0
    known = {row.mailbox: row for row in OwnerContact.objects.filter(source="site", removed_at=None)}
    ever = set(OwnerContact.objects.filter(source="site").values_list("mailbox", flat=True))
    for mailbox, row in known.items():
        if changed == ADOPTED_AT_ONCE:
            return changed
        if site.get(mailbox, ("", now))[0].strip().lower() != row.address.lower():
            remove(row, SITE, now)
            changed += 1
    for mailbox, (other, modified) in site.items():
        if changed == ADOPTED_AT_ONCE:
            break
        if mailbox in known and other.strip().lower() == known[mailbox].address.lower():
            continue
        changed += _adopt(mailbox, other, None if mailbox in ever else min(modified or PAST, now), now)
    return changed


def _adopt(mailbox: str, other: str, since: datetime | None, now: datetime) -> bool:
    try:
        add(mailbox, other, "ja", SITE, now, source="site", since=since)
    except ContactRefused as refusal:
        log.debug("the site's contact of %s is not taken: %s", mailbox, refusal)
        return False
    return True
