"""P2, P4: an app password opens the doors it is for and no other, under every login name; one is taken away without
touching the others; a suspension ends them all, and after the recovery each stays dead until it is renewed. The file
they are in is no single point of failure: without it the mailbox password works. Sabotage: tests/sabotage/t29.patch
(the suspension does not switch them off in the record)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from harness import ABROAD, HOME, Box, Hijacker, Stack, stack_of_its_own

from sekisho.rehearsal.clients import ImapSession
from sekisho.rehearsal.outside import wait_until

DOORS = {"imap", "pop3", "smtp", "sieve"}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Its own: the servers' log is read as a whole."""
    with stack_of_its_own() as running:
        yield running


def add(stack: Stack, box: Box, name: str, scope: str) -> str:
    """A new app password; returns when the agent has fetched it and Dovecot has looked."""
    return in_force(stack, box, stack.ask("app-password", "add", box.address, "--name", name, "--scope", scope))


def in_force(stack: Stack, box: Box, made: dict[str, str]) -> str:
    secret = made["password"]
    wanted = set(made["scope"])
    assert wait_until(lambda: opened(stack, box, secret) == wanted, 15, pause=0.3) is not None, (
        wanted, opened(stack, box, secret), lines(stack, box),
    )  # fmt: skip
    return secret


def opened(stack: Stack, box: Box, secret: str, name: str = "", source: str = HOME) -> set[str]:
    """The doors that let this secret in."""
    answers = stack.doors(box, name=name, password=secret, source=source)
    return {door for door, answer in answers.items() if answer.accepted}


def lines(stack: Stack, box: Box) -> list[str]:
    """What Dovecot's file has for this mailbox."""
    text = (stack.var / "barrier" / "app-passwords").read_text()
    return [line for line in text.splitlines() if f":user={box.address} " in line]


def listed(stack: Stack, box: Box) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in stack.ask("app-password", "list", box.address)["app_passwords"]}


def test_one_opens_its_own_doors_only_and_is_taken_away_alone(stack: Stack) -> None:
    box, neighbour = stack.new_boxes("t29", 2)
    phone = add(stack, box, "phone", "imap,smtp")
    tablet = add(stack, box, "tablet", "pop3,sieve")
    for name in (box.address, box.alias_form, box.address.upper()):
        assert opened(stack, box, phone, name) == {"imap", "smtp"}
        assert opened(stack, box, tablet, name) == {"pop3", "sieve"}
    assert opened(stack, neighbour, phone) == set()
    assert opened(stack, box, phone[:-1] + ("a" if phone[-1] != "a" else "b")) == set()
    assert opened(stack, box, box.password) == DOORS
    # A message leaves with it, in the mailbox's name.
    stack.submit(Box(box.address, phone), "friend@t29-shop.test", stack.number("t29"), source=ABROAD)

    def last_use() -> tuple[str, str]:
        row = listed(stack, box)["phone"]
        return row["last_protocol"], row["last_ip"]

    assert wait_until(lambda: last_use() == ("smtp", ABROAD), 15, pause=0.5) is not None, last_use()
    assert listed(stack, box)["tablet"]["last_ip"] == HOME
    assert "unknown user" not in stack.log("ours-dovecot")

    with ImapSession(stack.places.imap, client_address=HOME) as session:
        assert session.login(box.address, phone).accepted
        stack.command("app-password", "revoke", box.address, "phone")
        assert wait_until(lambda: not alive(session), 10, pause=0.2) is not None, "its session goes on"
    assert opened(stack, box, phone) == set()
    assert opened(stack, box, tablet) == {"pop3", "sieve"}
    assert opened(stack, box, box.password) == DOORS


def alive(session: ImapSession) -> bool:
    try:
        session.numbers()
    except Exception:
        return False
    return True


def test_a_trip_ends_them_all_and_after_the_recovery_each_is_dead_until_renewed(stack: Stack) -> None:
    box = stack.new_box("t29")
    phone, tablet = add(stack, box, "phone", "imap,smtp"), add(stack, box, "tablet", "pop3,sieve")
    # The hijacker has stolen the phone's.
    Hijacker(stack, Box(box.address, phone)).run(names="member", bad_every=0)
    for secret in (phone, tablet, box.password):
        stack.assert_shut(box, within=5, password=secret)
    # Not only `deny` stands before them: there is nothing behind it.
    assert wait_until(lambda: not lines(stack, box), 5, pause=0.2) is not None, lines(stack, box)
    assert {row["state"] for row in listed(stack, box).values()} == {"off"}
    refused = stack.command("app-password", "add", box.address, "--name", "new", check=False)
    assert refused.returncode == 1 and "suspended" in refused.stderr

    stack.reinstate(box)
    stack.assert_open(box)
    for secret in (phone, tablet):
        assert opened(stack, box, secret) == set()
    steps = {(step["plan"], step["name"]): step for step in stack.incident(box)["steps"]}
    assert steps["contain", "revoke_app_passwords"]["outcome"] == "no app password is left in Dovecot's file"
    assert steps["release", "revoke_app_passwords"]["state"] in ("done", "already")

    renewed = in_force(stack, box, stack.ask("app-password", "renew", box.address, "phone"))
    assert opened(stack, box, phone) == set() and opened(stack, box, tablet) == set()
    assert opened(stack, box, renewed) == {"imap", "smtp"}


def test_a_dismissal_brings_them_back(stack: Stack) -> None:
    box = stack.new_box("t29")
    phone = add(stack, box, "phone", "imap")
    stack.suspend(box)
    stack.assert_shut(box, within=5, password=phone)
    stack.command("incident", "dismiss", str(stack.incident(box)["id"]))
    assert wait_until(lambda: opened(stack, box, phone) == {"imap"}, 15, pause=0.5) is not None, lines(stack, box)


def test_without_the_file_the_mailbox_password_works_and_the_file_comes_back(stack: Stack) -> None:
    box = stack.new_box("t29")
    phone = add(stack, box, "phone", "imap")
    file = stack.var / "barrier" / "app-passwords"
    configuration = str(stack.var / "ours" / "dovecot" / "dovecot.conf")
    agent = stack.pid("agent")
    os.kill(agent, signal.SIGSTOP)
    try:
        file.unlink()
        # A Dovecot that has just started has never seen the file.
        subprocess.run(["doveadm", "-c", configuration, "reload"], check=True)
        assert wait_until(lambda: opened(stack, box, box.password) == DOORS, 10, pause=0.3) is not None
        assert opened(stack, box, phone) == set()
    finally:
        os.kill(agent, signal.SIGCONT)
    assert wait_until(lambda: opened(stack, box, phone) == {"imap"}, 15, pause=0.5) is not None, file.exists()
