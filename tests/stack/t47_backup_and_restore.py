"""P2: a backup taken while everything runs is put in the place of a damaged database, and nothing that is suspended
opens: not what was suspended before it, not what was suspended since; what was opened since is asked about by name.
Afterwards record, barrier, Dovecot, queue and the site's table agree, and an operator can decide about each.
Sabotage: tests/sabotage/t47.patch (what this host holds shut counts for nothing)."""

from __future__ import annotations

import json

from harness import Box, Stack, wait_until


def test_a_restore_opens_nothing_that_is_suspended(stack: Stack) -> None:
    before, since, freed = stack.new_boxes("t47", 3)
    for box in (before, freed):
        stack.suspend(box)
    file = str(stack.var / "backup.tar.gz")
    stack.command("backup", file)
    assert stack.ask("backup", file, "--check")["shut"] >= 2
    stack.suspend(since)
    stack.reinstate(freed)
    stack.assert_open(freed)

    refused = stack.command("restore", file, "--replace", check=False)
    assert refused.returncode == 1 and "agent" in refused.stderr, refused
    stack.halt()
    try:
        restore(stack, file, freed)
    finally:
        stack.start()
    for box in (before, since):
        stack.assert_shut(box, within=0)
        assert stack.mx(box.address).code == 450
        assert status(stack, box) == "suspended"
    assert wait_until(lambda: all(answer.accepted for answer in stack.doors(freed).values()), 30) is not None
    assert status(stack, freed) == "probation"

    agrees = wait_until(lambda: stack.command("verify", check=False).returncode == 0, 60, pause=1.0)
    assert agrees is not None, stack.command("verify", check=False).stdout
    stack.command("incident", "dismiss", str(stack.incident(since)["id"]), "--reason", "story")
    stack.assert_open(since)
    stack.reinstate(before)
    stack.assert_open(before)


def status(stack: Stack, box: Box) -> str:
    rows = stack.our_sql("SELECT status FROM incidents_mailboxstatus WHERE mailbox = ?", box.address)
    return rows[0][0] if rows else "active"


def restore(stack: Stack, file: str, freed: Box) -> None:
    """The database is damaged; the operator is asked before anything is changed."""
    database = stack.var / "db" / "sekisho.sqlite3"
    database.write_bytes(b"no database any more" * 1000)
    asked = stack.command("restore", file, "--replace", check=False)
    assert asked.returncode == 1 and freed.address in asked.stderr, asked
    assert database.read_bytes().startswith(b"no database"), "a refusal changes nothing"
    done = json.loads(stack.command("restore", file, "--replace", "--released=open", "--json").stdout)
    assert freed.address in done["released"] and not done["barrier_waits"], done
