"""Learning from recorded events and evaluating them."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from guard.test_memory import site
from sekisho.guard import evaluate, event_stream
from sekisho.guard.learn import learn
from sekisho.guard.profile_store import ProfileStore
from sekisho.guard.profiles import Profiles

NOW = 1_790_000_000.0
DAY = 86_400.0


def line(kind: str, t: float, **fields: Any) -> bytes:
    usual = {"t": t, "kind": kind, "account": "alice@shop.test", "ip": "198.18.1.5", "country": "JP", "asn": 64500}
    return json.dumps({**usual, **fields}).encode() + b"\n"


def history() -> list[bytes]:
    lines = []
    for day in range(20):
        t = NOW - (20 - day) * DAY
        lines.append(line("login", t, protocol="imap", success=True, unknown_field=1))
        lines.append(line("rcpt", t + 1, recipient="Friend@far.test", instance=f"h{day}"))
        lines.append(line("eom", t + 2, qid=f"H{day}", nrcpt=1, size=100))
        lines.append(line("delivery", t + 3, qid=f"H{day}", recipient="friend@far.test", status="sent", code="2.0.0"))
    return lines


def takeover() -> list[bytes]:
    lines = []
    for number, country in enumerate(("BR", "RU", "CN", "IN", "VN", "ID", "PH", "TR", "UA", "PL")):
        place = {"ip": f"203.0.{number}.1", "country": country, "asn": 65000 + number}
        lines.append(line("login", NOW + number, protocol="smtp", success=True, **place))
        lines.append(line("rcpt", NOW + number, recipient=f"v{number}@t.test", instance=f"b{number}", **place))
    return lines


def test_a_file_gives_one_line_per_decision(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(history() + takeover()))
    assert evaluate.run(str(path)) == 0
    decisions = [json.loads(text) for text in capfdbinary.readouterr().out.splitlines()]
    assert [decision["action"] for decision in decisions] == ["alert", "throttle", "suspend"]
    assert decisions[1]["limit"] == 10
    assert "limit" not in decisions[2]
    assert NOW <= decisions[2]["t"] < NOW + 10
    assert decisions[2]["account"] == "alice@shop.test"
    assert set(decisions[2]["indicators"][0]) == {"name", "value", "evidence"}


def test_gzip_is_read_too(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(history() + takeover())))
    assert evaluate.run(str(path)) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 3


def test_standard_input_gets_one_line_per_line(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = [*history(), b"no json\n", line("weather", NOW, source="x"), b"\n", *takeover()]
    monkeypatch.setattr(event_stream.sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines))))
    assert evaluate.run("-") == 0
    captured = capfdbinary.readouterr()
    answers = captured.out.splitlines()
    assert len(answers) == len(lines)
    assert sum(answer != b"{}" for answer in answers) == 3
    assert b"'unreadable': 2, 'weather': 1" in captured.err


def test_lines_without_a_place_are_judged_without_one(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    nowhere = {"country": "", "asn": None, "ip": None}
    lines = [line("login", NOW + n, protocol="imap", success=True, **nowhere) for n in range(50)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(lines))
    assert evaluate.run(str(path)) == 0
    assert capfdbinary.readouterr().out == b""


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.run(str(tmp_path / "none")) == 1
    assert "none" in capsys.readouterr().err


def test_failed_logins_of_a_stream_decide_nothing(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = [line("login", NOW + n, ip=f"203.0.{n % 250}.1", protocol="imap", success=False) for n in range(3000)]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(lines))
    assert evaluate.run(str(path)) == 0
    assert capfdbinary.readouterr().out == b""


def test_a_history_becomes_profiles_and_no_decisions(tmp_path: Path) -> None:
    settings = site(tmp_path)
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join([*history(), line("login", NOW, success=True), b"?\n"]))
    said = learn(str(path), settings)
    assert said == "learnt 81 events of 1 mailboxes; skipped: {'unreadable': 1}"
    packed, _, saved = ProfileStore(settings.profiles_file).load()
    assert Profiles(packed).of("alice@shop.test").knows("friend@far.test")
    assert saved.own == {}
    assert not settings.journal_directory.exists()
