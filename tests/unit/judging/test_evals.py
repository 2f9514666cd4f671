"""The simulator repeats itself by seed, and the scorer counts what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evals import report, score, world


def stream(tmp_path: Path, seed: int, name: str = "base") -> bytes:
    world.write(world.build(seed, 12, 40, name), tmp_path)
    return (tmp_path / "events.jsonl").read_bytes()


@pytest.mark.parametrize("name", sorted(world.WORLDS))
def test_the_same_seed_plays_the_same_company(tmp_path: Path, name: str) -> None:
    first = stream(tmp_path, 5, name)
    assert stream(tmp_path, 5, name) == first
    assert stream(tmp_path, 6, name) != first


def test_events_come_in_order_and_belong_to_labelled_mailboxes(tmp_path: Path) -> None:
    events = [json.loads(line) for line in stream(tmp_path, 5).splitlines()]
    labels = json.loads((tmp_path / "labels.json").read_text())["mailboxes"]
    times = [event["t"] for event in events]
    assert times == sorted(times)
    known = {event["account"] for event in events if event.get("success", True)}
    assert known <= set(labels)
    attacked = [label for label in labels.values() if label["attack"]]
    assert all(label["start"] and min(label["spam"], default=label["start"]) >= label["start"] for label in attacked)


def test_calibration_and_report_never_share_a_seed() -> None:
    assert not set(report.CALIBRATION_SEEDS) & set(report.REPORT_SEEDS)


def judged(tmp_path: Path, decisions: list[dict[str, object]]) -> list[str]:
    begin = 1_780_000_000.0
    attacked = {"domain": "a.test", "tenant": "a", "traits": ["office"], "born": begin, "attack": "blast"}
    attacked |= {"start": begin + 30 * 86400, "spam": [begin + 30 * 86400 + number for number in range(100)]}
    healthy = {"domain": "a.test", "tenant": "a", "traits": ["office"], "born": begin}
    healthy |= {"attack": None, "start": None, "spam": []}
    truth = {"begin": begin, "days": 60, "mailboxes": {"x@a.test": attacked, "y@a.test": healthy}}
    (tmp_path / "labels.json").write_text(json.dumps(truth))
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(decision) + "\n" for decision in decisions))
    return score.tables(score.score([score.Run.read(tmp_path, tmp_path / "d.jsonl")]))


def row(lines: list[str], name: str) -> list[str]:
    return [cell.strip() for cell in next(line for line in lines if line.startswith(f"| {name} |")).split("|")][2:-1]


def test_a_suspension_after_ten_lets_ten_out(tmp_path: Path) -> None:
    t = 1_780_000_000.0 + 30 * 86400 + 9.5
    lines = judged(tmp_path, [{"t": t, "account": "x@a.test", "action": "suspend", "score": 9.0, "indicators": []}])
    cells = row(lines, "blast")
    assert cells[0] == "1"
    assert cells[1] == "1.00"
    assert cells[4] == "10"


def test_a_decision_before_the_attack_is_a_false_alarm(tmp_path: Path) -> None:
    t = 1_780_000_000.0 + 86400
    lines = judged(tmp_path, [{"t": t, "account": "y@a.test", "action": "suspend", "score": 9.0, "indicators": []}])
    assert row(lines, "blast")[1] == "0.00"
    assert row(lines, "office")[1].startswith("1:")
