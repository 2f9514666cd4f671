"""The sources an incident is about: what a person looks at before he says "this was me" or "no takeover"."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sekisho.incidents.models import Incident, SignIn

# As many as a profile keeps of one day (detection.limits.MAX_TODAY_SOURCES); one person never has more.
MOST_SOURCES = 24


class AlertSource(NamedTuple):
    """One client address, when it was used first, and by which doors as far as the record knows."""

    ip: str
    country: str
    asn: int
    at: datetime
    protocols: tuple[str, ...]


def of(incident: Incident) -> list[AlertSource]:
    """The sources of its decisions, and the logins between its first sign and its last decision; oldest first.

    What came in after the last decision is not among them: nobody has judged it yet, and whoever came then must not
    become familiar by an answer about somebody else.
    """
    decisions = list(incident.decisions.order_by("t"))
    found: dict[str, AlertSource] = {}
    if decisions:
        logins = SignIn.objects.filter(
            mailbox=incident.mailbox, success=True, at__gte=incident.first_risk_at, at__lte=decisions[-1].t
        )
        for row in logins.order_by("at", "id"):
            _add(found, AlertSource(row.ip, row.country, row.asn, row.at, (row.protocol,)))
    for decision in decisions:
        record = decision.record
        _add(found, AlertSource(record.get("ip", ""), record.get("country", ""), record.get("asn", 0), decision.t, ()))
    return sorted(found.values(), key=lambda source: source.at)[-MOST_SOURCES:]


def judged(incident: Incident) -> list[str] | None:
    """The addresses that become familiar when a person says "no takeover": those that detection had shown. None where a
    person alone began the incident: nothing was shown, the word is about the whole day.

    A restricted mailbox stays open. A stranger who comes after the question must not become familiar by its answer.
    """
    if not incident.decisions.exists():
        return None
    return [source.ip for source in of(incident)]


def _add(found: dict[str, AlertSource], source: AlertSource) -> None:
    if not source.ip:
        return
    known = found.get(source.ip)
    protocols = tuple(dict.fromkeys([*(known.protocols if known else ()), *source.protocols]))
    found[source.ip] = (known or source)._replace(protocols=protocols)
