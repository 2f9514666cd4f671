from __future__ import annotations

import json
from pathlib import Path

import pytest

from sekisho.rehearsal.cast import CastError, Victim, choose_victim, keep_password, read_password, read_scenarios

ROOT = Path(__file__).resolve().parents[3]
VICTIMS = tuple(Victim(f"{name}@shop.example", f"{name}2@shop.example", "192.0.2.1", ("a@b.test",)) for name in "abc")


def test_the_demo_has_every_scenario_and_enough_victims() -> None:
    scenarios = read_scenarios(ROOT / "demo" / "scenarios.toml")
    assert len(scenarios.victims) >= 8
    assert len({victim.mailbox for victim in scenarios.victims}) == len(scenarios.victims)
    assert len(scenarios.play("botnet").sources) >= 36
    assert len(set(scenarios.play("flood").sources)) == 100
    assert len(scenarios.play("blast").sources) == len(scenarios.play("intruder").sources) == 1


def test_it_refuses_an_unknown_scenario_and_an_unknown_field(tmp_path: Path) -> None:
    scenarios = read_scenarios(ROOT / "demo" / "scenarios.toml")
    with pytest.raises(CastError, match="no scenario 'siege'"):
        scenarios.play("siege")
    wrong = tmp_path / "scenarios.toml"
    wrong.write_text((ROOT / "demo" / "scenarios.toml").read_text() + '\nvictim = "x"\n')
    with pytest.raises(CastError, match=str(wrong)):
        read_scenarios(wrong)


def test_victims_take_their_turn_and_the_round_begins_again(tmp_path: Path) -> None:
    used = tmp_path / "used.json"
    order = [choose_victim(VICTIMS, used, lambda _: True).mailbox[0] for _ in range(5)]
    assert order == ["a", "b", "c", "a", "b"]


def test_a_mailbox_that_is_not_active_is_passed_over(tmp_path: Path) -> None:
    used = tmp_path / "used.json"
    assert choose_victim(VICTIMS, used, lambda mailbox: mailbox[0] == "c").mailbox[0] == "c"
    with pytest.raises(CastError, match="every victim"):
        choose_victim(VICTIMS, used, lambda _: False)


def test_a_new_password_is_kept_beside_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(
        json.dumps({"panel": {"operator": {"name": "o"}}, "mailboxes": {"a@b.example": "old", "c@d.example": "x"}})
    )
    keep_password(path, "a@b.example", "new")
    assert read_password(path, "a@b.example") == "new"
    assert json.loads(path.read_text())["panel"] == {"operator": {"name": "o"}}
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CastError, match="no password"):
        read_password(path, "nobody@b.example")
