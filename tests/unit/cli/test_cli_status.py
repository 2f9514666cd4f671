"""`sekisho status`: one screen for an operator, JSON for a program, an exit code for whoever watches."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from cli.test_cli import run
from click.testing import CliRunner

from sekisho.cli import output, sekisho, status
from sekisho.cli.status_screen import lines
from sekisho.incidents.models import HostHeartbeat

NOW = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)


def found(**changes: Any) -> dict[str, Any]:
    process = {"host": "mx01", "process": "guard", "age": 0.4, "alive": True, "facts": {}}
    return {
        "version": "0.1.0", "at": NOW, "host": "mx01", "mode": "enforce", "database": "ok", "alarms": [],
        "mailboxes": 200, "suspended": 3, "restricted": 0, "probation": 1, "open_incidents": 4, "open_alerts": 1,
        "waiting_pairs": 37, "first_return": NOW + timedelta(hours=3), "orders_open": 0, "orders_failed": 0,
        "listings": [], "refused_share": 0.004,
        "notices_open": 0, "processes": [process], "address_sources": [],
    } | changes  # fmt: skip


def screen(**changes: Any) -> str:
    return click.unstyle("\n".join(lines(found(**changes))))


def test_what_needs_somebody_comes_first() -> None:
    text = screen(alarms=["agent: a door is open"]).splitlines()
    assert text[2] == "ALARM      agent: a door is open"
    assert "All well" not in "\n".join(text)
    assert "All well" in screen()


def test_everything_fits_on_one_screen_of_80_by_24() -> None:
    told = screen(alarms=[f"agent: alarm {number}" for number in range(5)]).splitlines()
    assert len(told) <= 24 and max(map(output.width, told)) <= 80


def test_it_says_who_waits_and_how_long_there_is_time() -> None:
    assert "at least 37 senders and recipients wait" in screen()
    assert "may give up" in screen()
    assert "may have given up" in screen(first_return=NOW - timedelta(hours=1))
    assert "no sender waits" in screen(waiting_pairs=0, first_return=None)


def test_a_silent_process_is_named() -> None:
    silent = {"host": "mx01", "process": "agent", "age": 90.0, "alive": False, "facts": {}}
    assert "agent 90 s (silent)" in screen(processes=[silent])
    assert "none has given a sign of life" in screen(processes=[])


def test_without_the_database_it_shows_the_rest() -> None:
    facts = found(alarms=["the database does not answer"])
    for name in ("suspended", "restricted", "probation", "mailboxes", "open_incidents", "waiting_pairs"):
        del facts[name]
    text = click.unstyle("\n".join(lines(facts)))
    assert "the database does not answer" in text and "guard 0 s" in text


def test_it_speaks_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    text = screen(alarms=["agent: x"])
    assert "警報" in text and "停止中 3" in text and "少なくとも 37 組" in text
    assert max(map(output.width, text.splitlines())) <= 80


def code(*options: str) -> int | None:
    value: int | None = CliRunner().invoke(sekisho, ["status", *options], standalone_mode=False).return_value
    return value


@pytest.mark.django_db(databases=["default", "site"])
def test_colour_is_for_terminals_and_the_exit_code_for_programs(
    two_tenants: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run("status")
    assert "\x1b" not in shown.output and "ALARM" in shown.output and shown.exit_code == 0
    assert code("--check") == 1 and code() == 0
    monkeypatch.setattr(status, "_alarms", lambda processes, record: [])
    assert code("--check") == 0


@pytest.mark.django_db(databases=["default", "site"])
def test_json_holds_what_the_screen_shows(two_tenants: None) -> None:
    HostHeartbeat.objects.create(host="mx02", process="worker", at=datetime.now(UTC), facts={})
    facts = json.loads(run("status", "--json").output)
    assert {"version", "at", "host", "mode", "open_alerts", "waiting_pairs", "first_return", "alarms"} <= set(facts)
    assert [entry["host"] for entry in facts["processes"] if entry["process"] == "worker"] == ["mx02"]


@pytest.mark.django_db(databases=["default", "site"], transaction=True)
def test_migrate_says_what_is_due_and_changes_nothing_when_asked_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.migrations.executor import MigrationExecutor

    def migrate(*options: str) -> tuple[int | None, str]:
        done = CliRunner().invoke(sekisho, ["migrate", *options], standalone_mode=False)
        value: int | None = done.return_value
        return value, done.output

    assert migrate("--check") == (0, "0 changes of the tables are to be made\n")
    assert migrate() == (0, "0 changes of the tables made\n")
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [("incidents", False)])
    assert migrate("--check") == (1, "1 changes of the tables are to be made\n")
