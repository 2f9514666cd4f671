"""Which logins and messages of a mailbox were the third party's: the rule behind every figure of a report.

His are the client addresses that the incident's decisions were about, and those that were unfamiliar to the mailbox
when they logged in or sent (the guard's word at that moment, kept with the row), between the incident's first sign and
the moment its doors were opened again. Not his are

- an address that a person has called the owner's ("this was me", a dismissal);
- an address of a decision that was familiar to the mailbox all that time, when there is a stranger to hold responsible:
  the guard may have decided at the owner's own next message.

So the owner's mail of the same hours from his familiar address is never counted. Where every address was familiar (a
program on the owner's own machine), the decisions' addresses are his, and the owner's mail from there with them: the
record cannot tell the two apart. An address of our own (a webmail's server that does not say for whom it asks) names
nobody: it is never his, and the figures then say "at least".
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from sekisho.config import settings
from sekisho.impact.model import Gap
from sekisho.incidents.models import Incident, QueueIdLogin, SignIn, UnseenTime

# What a botnet of an afternoon uses. More are counted in no figure, and the figures say so.
MOST_SOURCES = 5000
# Words of a person that end an incident with a judgement about its sources.
_JUDGED = ("dismissal", "answer")


class Whose(NamedTuple):
    """The third party's client addresses and the time in which they count; what hides others of them."""

    mailbox: str
    ips: tuple[str, ...]
    since: datetime
    until: datetime
    # Times within it in which the guard was not there.
    gaps: tuple[Gap, ...]
    # Mail was handed in from addresses that name nobody, or there are more addresses than are counted.
    hidden: bool
    # The mailbox was used from addresses of our own (a webmail) in this time.
    ours: bool

    @property
    def at_least(self) -> bool:
        """Whether more may have happened than the record has."""
        return self.hidden or bool(self.gaps)

    def within(self, name: str = "at") -> dict[str, Any]:
        """The filter for rows of this time."""
        return {f"{name}__gte": self.since, f"{name}__lte": self.until}

    def logins(self) -> QuerySet[SignIn]:
        """His logins that succeeded."""
        return SignIn.objects.filter(mailbox=self.mailbox, success=True, ip__in=self.ips, **self.within())

    def messages(self) -> QuerySet[QueueIdLogin]:
        """The messages he handed in, each once, whatever queue ids it had later."""
        return QueueIdLogin.objects.filter(mailbox=self.mailbox, ip__in=self.ips, origin="", **self.within())


def whose(incident: Incident, now: datetime) -> Whose:
    """The rule, applied to an incident."""
    since, until = _since(incident), _until(incident, now)
    within = {"at__gte": since, "at__lte": until}
    logins = SignIn.objects.filter(mailbox=incident.mailbox, success=True, **within)
    messages = QueueIdLogin.objects.filter(mailbox=incident.mailbox, **within)
    strange = _addresses(logins.filter(strange=True)) | _addresses(messages.filter(strange=True))
    decided = {str(record.get("ip") or "") for record in incident.decisions.values_list("record", flat=True)} - {""}
    if strange:
        familiar = _addresses(logins.filter(strange=False)) | _addresses(messages.filter(strange=False))
        decided -= familiar - strange
    ips = {ip for ip in (strange | decided) - _vouched(incident) if not _is_ours(ip)}
    counted = tuple(sorted(ips)[:MOST_SOURCES])
    hidden = len(ips) > MOST_SOURCES or any(map(_names_nobody, _addresses(messages)))
    ours = any(ip and _is_ours(ip) for ip in _addresses(logins) | _addresses(messages))
    return Whose(incident.mailbox, counted, since, until, _gaps(since, until), hidden, ours)


def _since(incident: Incident) -> datetime:
    """Its first sign; where a person suspended the mailbox, from when on its mail was held (an hour before)."""
    held = incident.orders.filter(kind__in=["contain", "restrict"]).values_list("details", flat=True)
    begins = [moment(float(details["hold_since"])) for details in held if details.get("hold_since")]
    # What the guard learnt from the mail log, after an absence, has the log's whole seconds.
    return min([incident.first_risk_at, *begins]).replace(microsecond=0)


def _until(incident: Incident, now: datetime) -> datetime:
    """When the doors were opened again (whoever logs in then has a new password), or it ended, or now."""
    opened = incident.transitions.filter(before__in=["suspended", "restricted"], after__in=["probation", "active"])
    first = opened.order_by("at").values_list("at", flat=True).first()
    ends = [at for at in (first, incident.recovered_at, incident.closed_at) if at is not None]
    return min([*ends, now])


def _addresses(rows: QuerySet[Any]) -> set[str]:
    return set(rows.values_list("ip", flat=True).distinct())


def _vouched(incident: Incident) -> set[str]:
    found: set[str] = set()
    for sources in incident.transitions.filter(cause__in=_JUDGED).values_list("sources", flat=True):
        found.update(sources or ())
    return found


def _names_nobody(ip: str) -> bool:
    """Rows from before the address was kept have none."""
    return not ip or _is_ours(ip)


def _is_ours(ip: str) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return True
    # As in guard.places: a session from the host itself is a web application's, wherever its user sits.
    own = (ipaddress.ip_network(network) for network in settings().guard.own_networks)
    return address.is_loopback or any(address in network for network in own)


def _gaps(since: datetime, until: datetime) -> tuple[Gap, ...]:
    rows = UnseenTime.objects.filter(Q(since__lt=until) & Q(until__gt=since)).order_by("since", "until")
    return tuple(Gap("guard", max(row.since, since).timestamp(), min(row.until, until).timestamp()) for row in rows)


def moment(t: float) -> datetime:
    """The aware time of epoch seconds."""
    return datetime.fromtimestamp(t, UTC)
