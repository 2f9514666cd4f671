"""What the third party changed, and the mail that left because of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Max, Min, QuerySet, Sum

from sekisho.impact.model import Change, EvidenceRow, Figure, Leak
from sekisho.impact.whose import Whose
from sekisho.incidents.models import AppPassword, ForwardedMail, Incident, PlantedItem, Step, TimelineEntry
from sekisho.incidents.planted import name_of

# What a planted setting's state means to a reader: switched off by us, left by a person's word, gone, still there.
STATES = {
    "found": "on", "listed": "on", "frozen": "off", "to_delete": "off", "deleted": "deleted", "to_keep": "kept",
    "kept": "kept",
}  # fmt: skip
# The owner's page knows whoever has only the mailbox' password by this name in the audit log.
BY_PASSWORD_ALONE = "owner (password)"  # noqa: S105
WATCH_STEP = "watch_password"

Facts = dict[str, str | int | float | bool | None]


def changed_of(incident: Incident, his: Whose) -> tuple[Change, ...]:
    """What was changed by him, or since his first sign by nobody knows whom; by time, what has none last."""
    changes = [change for change, _ in _changes(incident, his)]
    return tuple(sorted(changes, key=lambda change: (change.at is None, change.at or 0.0, change.kind, change.what)))


def leaked_of(incident: Incident, his: Whose) -> tuple[Leak, ...]:
    """Mail that went to an address he planted, the address of most messages first. None to an address: no line."""
    rows = _forwards(incident, his).order_by().values("target")
    counted = rows.annotate(messages=Sum("count"), first=Min("first_at"), last=Max("last_at"))
    return tuple(
        Leak(
            row["target"],
            Figure(f"leaked:{row['target']}", row["messages"], bool(his.gaps)),
            row["first"].timestamp(),
            row["last"].timestamp(),
        )
        for row in counted.order_by("-messages", "target")
    )


def evidence_of(incident: Incident, his: Whose, figure: str) -> Iterator[EvidenceRow]:
    """The rows behind "changed" (all of them) or one target's leak: sums of an hour."""
    name, _, target = figure.partition(":")
    if name == "changed":
        for change, facts in _changes(incident, his):
            kind, _, key = change.evidence.partition(" ")
            yield EvidenceRow(figure, kind, key, change.at or incident.detected_at.timestamp(), facts)
    elif name == "leaked":
        for row in _forwards(incident, his).filter(target=target).order_by("hour", "pk").iterator():
            facts = {"target": row.target, "via": row.via, "count": row.count, "until": row.last_at.timestamp()}
            yield EvidenceRow(figure, "forward", str(row.pk), row.first_at.timestamp(), facts)


def _changes(incident: Incident, his: Whose) -> Iterator[tuple[Change, Facts]]:
    scripts = _script_changes(incident, his)
    items = list(incident.planted.order_by("pk"))
    for item in items:
        yield _planted(item, scripts)
    listed = {str(item.what.get("script")) for item in items if item.kind == "script"}
    for entry in scripts:
        if entry.details.get("script") not in listed:
            yield _script(entry)
    yield from _app_passwords(his)
    yield from _passwords(incident)


def _script_changes(incident: Incident, his: Whose) -> list[TimelineEntry]:
    """Scripts stored over ManageSieve from his addresses, or from one that nobody named."""
    entries = incident.timeline.filter(kind="script", at__gte=his.since, at__lte=his.until).order_by("at", "pk")
    return [entry for entry in entries if (entry.details.get("ip") or "") in ("", *his.ips)]


def _planted(item: PlantedItem, scripts: list[TimelineEntry]) -> tuple[Change, Facts]:
    name = name_of(item)
    stored = next((entry for entry in scripts if item.kind == "script" and entry.details.get("script") == name), None)
    at = stored.at if stored else item.known_since
    state = STATES.get(item.state, item.state)
    what = ", ".join(_targets(item)) or name
    facts: Facts = {
        "name": name, "target": what, "kind": item.kind, "state": item.state, "host": item.host,
        "found_at": item.found_at.timestamp(), "absent_at": _seconds(item.absent_at),
    }  # fmt: skip
    return Change(item.kind, what, _seconds(at), state, f"planted {item.pk}"), facts


def _targets(item: PlantedItem) -> list[str]:
    """The addresses that a forward or a script sends mail to."""
    targets = [item.what.get("target"), *(item.what.get("targets") or ())]
    return [str(target) for target in targets if target and item.kind in ("forward", "catch_all", "script")]


def _script(entry: TimelineEntry) -> tuple[Change, Facts]:
    details = entry.details
    what = str(details.get("target") or details.get("script") or "")
    facts: Facts = {"script": str(details.get("script") or ""), "ip": str(details.get("ip") or ""), "kind": "script"}
    return Change("script", what, entry.at.timestamp(), "on", f"timeline {entry.pk}"), facts


def _app_passwords(his: Whose) -> Iterator[tuple[Change, Facts]]:
    """Made on the owner's page by somebody who had shown nothing but the password."""
    made = AppPassword.objects.filter(
        mailbox=his.mailbox, created_by=BY_PASSWORD_ALONE, created_at__gte=his.since, created_at__lte=his.until
    )
    for row in made.order_by("created_at", "pk"):
        off = row.revoked_at is not None or row.disabled_at is not None
        facts: Facts = {"name": row.name, "kind": "app_password", "last_used_at": _seconds(row.last_used_at)}
        at = row.created_at.timestamp()
        yield Change("app_password", row.name, at, "off" if off else "on", f"app_password {row.pk}"), facts


def _passwords(incident: Incident) -> Iterator[tuple[Change, Facts]]:
    """The password was set anew in the site's own table while the mailbox was suspended; it opens nothing."""
    steps = Step.objects.filter(incident=incident, name=WATCH_STEP, state="failed", at__isnull=False)
    for step in steps.order_by("at", "pk"):
        at = step.at.timestamp() if step.at else None
        yield Change("password", step.host, at, "off", f"step {step.pk}"), {"host": step.host, "kind": "password"}
    for entry in incident.timeline.filter(kind="site_password").order_by("at", "pk"):
        yield (
            Change("password", "", entry.at.timestamp(), "off", f"timeline {entry.pk}"),
            {"kind": "password"},
        )


def _forwards(incident: Incident, his: Whose) -> QuerySet[ForwardedMail]:
    """Hours with mail to a planted address since his first sign; not to one that a person has called the owner's."""
    targets = {
        target.lower()
        for item in incident.planted.exclude(state__in=["kept", "to_keep"])
        for target in _targets(item)
    }  # fmt: skip
    targets |= {str(entry.details.get("target") or "").lower() for entry in _script_changes(incident, his)}
    rows = ForwardedMail.objects.filter(mailbox=his.mailbox, target__in=targets - {""})
    return rows.filter(last_at__gte=his.since, hour__lte=his.until + timedelta(hours=1))


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
