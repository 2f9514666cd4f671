"""A week's log of real servers with a takeover in it (tests/golden/README.md) gets the right verdict."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sekisho.cli.processes import replay

ROOT = Path(__file__).parents[3]
WEEK = ROOT / "tests" / "golden" / "replay-week.log.gz"
VICTIM = "order@hanamaru-pan.example"
# The takeover's 40 messages to 128 recipients, in the night to Sunday.
MESSAGES = 40
BEGAN, ENDED = datetime(2026, 11, 8, 3, 12), datetime(2026, 11, 8, 3, 13)


def places(directory: Path) -> str:
    """The demo's address data as a file."""
    spec = importlib.util.spec_from_file_location("address_data", ROOT / "demo" / "address_data.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = directory / "places.csv"
    path.write_text("\n".join(module.rows()))
    return str(path)


def told(log: Path, *options: str) -> dict[str, list[dict[str, object]]]:
    """What `sekisho replay --json` says of a log."""
    done = CliRunner().invoke(replay, ["--json", "--year", "2026", *options, str(log)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found


def moment(decision: dict[str, object]) -> datetime:
    """When it was decided, in the zone of the machine, as the log's stamps are read."""
    return datetime.fromisoformat(str(decision["at"])).astimezone().replace(tzinfo=None)


@pytest.mark.parametrize("with_places", [True, False])
def test_only_the_mailbox_that_was_taken_over_is_stopped_and_at_once(tmp_path: Path, with_places: bool) -> None:
    found = told(WEEK, *(("--address-data", places(tmp_path)) if with_places else ()))
    decisions = found["decisions"]
    assert {decision["mailbox"] for decision in decisions} == {VICTIM}
    assert [decision["action"] for decision in decisions] == ["alert", "restrict", "suspend"]
    assert all(BEGAN <= moment(decision) <= ENDED for decision in decisions)
    # Messages before the first decision, before the restriction, before the suspension: without places the foreign
    # country is no sign, so that more has to be seen; with them a new country alone is no alert yet. A message more or
    # less is the zone's: days are UTC days.
    before = [MESSAGES - int(str(decision["messages_after"])) for decision in decisions]
    most = [3, 5, 9] if with_places else [7, 12, 21]
    assert all(count <= limit for count, limit in zip(before, most, strict=True)), before


def test_every_line_that_ought_to_be_read_is_read() -> None:
    summary = told(WEEK)["summary"]
    assert isinstance(summary, dict)
    assert (summary["mailboxes"], summary["unreadable"], summary["unstamped"]) == (8, 0, 0)
    # 92 logins, as many ended sessions; 121 messages with login, queue and deliveries; 6 refused logins.
    assert summary["telling"] == 685


def test_the_week_without_its_last_night_decides_nothing(tmp_path: Path) -> None:
    lines = gzip.decompress(WEEK.read_bytes()).decode().splitlines(keepends=True)
    path = tmp_path / "quiet.log"
    path.write_text("".join(line for line in lines if not re.match(r"Nov  8 03:1|2026-11-08 03:1", line)))
    assert told(path, "--address-data", places(tmp_path))["decisions"] == []
