"""P4: after reinstatement the old password is dead on every door and cannot be chosen again; the new one works at
once, on every door, with Dovecot's auth cache on. Sabotage: tests/sabotage/t12.patch (the used password is not
burned)."""

from __future__ import annotations

import json

from harness import HOME, PASSWORD, Box, Stack

from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.outside import wait_until


def watched_for_ninety_days(stack: Stack, box: Box) -> None:
    """The guard is told to look closely at the mailbox, and a little at its domain, until an operator ends it."""
    neighbour = stack.new_box("t12b")
    watch, theirs = (stack.ask("mailbox", "show", one.address)["close_watch"] for one in (box, neighbour))
    assert watch["own"] and not theirs["own"] and watch["incident"] == theirs["incident"]

    def told() -> bool:
        return box.address in json.loads((stack.var / "agent/state.json").read_text())["close_watch"]

    assert wait_until(told, 30) is not None
    stack.command("incident", "end-watch", str(watch["incident"]))
    # Other stories' mailboxes of this domain may have been reinstated before: theirs still counts for the neighbours.
    left = stack.ask("mailbox", "show", box.address)["close_watch"]
    assert left is None or (not left["own"] and left["incident"] != watch["incident"])
    assert wait_until(lambda: not told(), 30) is not None


def test_the_old_password_is_dead_and_the_new_one_works_at_once(stack: Stack) -> None:
    box = stack.new_box("t12")
    stack.assert_open(box)
    stack.suspend(box)
    refused = stack.command("mailbox", "reinstate", box.address, "--password-stdin", given=PASSWORD, check=False)
    assert refused.returncode == 1
    assert "used before" in refused.stderr
    for bad in (
        "fourteen-chars",
        PASSWORD[:10] + "-neu-91-abend ",
        "ｋａｚｅ－ｎｏ－ｎａｇａｒｅ－９１",
        "passwordpassword",
    ):
        answer = stack.command("mailbox", "reinstate", box.address, "--password-stdin", given=bad, check=False)
        assert answer.returncode == 1, (bad, answer.stdout)
    assert stack.status(box) == "suspended"
    stack.assert_shut(box, within=0)

    stack.reinstate(box)
    # No second try: P2's barrier and Dovecot's cache are out of the way when the command returns.
    stack.assert_open(box)
    old = stack.doors(box, password=PASSWORD)
    assert not any(answer.accepted for answer in old.values()), old
    assert stack.status(box) == "probation"
    watched_for_ninety_days(stack, box)
    # Once more suspended: the first password stays burned although it is not the present one.
    stack.suspend(box)
    again = stack.command("mailbox", "reinstate", box.address, "--password-stdin", given=PASSWORD, check=False)
    assert again.returncode == 1 and "used before" in again.stderr


def test_a_new_password_without_a_suspension_ends_the_old_one_too(stack: Stack) -> None:
    box = stack.new_box("t12")
    idle = ImapSession(stack.places.imap, client_address=HOME, deadline=60)
    # From here the old password is in Dovecot's auth cache.
    assert idle.login(box.address, box.password).accepted
    idle.idle()
    new = "hoshi-7f3a91c2-umi-d04be86a"
    stack.shell.run(f"from sekisho.recovery import flow\nflow.set_password({box.address!r}, {new!r}, 'operator')")
    assert idle.seconds_until_ended(2) is not None, "the session opened with the old password is still there"
    stack.assert_shut(box, within=0)
    box.password = new
    stack.assert_open(box)
    assert stack.status(box) == "active"
