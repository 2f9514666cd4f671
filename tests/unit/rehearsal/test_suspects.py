from __future__ import annotations

from pathlib import Path

from sekisho.cli.rehearse import rehearse
from sekisho.rehearsal import SCENARIOS
from sekisho.rehearsal.cast import read_scenarios
from sekisho.rehearsal.suspects import ROLES
from sekisho.rehearsal.telling import SENTENCES

ROOT = Path(__file__).resolve().parents[3]


def test_the_command_offers_every_scenario_and_each_begins_with_a_sentence() -> None:
    choice = rehearse.params[0].type
    assert tuple(choice.choices) == SCENARIOS  # type: ignore[attr-defined]
    assert {f"begin_{name}" for name in SCENARIOS} <= SENTENCES.keys()


def test_owners_and_their_infected_computers_are_never_to_be_suspended() -> None:
    assert all("suspended" not in ROLES[name].statuses for name in ("own_pc", "newsletter"))


def test_hijackers_elsewhere_are_never_to_stay_active() -> None:
    assert all("active" not in ROLES[name].statuses for name in ("home_botnet", "drip", "own_pc"))


def test_the_home_botnet_uses_dozens_of_networks_and_no_owners_own() -> None:
    scenarios = read_scenarios(ROOT / "demo" / "scenarios.toml")
    networks = {source.rpartition(".")[0] for source in scenarios.play("home_botnet").sources}
    assert len(networks) == len(scenarios.play("home_botnet").sources) >= 36
    assert all(network.startswith("198.18.") for network in networks)
    assert not networks & {victim.home.rpartition(".")[0] for victim in scenarios.victims}


def test_a_scenario_at_the_owners_place_has_no_source() -> None:
    scenarios = read_scenarios(ROOT / "demo" / "scenarios.toml")
    assert scenarios.play("own_pc").sources == scenarios.play("newsletter").sources == ()
    assert len(scenarios.play("drip").sources) == 1


def test_no_two_victims_travel_to_the_same_place() -> None:
    scenarios = read_scenarios(ROOT / "demo" / "scenarios.toml")
    assert len(set(scenarios.play("traveller").sources)) >= len(scenarios.victims)
