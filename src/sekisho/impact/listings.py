"""The record of listings: an answer becomes a row, a row a notice. What is due to be asked is decided here, too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from sekisho.config import Settings
from sekisho.directory.models import Contact, SiteDomain
from sekisho.directory.names import alias_domains
from sekisho.impact.blocklists import Kind, Question, Reply, kind_of
from sekisho.impact.known_lists import known_list
from sekisho.impact.models import Listing, ListLook
from sekisho.incidents import channels, letters
from sekisho.incidents.changes import write_audit
from sekisho.incidents.containing import OPEN_PHASES
from sekisho.incidents.models import Incident
from sekisho.incidents.notices import OPERATOR

# A list names an address within hours of the spam, seldom days after the last of it.
RECENT = timedelta(days=7)
# A domain without an incident: it changes slowly, and a host of 2,000 of them stays within the questions of a day.
CALM_DOMAINS_EVERY = timedelta(days=1)
# A list that worked so many looks ago is believed; older, it is tried again first.
HEALTH_HOLDS = 3
# Lines shown at a time: of a host with a hundred addresses on five lists, all.
MOST_SHOWN = 500
# Kinds of letters.
LISTED, GONE = "listing_new", "listing_gone"


def recent_incidents(now: datetime) -> QuerySet[Incident]:
    """Takeovers that are open or were found within a week: what a listing may come from."""
    found = Incident.objects.filter(action__in=("restrict", "suspend")).exclude(phase="dismissed")
    return found.filter(Q(phase__in=OPEN_PHASES) | Q(detected_at__gte=now - RECENT))


def agenda(settings: Settings, now: datetime) -> list[Question]:
    """What is due, longest unasked first; each list's own test before what hangs on it.

    Questions to a list that does not work are left out until its next test.
    """
    wanted = _wanted(settings, now)
    looks = {(look.zone, look.kind, look.subject): look for look in ListLook.objects.all()}
    due: list[tuple[datetime, Question]] = []
    for question, every in wanted.items():
        health = looks.get((question.zone, question.kind, ""))
        look = looks.get(question)
        if question.subject and not _is_well(health, every, now):
            continue
        if look is None or now >= look.at + every:
            due.append((look.at if look else datetime.min.replace(tzinfo=now.tzinfo), question))
    # Tests first: the empty subject sorts before all others asked at the same time.
    due.sort(key=lambda one: (bool(one[1].subject), one[0]))
    return [question for _, question in due]


def _is_well(health: ListLook | None, every: timedelta, now: datetime) -> bool:
    return (
        health is not None
        and health.verdict == "works"
        and now < health.at + max(every, timedelta(hours=1)) * HEALTH_HOLDS
    )


def _wanted(settings: Settings, now: datetime) -> dict[Question, timedelta]:
    """Every question with the time between two."""
    watch = settings.harm_watch
    shaken = set(recent_incidents(now).values_list("domain", flat=True))
    aliases = alias_domains()
    often, calm = timedelta(seconds=watch.incident_every_s), timedelta(seconds=watch.every_s)
    every = often if shaken else calm
    wanted: dict[Question, timedelta] = {}
    for zone in watch.address_lists:
        for address in settings.doctor.addresses:
            kind = kind_of(address)
            wanted[Question(zone, kind)] = every
            wanted[Question(zone, kind, address.lower())] = every
    domains = _domains()
    for zone in watch.domain_lists if domains else ():
        wanted[Question(zone, "domain")] = every
        for domain in domains:
            wanted[Question(zone, "domain", domain)] = (
                often if aliases.get(domain, domain) in shaken else max(calm, CALM_DOMAINS_EVERY)
            )
    return wanted


def _domains() -> list[str]:
    """Our mail domains; PostfixAdmin's "ALL" is none."""
    return sorted(name.lower() for name in SiteDomain.objects.values_list("domain", flat=True) if "." in name)


def take(reply: Reply, now: datetime) -> None:
    """Keeps one answer, in one transaction with the listing and the notices it makes."""
    zone, kind, subject = reply.question
    with transaction.atomic(using="default"):
        look, is_new = ListLook.objects.get_or_create(
            zone=zone, kind=kind, subject=subject, defaults={"verdict": reply.verdict, "at": now, "since": now}
        )
        if look.verdict != reply.verdict:
            look.since = now
        look.verdict, look.codes, look.at = reply.verdict, reply.codes, now
        look.save()
        if subject and reply.verdict == "listed":
            _note_listed(zone, kind, subject, reply.codes, now)
        elif subject and reply.verdict == "clean" and not is_new:
            _note_gone(Listing.objects.filter(zone=zone, subject=subject, gone_at=None), now)


def _note_listed(zone: str, kind: Kind, subject: str, codes: str, now: datetime) -> None:
    listing, is_new = Listing.objects.get_or_create(
        zone=zone,
        subject=subject,
        gone_at=None,
        defaults={"kind": kind, "codes": codes, "first_at": now, "last_at": now},
    )
    if not is_new:
        Listing.objects.filter(pk=listing.pk).update(last_at=now, codes=codes)
    incidents = recent_incidents(now)
    # An address is shared by all who send from the host; a domain is its own.
    listing.incidents.add(
        *(incidents.filter(domain=alias_domains().get(subject, subject)) if kind == "domain" else incidents)
    )
    if is_new:
        _tell(listing, LISTED, now)


def _note_gone(listings: QuerySet[Listing], now: datetime) -> None:
    for listing in listings:
        listing.gone_at = now
        listing.save(update_fields=["gone_at"])
        _tell(listing, GONE, now)


def _tell(listing: Listing, kind: str, now: datetime) -> None:
    """A letter to each of the operator's contacts and channels."""
    about = str(listing.pk)
    for contact in Contact.objects.filter(domain=OPERATOR):
        letters.enqueue("", kind, about, contact.address, contact.language, now)
    for channel in channels.for_operator():
        letters.enqueue("", kind, about, channels.recipient_of(channel), channel.language, now)


def end_unwatched(settings: Settings, now: datetime) -> None:
    """Ends listings that nobody asks about any more, so that they do not stand for ever; nobody is told."""
    wanted = {(question.zone, question.subject) for question in _wanted(settings, now)}
    for listing in Listing.objects.filter(gone_at=None):
        if (listing.zone, listing.subject) not in wanted:
            Listing.objects.filter(pk=listing.pk, gone_at=None).update(gone_at=now, is_unwatched=True)
    for look in ListLook.objects.all():
        if (look.zone, look.subject) not in wanted:
            look.delete()


def open_listings() -> QuerySet[Listing]:
    """Listings that stand, the newest first."""
    return Listing.objects.filter(gone_at=None).order_by("-first_at", "-id")


def note_asked(
    listing: Listing, is_asked: bool, actor: str, now: datetime, *, account: AbstractBaseUser | None = None
) -> None:
    """A person has asked the list for removal, or takes that word back. Only a listing that stands is changed."""
    with transaction.atomic(using="default"):
        values = {"asked_at": now, "asked_by": actor[:255]} if is_asked else {"asked_at": None, "asked_by": ""}
        if Listing.objects.filter(pk=listing.pk, gone_at=None).update(**values):
            verb = "delisting_asked" if is_asked else "delisting_not_asked"
            write_audit(actor, verb, listing.subject, {"list": listing.zone}, at=now, account=account)


def listing_facts(listing: Listing) -> dict[str, Any]:
    """A listing as plain data, for `--json`, the API and the pages."""
    known = known_list(listing.zone)
    return {
        "number": listing.pk,
        "list": listing.zone,
        "list_name": known.name,
        "subject": listing.subject,
        "kind": listing.kind,
        "codes": listing.codes,
        "first_at": listing.first_at,
        "last_at": listing.last_at,
        "gone_at": listing.gone_at,
        "is_unwatched": listing.is_unwatched,
        "asked_at": listing.asked_at,
        "asked_by": listing.asked_by,
        "form": known.form,
        "steps": {"ja": known.steps[0], "en": known.steps[1]},
    }


def list_facts() -> list[dict[str, Any]]:
    """Each list that is asked, with what its last test said: works, unfit, refused, unanswered or broken."""
    tests = ListLook.objects.filter(subject="").order_by("zone", "kind")
    return [
        {
            "list": look.zone,
            "list_name": known_list(look.zone).name,
            "kind": look.kind,
            "verdict": look.verdict,
            "at": look.at,
            "since": look.since,
        }
        for look in tests
    ]
