"""P3: a botnet in the home country is contained, and an owner who reads abroad and answers people he knows is not;
both told by the command and counted from outside. Sabotage: tests/sabotage/t20.patch (a new
country alone restricts)."""

from __future__ import annotations

import json
from typing import Any

from harness import Stack


def rehearse(stack: Stack, scenario: str) -> dict[str, Any]:
    """The figures of one rehearsal; fails the story when it found a fault."""
    done = stack.command("rehearse", scenario, "--json", "--lang", "en", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_a_botnet_in_the_home_country_is_contained(stack: Stack) -> None:
    figures = rehearse(stack, "home_botnet")
    assert figures["answer"] in ("suspended", "restricted")
    # 48 machines with one or two recipients each would reach 72.
    assert 0 < figures["spam_accepted"] < 72
    assert figures["spam_not_held"] == 0


def test_an_owner_abroad_who_answers_people_he_knows_is_not_hindered(stack: Stack) -> None:
    figures = rehearse(stack, "traveller")
    assert figures["answer"] == figures["final_status"] == "active"
    assert figures["letters_sent"] == figures["letters_arrived"] > 0
