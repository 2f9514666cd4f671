"""P6, P7: a country rule for sending is seen before it refuses. Observed, mail from abroad goes and is listed;
enforced, each recipient is told to wait and why, reading goes on, and a travel pass lets it leave.
Sabotage: tests/sabotage/t59.patch (the rule in force refuses nothing)."""

from __future__ import annotations

from typing import Any

from harness import ABROAD, HOME, Box, Stack, login_ok

from sekisho.rehearsal.clients import Answer
from sekisho.rehearsal.outside import wait_until

READER = "somebody@readers.test"


def recipient_from_abroad(stack: Stack, box: Box) -> Answer:
    """The answer to RCPT in an authenticated session from abroad; nothing is sent."""
    session = stack.session(box, ABROAD)
    try:
        session.mail(box.address)
        return session.recipient(READER)
    finally:
        session.close()


def seen(stack: Stack, box: Box) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.ask("mailbox", "sending", box.address)["seen"]
    return found


def test_observed_it_refuses_nothing_and_is_listed(stack: Stack) -> None:
    box = stack.new_box("observed")
    assert stack.ask("mailbox", "sending", box.address)["mode"] == "observe", "on from the start, and only observed"
    assert recipient_from_abroad(stack, box).code == 250
    assert wait_until(lambda: bool(seen(stack, box)), 30) is not None
    [row] = seen(stack, box)
    assert (row["country"], row["ip"], row["refused"]) == ("NG", ABROAD, False)


def test_enforced_it_refuses_sending_alone_until_there_is_a_travel_pass(stack: Stack) -> None:
    box = stack.new_box("kept-home")
    stack.command("mailbox", "sending", box.address, "--mode", "enforce")
    answers: list[Answer] = []

    def refused() -> bool:
        answers.append(recipient_from_abroad(stack, box))
        return answers[-1].code == 450

    assert wait_until(refused, 30, pause=0.5) is not None, answers
    assert "not used from your country" in answers[-1].text
    assert login_ok(stack, box, ABROAD), "reading is possible from everywhere"
    assert stack.submit(box, READER, "home-1", source=HOME)
    assert wait_until(lambda: any(row["refused"] for row in seen(stack, box)), 30) is not None
    stack.command("travel", "add", box.address, "NG", "--days", "2")
    assert wait_until(lambda: recipient_from_abroad(stack, box).code == 250, 30, pause=0.5) is not None
