"""P2: suspend one mailbox, then within one second reinstate it and suspend another with a name of equal length:
each is what it should be, although Dovecot looks at a passwd-file's whole-second time and size only. Sabotage:
tests/sabotage/t16.patch (the file keeps its natural time)."""

from __future__ import annotations

import os
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Box, Stack, login_ok

from sekisho.containment.passwd_file import PasswdFile


def test_two_changes_within_a_second_both_count(stack: Stack) -> None:
    for turn in range(3):
        first, second = stack.new_boxes(f"t16{'abc'[turn]}", 2)
        assert len(first.address) == len(second.address)
        stack.suspend(first)
        swap(stack, first, second)
        # A denied and a let-in look-up at once: whatever was cached of the old file shows here.
        stack.assert_open(first)
        stack.assert_shut(second, within=0)
        swap(stack, second, first)
        stack.assert_open(second)
        stack.assert_shut(first, within=0)


def swap(stack: Stack, leaving: Box, entering: Box) -> None:
    """Reinstates one and suspends the other at once; returns when both orders are carried out."""
    new = f"tsuki-{secrets.token_hex(5)}-kumo-{secrets.token_hex(3)}"
    started = time.monotonic()
    assert not login_ok(stack, leaving)
    assert login_ok(stack, entering)
    took = stack.shell.run(
        f"""
import time
from sekisho.incidents import decisions
from sekisho.recovery import flow
started = time.monotonic()
incident = decisions.open_incident({leaving.address!r})
flow.reinstate({leaving.address!r}, {new!r}, "story")
other = decisions.suspend({entering.address!r}, "story", "story")
took = time.monotonic() - started
assert flow.wait_until_released(incident, 20), "not released"
assert flow.wait_until_contained(other, 20), "not contained"
result = took
"""
    )
    assert took < 1.0, f"the two orders were given {took:.1f} s apart"
    leaving.password = new
    assert time.monotonic() - started < 45


def test_dovecot_notices_a_replacement_of_equal_length_within_the_second(stack: Stack) -> None:
    """The agent's own writer on Dovecot's own file, at the pace the agent rarely reaches: it is stopped meanwhile."""
    first, second = stack.new_boxes("t16d", 2)
    deny = PasswdFile(stack.var / "barrier" / "deny")
    standing = deny.lines()
    agent = stack.pid("agent")
    os.kill(agent, signal.SIGSTOP)
    try:
        for turn in range(4):
            shut, free = (first, second) if turn % 2 == 0 else (second, first)
            # Early in a second, so that both replacements and the look in between fall into it.
            time.sleep(1.05 - time.time() % 1)
            deny.replace([*standing, f"{free.address}:"])
            with ThreadPoolExecutor(1) as pool:
                # Dovecot reads the file now and answers after its failure delay.
                refusal = pool.submit(login_ok, stack, free)
                time.sleep(0.3)
                deny.replace([*standing, f"{shut.address}:"])
                assert not refusal.result()
            # It looks at the file again after a second at most.
            time.sleep(1.2)
            assert login_ok(stack, free), "a row that fell is still obeyed"
            assert not login_ok(stack, shut), "a new row is not obeyed"
    finally:
        deny.replace(standing)
        os.kill(agent, signal.SIGCONT)
