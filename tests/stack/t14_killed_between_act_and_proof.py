"""P2, P5: agent, worker and guard killed with -9 after each act and before its proof, and between journal and
state: containment completes within 30 s of the restart, with one incident and one notice; a release killed the same
way opens the doors as soon and loses and doubles no letter. Sabotage: tests/sabotage/t14.patch (the mail log's word
about a notice is not heard)."""

from __future__ import annotations

import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import CONTACT, PASSWORD, Box, Hijacker, Stack

from sekisho.rehearsal.outside import wait_until

# The steps of the plan `contain` (docs/flow.md); sweeps follow later and change nothing here.
STEPS = (
    "raise_barrier", "flush_auth_cache", "kick_sessions", "hold_queue", "freeze_redirects",
    "revoke_app_passwords", "end_webmail_sessions", "probe_doors", "freeze_planted", "mirror_active",
)  # fmt: skip
# The steps of `release` up to the one that counts as open; retry_waiting_31 would only be waited for.
RELEASE_STEPS = (
    "restore_active", "flush_auth_cache", "freeze_redirects", "revoke_app_passwords", "freeze_planted",
    "file_returned", "lower_barrier", "flush_auth_cache_again", "retry_waiting", "probe_open",
)  # fmt: skip
GUARD = ("guard.before_journal", "guard.journal.after_append")
WORKER = (
    "worker.ingest.before_commit", "worker.ingest.after_commit", "worker.notice.before_send",
    "worker.notice.after_send", "worker.notice.after_mark",
)  # fmt: skip
AFTER_RESTART = 30.0
SENDER = "hotaru@t14-shop.test"


def notices(stack: Stack, box: Box) -> list[str]:
    """The Message-IDs of the notices about a mailbox that its domain's contact received, one entry a message."""
    with stack.outside.mailbox(CONTACT) as session:
        bodies = session.bodies()
    return [
        found.group(1).decode()
        for body in bodies
        if box.address.encode() in body and (found := re.search(rb"(?im)^message-id:\s*(<\S+>)", body))
    ]


def assert_contained_once(stack: Stack, box: Box, since: float) -> None:
    def contained() -> bool:
        rows = stack.our_sql(
            "SELECT 1 FROM incidents_incident WHERE mailbox = ? AND contained_at IS NOT NULL", box.address
        )
        return bool(rows)

    left = AFTER_RESTART - (time.monotonic() - since)
    assert wait_until(contained, left, pause=0.2) is not None, "not contained 30 s after the restart"
    stack.assert_shut(box, within=0)
    assert stack.mx(box.address).code == 450
    assert wait_until(lambda: bool(notices(stack, box)), 30, pause=0.5) is not None, "no notice arrived"


def assert_one_of_each(stack: Stack, boxes: list[Box]) -> None:
    """One incident and one notice of its suspension for each, looked at late: a double would have come by then.

    A trip that began as a restriction may have told that, too: also once.
    """
    for box in boxes:
        rows = stack.our_sql("SELECT COUNT(*) FROM incidents_incident WHERE mailbox = ?", box.address)
        assert rows == [(1,)], box
        joined = "incidents_notice n JOIN incidents_incident i ON i.id = n.incident_id"
        kinds = [kind for (kind,) in stack.our_sql(f"SELECT n.kind FROM {joined} WHERE i.mailbox = ?", box.address)]
        assert kinds.count("suspended") == 1 and len(set(kinds)) == len(kinds), kinds
        came = notices(stack, box)
        assert len(set(came)) == len(came) == len(kinds), (box, kinds, came)


def wait_until_fired(paths: list[Path], within: float) -> None:
    assert wait_until(lambda: not any(path.exists() for path in paths), within, pause=0.1) is not None, (
        f"never passed: {[path.name for path in paths if path.exists()]}"
    )


def test_the_agent_killed_after_every_act(stack: Stack) -> None:
    box = stack.new_box("t14a")
    armed = [stack.arm(f"agent.contain.{step}.before_verify") for step in STEPS]
    armed.append(stack.arm("agent.ledger.after_write"))
    stack.command("mailbox", "suspend", box.address, "--reason", "story", check=False)
    # One run through all: each restart gets one step further.
    wait_until_fired(armed, 90)
    assert_contained_once(stack, box, time.monotonic())
    assert_one_of_each(stack, [box])


@pytest.mark.parametrize("failpoint", GUARD)
def test_the_guard_killed_around_its_journal(stack: Stack, failpoint: str) -> None:
    box = stack.new_box("t14g")
    old = stack.pid("guard")
    armed = stack.arm(failpoint)
    hijacker = Hijacker(stack, box)
    # Between decision and record the guard is gone for a moment: whoever was refused or not, the restarted one decides.
    hijacker.run(most=2000)
    assert not armed.exists(), "the guard never passed this point"
    stack.restarted("guard", old)
    assert_contained_once(stack, box, time.monotonic())
    time.sleep(2)
    assert_one_of_each(stack, [box])


def test_the_worker_killed_around_every_record_and_notice(stack: Stack) -> None:
    boxes = stack.new_boxes("t14w", len(WORKER))
    for box, failpoint in zip(boxes, WORKER, strict=True):
        armed = stack.arm(failpoint)
        if "notice" in failpoint:
            stack.command("mailbox", "suspend", box.address, "--reason", "story", check=False)
        else:
            Hijacker(stack, box).run()
        wait_until_fired([armed], 20)
        assert_contained_once(stack, box, time.monotonic())
    # A worker that does not know whether a notice left waits 10 s for the mail log's word before it sends again.
    time.sleep(12)
    assert_one_of_each(stack, boxes)


def letters_waiting(stack: Stack, box: Box) -> list[str]:
    """Two letters to a suspended mailbox: one waits in our queue (by an alias), one at the third party."""
    alias = f"t14-alias-{box.address}"
    stack.new_alias(alias, box.address)
    numbers = [stack.write(to, SENDER, "t14") for to in (alias, box.address)]
    for queue in (stack.our_queue, stack.their_queue):
        assert wait_until(lambda: len(stack.waiting_for(queue(), box)) == 1, 20, pause=0.3) is not None, queue  # noqa: B023
    return numbers


def release_orders(stack: Stack, box: Box) -> list[str]:
    rows = stack.our_sql("SELECT state FROM incidents_order WHERE mailbox = ? AND kind = 'release'", box.address)
    return [state for (state,) in rows]


@pytest.mark.soak
def test_the_agent_killed_after_every_act_of_a_release(stack: Stack) -> None:
    # Each failpoint fires for whichever comes first, and finds the other one anywhere in its plan.
    boxes = stack.new_boxes("t14r", 2)
    with ThreadPoolExecutor(len(boxes)) as pool:
        list(pool.map(stack.suspend, boxes))
        waiting = list(pool.map(lambda box: letters_waiting(stack, box), boxes))
    armed = [stack.arm(f"agent.release.{step}.before_verify") for step in RELEASE_STEPS]
    armed.append(stack.arm("agent.orders.after_claim"))
    for box in boxes:
        box.password = f"hoshi-{secrets.token_hex(4)}-umi-{secrets.token_hex(4)}"
        stack.command("mailbox", "reinstate", box.address, "--no-wait", "--password-stdin", given=box.password)
    wait_until_fired(armed, 90)
    killed = time.monotonic()

    def left() -> float:
        return AFTER_RESTART - (time.monotonic() - killed)

    for box, numbers in zip(boxes, waiting, strict=True):
        assert wait_until(lambda: release_orders(stack, box) == ["done"], left(), pause=0.2) is not None, (  # noqa: B023
            release_orders(stack, box)
        )
        stack.assert_open(box)
        stack.assert_shut(box, within=0, password=PASSWORD)
        assert left() > 0, "not open 30 s after the restart"
        # The third party tries again every 5 to 25 s.
        stack.assert_arrives_once(box, numbers, within=45)
        assert release_orders(stack, box) == ["done"]
        assert not stack.waiting_for([*stack.our_queue(), *stack.their_queue()], box)
    stack.assert_no_return(SENDER)
