"""P5: ten automatic suspensions blow the fuse. The next hijacked mailbox is stopped from sending and not suspended, the
operator is called once, and one command puts everything back, but not what an operator suspended himself. On a stack of
its own: nobody else's suspensions are to be dismissed. Sabotage: tests/sabotage/t28.patch (nobody is called)."""

from __future__ import annotations

import imaplib
import json
import time
from collections.abc import Iterator

import pytest
from harness import ABROAD, SUSPENDED_421, Box, Stack, login_ok, stack_of_its_own

from sekisho.rehearsal.clients import compose
from sekisho.rehearsal.outside import wait_until

OPERATOR = "toban@hibari.example"
# The fuse's own number (detection.fuse): at most so many suspensions in ten minutes on a host of this size.
FUSE = 10


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    with stack_of_its_own() as running:
        yield running


def status(stack: Stack, box: Box) -> str:
    """As `Stack.status`, from the record itself: a command for each look costs a second."""
    rows = stack.our_sql("SELECT status FROM incidents_mailboxstatus WHERE mailbox = ?", box.address)
    return rows[0][0] if rows else "active"


def spam(stack: Stack, box: Box) -> str:
    """Sends bought addresses from abroad, every fifth of them dead, until the session ends; what became of the box."""
    session = stack.session(box, ABROAD)
    shut = "restricted"
    for count in range(60):
        recipients = [f"victim{count}x{place}.{box.local}@bought-list.test" for place in range(3)]
        if count % 5 == 0:
            recipients.append(f"nosuch{count}.{box.local}@bought-list.test")
        letter = compose(f"t28-{box.local}-{count}", box.address, recipients[0], "Win", "Now!")
        refusal = session.send(box.address, recipients, letter).refusal
        if refusal and SUSPENDED_421 in refusal.text:
            shut = "suspended"
            break
        if count % 10 == 9:
            # As in Hijacker: bounces need a moment to come back.
            time.sleep(0.2)
    session.close()
    # The record follows the refusal by a moment, and a suspension may have been a restriction first.
    assert wait_until(lambda: status(stack, box) == shut, 20) is not None
    return shut


def calls(stack: Stack) -> list[str]:
    """The letters in the operator's mailbox elsewhere."""
    with imaplib.IMAP4("127.0.0.1", stack.places.outside_imap, timeout=10) as imap:
        imap.login(OPERATOR, "outside")
        imap.select(readonly=True)
        numbers = imap.search(None, "ALL")[1][0].split()
        return [imap.fetch(number.decode(), "(BODY[])")[1][0][1].decode() for number in numbers]  # type: ignore[index]


def test_a_blown_fuse_calls_the_operator_and_one_command_puts_all_back(own_stack: Stack) -> None:
    stack = own_stack
    boxes = stack.new_boxes("fuse", FUSE + 2)
    by_hand = stack.new_box("byhand")
    stack.command("mailbox", "suspend", by_hand.address, "--reason", "story")
    found = [spam(stack, box) for box in boxes]
    assert found == ["suspended"] * FUSE + ["restricted"] * 2
    limits = [row["limit"] for row in stack.ask("mailbox", "list", "--status", "restricted")]
    assert limits == [0, 0]

    assert wait_until(lambda: len(calls(stack)) == 1, 30, pause=1) is not None, stack.log("worker")[-2000:]
    assert "Auto-Submitted: auto-generated" in calls(stack)[0]
    told = stack.our_sql("SELECT kind, recipient, state FROM incidents_notice WHERE kind = 'fuse'")
    assert told == [("fuse", OPERATOR, "sent")]

    dismissed = json.loads(
        stack.command("incident", "dismiss", "--suspended-since", "1h", "--with-stopped", "--yes", "--json").stdout
    )
    assert {row["mailbox"] for row in dismissed} == {box.address for box in boxes}
    assert all(row["dismissed"] for row in dismissed)
    assert all(login_ok(stack, box) for box in boxes)
    assert {status(stack, box) for box in boxes} == {"active"}
    assert status(stack, by_hand) == "suspended"
    assert len(calls(stack)) == 1
