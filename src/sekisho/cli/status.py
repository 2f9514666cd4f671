"""`sekisho status`: which processes are alive, what is suspended, what raises an alarm."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from sekisho.cli.output import Refused, databases, print_json, say
from sekisho.cli.pwned import breached_facts
from sekisho.config import Settings, settings

# Host, process, age in seconds, what it told about itself.
Heartbeat = tuple[str, str, float, dict[str, Any]]
PROCESSES = ("guard", "agent", "worker", "web")
# Every process gives a sign of life each 5 s; three missed ones are an alarm.
SILENT_AFTER_S = 20.0
# It answers within milliseconds, or after its 2 s for each database.
PANEL_PATIENCE_S = 5.0


def _status_file(configuration: Settings, process: str) -> dict[str, Any] | None:
    """What a process last wrote about itself to var/PROCESS/status.json; None when it never did."""
    path = Path(configuration.var) / process / "status.json"
    try:
        content = json.loads(path.read_bytes())
        written = path.stat().st_mtime
    except (OSError, ValueError):
        return None
    return {**content, "age": round(time.time() - written, 1)} if isinstance(content, dict) else None


def _processes(configuration: Settings, heartbeats: list[Heartbeat]) -> list[dict[str, Any]]:
    """This host's processes by their files, and what the database has heard of others."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for process in PROCESSES:
        facts = _status_file(configuration, process)
        if facts is not None:
            found[(configuration.host, process)] = {"facts": facts, "age": facts["age"]}
    for host, process, age, facts in heartbeats:
        known = found.get((host, process))
        if known is None or known["age"] > age:
            found[(host, process)] = {"facts": {**(known or {}).get("facts", {}), **facts}, "age": age}
    return [
        {"host": host, "process": process, "alive": entry["age"] < SILENT_AFTER_S, **entry}
        for (host, process), entry in sorted(found.items())
    ]


def _panel(configuration: Settings) -> list[dict[str, Any]]:
    """This host's panel, when one answers: it may be on another machine, and writes no signs of life."""
    host = "127.0.0.1" if configuration.web.host in ("", "0.0.0.0") else configuration.web.host  # noqa: S104
    connection = HTTPConnection(host, configuration.web.port, timeout=PANEL_PATIENCE_S)
    try:
        connection.request("GET", "/health/ready")
        found = json.loads(connection.getresponse().read(1000))
        waits = [str(one) for one in found.get("waits_for", ())]
    except (OSError, HTTPException, ValueError, AttributeError):
        return []
    finally:
        connection.close()
    alarms = [say(f"waits for the {one}", f"{one} を待っています") for one in waits]
    return [{"host": configuration.host, "process": "web", "alive": True, "age": 0.0, "facts": {"alarms": alarms}}]


def _heartbeats() -> list[Heartbeat]:
    from django.utils import timezone

    from sekisho.incidents.models import HostHeartbeat

    now = timezone.now()
    return [
        (row.host, row.process, round((now - row.at).total_seconds(), 1), row.facts)
        for row in HostHeartbeat.objects.all()
    ]


def _record() -> dict[str, Any]:
    from django.db.models import Count
    from django.utils import timezone

    from sekisho.directory.models import SiteMailbox
    from sekisho.impact import listings, normality
    from sekisho.incidents import deferred
    from sekisho.incidents.decisions import OPEN_PHASES
    from sekisho.incidents.models import Incident, MailboxStatus, Notice, Order

    waiting = deferred.waiting_for(None)
    listed = listings.open_listings()
    opened = Incident.objects.filter(phase__in=OPEN_PHASES)
    statuses = dict(MailboxStatus.objects.values_list("status").annotate(Count("mailbox")).order_by())
    return {
        "mailboxes": SiteMailbox.objects.count(),
        "suspended": statuses.get("suspended", 0),
        "restricted": statuses.get("restricted", 0),
        "probation": statuses.get("probation", 0),
        "open_incidents": opened.count(),
        "open_alerts": opened.filter(action="alert").count(),
        "waiting_pairs": waiting.waited,
        "first_return": waiting.earliest_return,
        "listings": [{"subject": row.subject, "list": row.zone, "since": row.first_at} for row in listed],
        "refused_share": round(normality.lately(timezone.now()).share, 4),
        "orders_open": Order.objects.filter(state__in=["open", "claimed"]).count(),
        "orders_failed": Order.objects.filter(state="failed").count(),
        "notices_open": Notice.objects.filter(state__in=["open", "sending"]).count(),
    }


def _alarms(processes: list[dict[str, Any]], record: dict[str, Any]) -> list[str]:
    alarms = []
    heard = {entry["process"] for entry in processes if entry["alive"]}
    for process in PROCESSES[:3]:
        if process not in heard:
            alarms.append(say(f"{process} gives no sign of life", f"{process} が動いていません"))
    for entry in processes:
        if entry["facts"].get("database") == "away":
            alarms.append(
                say(f"{entry['process']} waits for the database", f"{entry['process']} はデータベースを待っています")
            )
        told = entry["facts"].get("alarms") or entry["facts"].get("alarm") or []
        alarms.extend(f"{entry['process']}: {text}" for text in ([told] if isinstance(told, str) else told))
    if record.get("orders_failed"):
        alarms.append(
            say(f"{record['orders_failed']} orders failed", f"失敗した指示が {record['orders_failed']} 件あります")
        )
    for row in record.get("listings", ()):
        alarms.append(
            say(
                f"{row['subject']} is on the blocklist {row['list']}",
                f"{row['subject']} がブロックリスト {row['list']} に載っています",
            )
        )
    return alarms


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Exit code 1 when there is an alarm, for programs that watch.")
def status(as_json: bool, check: bool) -> int:
    """Show on one screen what needs somebody: alarms, what is suspended, who waits, processes."""
    from sekisho.cli.status_screen import show

    found = _look(settings())
    if as_json:
        print_json(found)
    else:
        show(found)
    return 1 if check and found["alarms"] else 0


def _schema_alarm() -> str:
    from sekisho.directory import schema

    told = schema.alarm(schema.look())
    return say(*told) if told else ""


def _look(configuration: Settings) -> dict[str, Any]:
    """Everything `status` shows; without the database, what the processes' files tell."""
    found: dict[str, Any] = {
        "version": version("sekisho"),
        "at": datetime.now(UTC),
        "host": configuration.host,
        "mode": configuration.mode,
        "database": "ok",
    }
    heartbeats: list[Heartbeat] = []
    record: dict[str, Any] = {}
    try:
        with databases():
            heartbeats = _heartbeats()
            record = _record()
            found["schema"] = _schema_alarm()
    except Refused as refusal:
        found["database"] = str(refusal)
    processes = _processes(configuration, heartbeats) + _panel(configuration)
    sources = _address_sources(processes)
    alarms = _alarms(processes, record)
    if found["database"] != "ok":
        alarms.insert(0, found["database"])
    if schema_alarm := found.pop("schema", ""):
        alarms.insert(0, schema_alarm)
    breached = breached_facts(configuration)
    if breached["state"] == "damaged":
        alarms.append(breached["error"])
    facts = {"address_data": bool(sources), "address_sources": sources, "breached_list": breached}
    return {**found, **facts, "processes": processes, **record, "alarms": alarms}


def _address_sources(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The address data that each guard says it uses: host, kind, path, date and age in days."""
    return [
        {
            "host": entry["host"],
            "kind": source["kind"],
            "path": source["path"],
            "made_at": datetime.fromtimestamp(source["made_at"], UTC),
            "age_days": int((time.time() - source["made_at"]) / 86_400),
        }
        for entry in processes
        if entry["process"] == "guard"
        for source in entry["facts"].get("address_sources", ())
    ]
