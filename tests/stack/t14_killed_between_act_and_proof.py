"""P2, P5: agent, worker and guard killed with -9 after each act and before its proof, and between journal and
state: containment completes within 30 s of the restart, with one incident and one notice. Sabotage:
tests/sabotage/t14.patch (the mail log's word about a notice is not heard)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from harness import CONTACT, Box, Hijacker, Stack

from sekisho.rehearsal.outside import wait_until

# The steps of the plan `contain` (docs/flow.md); sweeps follow later and change nothing here.
STEPS = (
    "raise_barrier", "flush_auth_cache", "kick_sessions", "hold_queue", "freeze_redirects", "probe_doors",
    "mirror_active",
)  # fmt: skip
GUARD = ("guard.before_journal", "guard.journal.after_append")
WORKER = (
    "worker.ingest.before_commit", "worker.ingest.after_commit", "worker.notice.before_send",
    "worker.notice.after_send", "worker.notice.after_mark",
)  # fmt: skip
AFTER_RESTART = 30.0


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
