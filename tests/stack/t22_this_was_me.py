"""P5: the answer to an alert. A login from abroad to where the rules are kept raises one; after "this was me" the same
source raises nothing, and others as unfamiliar still do; after "it was not me" every door is shut.
Sabotage: tests/sabotage/t22.patch (the answer teaches the guard nothing)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ABROAD, Box, Stack, login_ok, stack_of_its_own

from sekisho.rehearsal.doors import try_sieve
from sekisho.rehearsal.outside import wait_until

# Brazil and Russia in the demo's address data, as unfamiliar to these owners as ABROAD (Nigeria). A new country alone
# is no alert. Somebody who has been abroad once may be so again (places.py): two further countries, and the rules'
# door, which the owners never used, are an alert then.
ELSEWHERE = ("198.19.3.41", "198.19.23.12")
TRAVELLER, ROBBED = "chubo@yunoyado-kitano.test", "keiri@yunoyado-kitano.test"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Its own: what is usual for a mailbox and its colleagues must be as the demo made it."""
    with stack_of_its_own() as running:
        yield running


def sources_told(stack: Stack, box: Box) -> list[str]:
    """The client address of each decision about the mailbox, oldest first."""
    rows = stack.our_sql(
        "SELECT d.record FROM incidents_decision d JOIN incidents_incident i ON i.id = d.incident_id "
        "WHERE i.mailbox = ? ORDER BY d.t",
        box.address,
    )
    return [json.loads(row[0])["ip"] for row in rows]


def alert_about(stack: Stack, box: Box, source: str) -> dict[str, Any]:
    """Logs in from there, through a door its owner never used, and waits for the alert."""
    before = sources_told(stack, box)
    assert try_sieve(stack.places, box.address, box.password, source).accepted
    assert wait_until(lambda: sources_told(stack, box) == [*before, source], 15) is not None, stack.log("guard")[-2000:]
    incident = stack.incident(box)
    assert (incident["action"], incident["phase"], stack.status(box)) == ("alert", "detected", "active")
    return incident


def countries_usual(stack: Stack, box: Box) -> list[str]:
    rows = stack.our_sql("SELECT facts FROM incidents_usualuse WHERE mailbox = ?", box.address)
    return json.loads(rows[0][0])["countries"] if rows else []


def test_a_source_that_was_the_owners_raises_no_second_alert_and_another_one_does(stack: Stack) -> None:
    box = stack.known_box(TRAVELLER)
    incident = alert_about(stack, box, ABROAD)
    assert countries_usual(stack, box) == ["JP"]
    done = stack.command("incident", "answer", str(incident["id"]))
    assert ABROAD in done.stdout
    closed = stack.ask("incident", "show", str(incident["id"]))
    assert closed["phase"] == "dismissed"
    assert [(c["before"], c["after"], c["cause"]) for c in closed["transitions"]] == [("active", "active", "answer")]
    # The way back: record, state file, guard, spool, record.
    assert wait_until(lambda: set(countries_usual(stack, box)) == {"JP", "NG"}, 15) is not None

    for _ in range(3):
        assert login_ok(stack, box, ABROAD)
    assert login_ok(stack, box, ELSEWHERE[0])
    second = alert_about(stack, box, ELSEWHERE[1])
    # The guard judges in order: had the logins before raised anything, it would stand between these two.
    assert sources_told(stack, box) == [ABROAD, ELSEWHERE[1]]
    assert second["id"] != incident["id"]
    evidence = " ".join(found["evidence"] for found in second["indicators"])
    assert "BR" in evidence and "RU" in evidence and "NG" not in evidence
    assert stack.command("incident", "answer", str(incident["id"]), check=False).returncode == 1


def test_an_alert_that_was_not_the_owner_shuts_every_door(stack: Stack) -> None:
    box = stack.known_box(ROBBED)
    incident = alert_about(stack, box, ABROAD)
    stack.command("incident", "answer", str(incident["id"]), "--no")
    stack.assert_shut(box, within=5)
    assert stack.status(box) == "suspended"
    stack.reinstate(box)
    stack.assert_open(box)
