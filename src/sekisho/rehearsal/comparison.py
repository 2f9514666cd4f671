"""The count outside against our own record, as the `sekisho` command shows it. A disagreement is a fault."""

from __future__ import annotations

import re
from typing import Any

from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.record import ask
from sekisho.rehearsal.stage import Stage

# Delivery, log line, spool, record: within a few seconds on a busy machine.
_RECORDED_WITHIN = 15.0


def compare_takeover(stage: Stage) -> None:
    """Notes a fault for each figure in which our record differs from what was counted."""
    if stage.result.letters_sent is None:
        return
    mailbox = stage.victim.mailbox
    incidents = ask("incident", "list", "--mailbox", mailbox)
    open_ones = [one for one in incidents if one["phase"] not in ("closed", "dismissed")]
    stage.expect("incidents of this takeover", 1, len(open_ones))
    if not open_ones:
        return
    story = ask("incident", "show", str(open_ones[0]["id"]))
    changes = [(change["after"], change["cause"]) for change in story["transitions"]]
    stage.expect("suspended by", True, ("suspended", "detection") in changes)
    stage.expect("the mailbox is reinstated", True, ("probation", "recovery") in changes)
    stage.expect("spam messages held", stage.held_messages, held_in_record(story))
    _compare_waiting(stage, mailbox)


def compare_intruder(stage: Stage) -> None:
    """Our record must hold one answer, the one that was counted, with its evidence."""
    incidents = ask("incident", "list", "--mailbox", stage.victim.mailbox)
    wanted = ["suspend" if stage.result.answer == "suspended" else "restrict"]
    stage.expect("answers to the intruder", wanted, [one["action"] for one in incidents])
    if incidents:
        story = ask("incident", "show", str(incidents[0]["id"]))
        stage.expect("an answer with evidence a person can read", True, bool(story["indicators"]))


def compare_flood(stage: Stage) -> None:
    """Failed logins leave no incident behind."""
    stage.expect("incidents after failed logins", 0, len(ask("incident", "list", "--mailbox", stage.victim.mailbox)))


def held_in_record(story: dict[str, Any]) -> int | None:
    """Held messages as the last step that looked at the queue says; None when none did."""
    found = [
        match
        for step in story["steps"]
        if step["plan"] == "contain" and (match := re.search(r"(\d+) messages? held", step["outcome"]))
    ]
    return int(found[-1].group(1)) if found else None


def _compare_waiting(stage: Stage, mailbox: str) -> None:
    """Who waited, by sender and place, and that each of them is known to have arrived."""

    def pairs() -> list[dict[str, Any]]:
        return [pair for pair in ask("deferred", mailbox)["pairs"] if pair["sender"] in stage.writers]

    # The queues are looked at once, the record remembers all the time: it may know more, never less.
    recorded = {(pair["sender"], pair["where"]) for pair in pairs()}
    unknown = stage.waiting_outside - recorded
    if unknown:
        stage.fault(f"waiting in a queue and unknown to our record: {sorted(unknown)}")
    wait_until(lambda: all(pair["arrived_at"] for pair in pairs()), _RECORDED_WITHIN, pause=1.0)
    open_pairs = [pair["sender"] for pair in pairs() if not pair["arrived_at"]]
    if open_pairs and not stage.result.letters_lost:
        stage.fault(f"all letters arrived, our record still waits for those of {sorted(open_pairs)}")
