"""Still knocking: who goes on trying the old password of a suspended or recovered mailbox.

Dovecot's auth policy sends the first 12 bits of a keyed hash of login and password, never the password. The hashes of
the successful logins up to the suspension are those of the old password; a failed login with one of them since is the
hijacker, or a device the owner forgot. A wrong password hits by chance once in 4,096 times, and a login under another
form of the address has another hash: this is a list for people, and decides nothing.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime, timedelta

import msgspec
from django.db.models import QuerySet

from sekisho.detection.limits import FAMILIAR_DAYS
from sekisho.incidents.models import Incident, SignIn, UsualUse

# A device that was in a drawer for a month is news; later ones are seen as failed logins only.
WATCHED = timedelta(days=30)
# Lines for people; a botnet's further ones are counted by their absence: `knocks` says how many there are.
MOST = 50
# An IMAP ID as Dovecot hands it on (RFC 2971): only the program's name is for people.
_NAME = re.compile(r'"name" "([^"]*)"')


class Knock(msgspec.Struct, frozen=True):
    """Attempts with the old password from one address by one device."""

    ip: str
    country: str
    device: str
    count: int
    first_at: datetime
    last_at: datetime
    # From a network where the mailbox was at home before the incident: a forgotten device rather than the hijacker.
    # None: nobody knows yet where it is at home.
    known: bool | None


def is_old_password(mailbox: str, pwhash: str, at: datetime) -> bool:
    """Whether a failed login at this time carried a password that opened the mailbox before its last suspension."""
    if not pwhash:
        return False
    incident = _watched(mailbox, at)
    until = incident and _shut_at(incident)
    return until is not None and SignIn.objects.filter(
        mailbox=mailbox, success=True, pwhash=pwhash, at__lte=until
    ).exists()  # fmt: skip


def _watched(mailbox: str, at: datetime) -> Incident | None:
    found = Incident.objects.filter(mailbox=mailbox, action="suspend", enforced=True, detected_at__gte=at - WATCHED)
    return found.exclude(phase="dismissed").order_by("-id").first()


def _shut_at(incident: Incident) -> datetime:
    return incident.contained_at or incident.detected_at


def knocks(incident: Incident) -> list[Knock]:
    """Who tried the old password since the incident began, the latest first; at most MOST."""
    found: dict[tuple[str, str], Knock] = {}
    known = _known_networks(incident)
    owners = _usual_owners(incident.mailbox)
    nothing_known = not known and not owners
    for row in _attempts(incident).iterator():
        device = program_name(row.device)
        key = (row.ip, device)
        before = found.get(key)
        found[key] = Knock(
            ip=row.ip,
            country=row.country,
            device=device,
            count=row.count + (before.count if before else 0),
            first_at=min(row.at, before.first_at) if before else row.at,
            last_at=max(row.at, before.last_at) if before else row.at,
            known=None if nothing_known else _network(row.ip) in known or (row.asn != 0 and row.asn in owners),
        )
    return sorted(found.values(), key=lambda knock: knock.last_at, reverse=True)[:MOST]


def _attempts(incident: Incident) -> QuerySet[SignIn]:
    rows = SignIn.objects.filter(mailbox=incident.mailbox, old_password=True, at__gte=incident.detected_at)
    following = Incident.objects.filter(mailbox=incident.mailbox, id__gt=incident.pk, enforced=True).order_by("id")
    later = following.first()
    return rows if later is None else rows.filter(at__lt=later.detected_at)


def program_name(device: str) -> str:
    """A device as people know it: the program's name out of an IMAP ID, anything else as it was sent."""
    found = _NAME.search(device)
    return found[1] if found else device


def _network(ip: str) -> str:
    """The /24 or /48 an address is in; "" for what is no address."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))


def _known_networks(incident: Incident) -> set[str]:
    """Networks with logins on so many days before the first risky event."""
    days: dict[str, set[object]] = {}
    rows = SignIn.objects.filter(mailbox=incident.mailbox, success=True, at__lt=incident.first_risk_at)
    for ip, at in rows.values_list("ip", "at").iterator():
        days.setdefault(_network(ip), set()).add(at.date())
    return {network for network, seen in days.items() if network and len(seen) >= FAMILIAR_DAYS}


def _usual_owners(mailbox: str) -> set[int]:
    row = UsualUse.objects.filter(mailbox=mailbox).first()
    return set(row.facts.get("owners", ())) if row else set()
