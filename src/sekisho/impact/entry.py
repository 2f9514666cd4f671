"""How the third party came in, and whom else he tried from the same addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from sekisho.directory.models import SiteMailbox
from sekisho.impact.model import Entry, EvidenceRow, Figure, Source, Touched
from sekisho.impact.whose import Whose
from sekisho.incidents.knocking import program_name
from sekisho.incidents.models import Incident, NetworkOwner, SignIn

# Named in a report, those used first; the logins of all are in the evidence of each figure that names one.
MOST_SOURCES = 200
MOST_TOUCHED = 500
# He tries a list of mailboxes before he comes in and after he is out.
AROUND = timedelta(days=1)
_CHUNK = 500

Facts = dict[str, str | int | float | bool | None]


def entry_of(incident: Incident, his: Whose) -> Entry:
    """How and when he came in."""
    sources = _sources(incident, his)
    guesses = _guesses(his).aggregate(sum=Sum("count"))["sum"] or 0
    return Entry(
        first_at=min((source.first_at for source in sources), default=None),
        detected_at=incident.detected_at.timestamp(),
        contained_at=_seconds(incident.contained_at),
        recovered_at=_seconds(incident.recovered_at),
        sources=tuple(sources[:MOST_SOURCES]),
        guesses=Figure("entry.guesses", guesses, bool(his.gaps)),
    )


def touched_of(his: Whose) -> tuple[Touched, ...]:
    """Mailboxes of this host that were tried or used from his addresses, the most used first."""
    rows = _elsewhere(his).order_by().values("mailbox").annotate(
        logins=Sum("count", filter=Q(success=True)), failures=Sum("count", filter=Q(success=False))
    )  # fmt: skip
    counted = {row["mailbox"]: (row["logins"] or 0, row["failures"] or 0) for row in rows}
    ranked = sorted(_existing(list(counted)), key=lambda name: ([-number for number in counted[name]], name))
    return tuple(
        Touched(
            mailbox=name,
            domain=name.rpartition("@")[2],
            logins=Figure(f"touched.logins:{name}", counted[name][0], bool(his.gaps)),
            failures=Figure(f"touched.failures:{name}", counted[name][1], bool(his.gaps)),
        )
        for name in ranked[:MOST_TOUCHED]
    )


def evidence_of(his: Whose, figure: str) -> Iterator[EvidenceRow]:
    """The logins behind one of the figures above: sums of an hour, whose numbers add up to it."""
    name, _, value = figure.partition(":")
    rows = {
        "entry.logins": lambda: his.logins().filter(ip=value),
        "entry.guesses": lambda: _guesses(his),
        "touched.logins": lambda: _elsewhere(his).filter(mailbox=value, success=True),
        "touched.failures": lambda: _elsewhere(his).filter(mailbox=value, success=False),
    }.get(name)
    if rows is None:
        return
    for row in rows().order_by("at", "pk").iterator():
        yield EvidenceRow(figure, "sign_in", str(row.pk), row.at.timestamp(), _facts(row))


def _facts(row: SignIn) -> Facts:
    return {
        "mailbox": row.mailbox, "success": row.success, "protocol": row.protocol, "ip": row.ip, "country": row.country,
        "asn": row.asn, "device": program_name(row.device), "app_password": row.app_password, "count": row.count,
    }  # fmt: skip


def _sources(incident: Incident, his: Whose) -> list[Source]:
    used: dict[str, list[SignIn]] = {ip: [] for ip in his.ips}
    for row in his.logins().order_by("at", "pk").iterator():
        used[row.ip].append(row)
    spans = his.messages().order_by().values("ip").annotate(
        first=Min("at"), last=Max("at"), country=Max("country"), asn=Max("asn"), number=Count("pk")
    )  # fmt: skip
    sent: dict[str, dict[str, Any]] = {row["ip"]: dict(row) for row in spans}
    decided = _decided(incident)
    numbers = {row.asn for rows in used.values() for row in rows} | {row["asn"] for row in sent.values()}
    numbers |= {int(found["asn"]) for found in decided.values()}
    owners = dict(NetworkOwner.objects.filter(asn__in=numbers).values_list("asn", "name"))
    found = [_source(ip, rows, sent.get(ip), decided.get(ip), owners, his) for ip, rows in used.items()]
    return sorted(found, key=lambda source: (source.first_at, source.ip))


def _source(
    ip: str,
    rows: list[SignIn],
    sent: dict[str, Any] | None,
    decided: dict[str, Any] | None,
    owners: dict[int, str],
    his: Whose,
) -> Source:
    told: list[Any] = [*({"country": row.country, "asn": row.asn} for row in rows), sent, decided]
    country = next((one["country"] for one in told if one and one["country"]), "")
    asn = next((int(one["asn"]) for one in told if one and one["asn"]), 0)
    times = [row.at.timestamp() for row in rows]
    times += [sent["first"].timestamp(), sent["last"].timestamp()] if sent else []
    times += [decided["at"]] if decided and not times else []
    protocols = dict.fromkeys([row.protocol for row in rows] + (["smtp"] if sent else []))
    return Source(
        ip=ip,
        country=country,
        asn=asn,
        network_owner=owners.get(asn, ""),
        protocols=tuple(protocols),
        devices=tuple(dict.fromkeys(filter(None, (program_name(row.device) for row in rows)))),
        first_at=min(times, default=his.since.timestamp()),
        last_at=max(times, default=his.since.timestamp()),
        logins=Figure(f"entry.logins:{ip}", sum(row.count for row in rows), bool(his.gaps)),
        why=tuple(decided["why"]) if decided else (),
    )


def _decided(incident: Incident) -> dict[str, dict[str, Any]]:
    """By address: what its decisions found, the heaviest finding first."""
    found: dict[str, dict[str, Any]] = {}
    for decision in incident.decisions.order_by("t").prefetch_related("indicators"):
        record = decision.record
        known = found.setdefault(
            str(record.get("ip") or ""),
            {"country": record.get("country") or "", "asn": record.get("asn") or 0, "at": decision.t.timestamp(),
             "weights": {}},
        )  # fmt: skip
        for indicator in decision.indicators.all():
            weights = known["weights"]
            weights[indicator.name] = max(indicator.value, weights.get(indicator.name, 0.0))
    for known in found.values():
        weights = known["weights"]
        known["why"] = sorted((name for name in weights if weights[name] > 0), key=lambda name: -weights[name])
    return found


def _guesses(his: Whose) -> QuerySet[SignIn]:
    """Failed logins from his addresses before his first success; exact to the hour that a row sums up."""
    first = his.logins().aggregate(first=Min("at"))["first"] or his.until
    return SignIn.objects.filter(mailbox=his.mailbox, success=False, ip__in=his.ips, at__lte=first)


def _elsewhere(his: Whose) -> QuerySet[SignIn]:
    """Logins and tries at other mailboxes from his addresses; whoever is at home at such an address is not touched."""
    rows = SignIn.objects.filter(ip__in=his.ips, at__gte=his.since - AROUND, at__lte=his.until + AROUND)
    return rows.exclude(mailbox=his.mailbox).exclude(success=True, strange=False)


def _existing(names: list[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(names), _CHUNK):
        rows = SiteMailbox.objects.filter(username__in=names[start : start + _CHUNK])
        found += rows.values_list("username", flat=True)
    return found


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
