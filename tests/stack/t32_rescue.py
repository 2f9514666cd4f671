"""P1: before senders give up, a suspended mailbox accepts and keeps its mail: direct, by alias, alias domain,
catch-all, extension, list and a colleague's hand, past the hijacker's filter, forward and vacation, exactly once,
while every door stays shut. What Dovecot cannot take is never bounced. Switched off, senders wait again; the owner
finds all of it. A killed agent goes on; the 450 can be said in the operator's own words. Sabotage:
tests/sabotage/t32.patch (the delivery agent may bounce)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from harness import ALIAS_DOMAIN, DOMAIN, INBOUND_450, Box, Stack

from sekisho.rehearsal.outside import wait_until

SENDER = "kaede@t32-shop.test"
THIEF = "thief@t32-dropbox.test"
OWN_WORDS = "mailbox paused by its provider, your mail is kept by your server and will be retried"
# What a hijacker leaves behind. The first is no redirect: no step would have frozen it.
FILTER = 'require ["fileinto", "mailbox", "vacation"];\r\nvacation "Gone.";\r\nfileinto :create "Hidden";\r\n'


def home_of(stack: Stack, box: Box) -> Path:
    """Where its files are: its doors are shut, so the story looks there."""
    [(maildir,)] = stack.site_sql("SELECT maildir FROM mailbox WHERE username = ?", box.address)
    return stack.var / "ours" / "mail" / str(maildir)


def in_folder(stack: Stack, box: Box, number: str) -> bool:
    """Whether this message lies outside the inbox."""
    files = home_of(stack, box).glob("Maildir/.*/*/*")
    return any(number.encode() in path.read_bytes() for path in files if path.is_file())


def kept(stack: Stack, box: Box) -> dict[str, int]:
    """How often each numbered message lies in the locked mailbox's inbox."""
    found: dict[str, int] = {}
    for folder in ("new", "cur"):
        for path in (home_of(stack, box) / "Maildir" / folder).glob("*"):
            for line in path.read_bytes().splitlines():
                if line.startswith(b"X-Rehearsal:"):
                    number = line.split(b":", 1)[1].strip().decode()
                    found[number] = found.get(number, 0) + 1
    return found


def test_mail_is_kept_in_the_locked_mailbox_and_found_once(stack: Stack) -> None:
    box, colleague = stack.new_boxes("t32", 2)
    domain = "t32-kaede.example"
    stack.command("domain", "add", domain)
    stack.new_alias(f"t32-info@{DOMAIN}", box.address)
    stack.new_alias(f"t32-list@{DOMAIN}", box.address, colleague.address)
    stack.new_alias(f"@{domain}", box.address)
    stack.plant(box, FILTER)
    stack.suspend(box)
    # Whatever a step has done about the filter: here it is active.
    active = home_of(stack, box) / ".dovecot.sieve"
    if not active.is_symlink():
        active.symlink_to("sieve/rules.sieve")
    stack.site_sql("UPDATE alias SET goto = ?, active = 0 WHERE address = ?", f"{box.address},{THIEF}", box.address)
    before = [stack.write(box.address, SENDER, "t32-before"), stack.write(f"t32-info@{DOMAIN}", SENDER, "t32-before")]
    assert wait_until(lambda: len(stack.waiting_for(stack.our_queue(), box)) == 1, 20) is not None

    assert stack.ask("mailbox", "rescue", box.address, "on")["done"]
    facts = stack.ask("mailbox", "show", box.address)
    assert (facts["status"], bool(facts["rescue_since"]), facts["active"]) == ("suspended", True, False)
    stack.assert_shut(box, within=0)
    steps = {step["name"]: step["state"] for step in stack.incident(box)["steps"] if step["plan"] == "rescue_on"}
    assert steps["accept_mail"] == steps["probe_doors"] == "done", steps

    ways = [
        box.address, box.alias_form, f"t32-info@{DOMAIN}", f"anything@{domain}", f"{box.local}+shop@{DOMAIN}",
        f"{box.local}+shop@{ALIAS_DOMAIN}", box.address.upper(),
    ]  # fmt: skip
    numbers = [stack.write(way, SENDER, "t32-way") for way in ways]
    listed = stack.write(f"t32-list@{DOMAIN}", SENDER, "t32-list")
    handed = stack.number("t32-colleague")
    stack.submit(colleague, box.alias_form, handed)
    stack.flush("theirs")
    wanted = dict.fromkeys([*before, *numbers, listed, handed], 1)
    wait_until(lambda: kept(stack, box) == wanted, 60, pause=0.5)
    assert kept(stack, box) == wanted
    assert not in_folder(stack, box, "t32-"), "the hijacker's filter has run"
    assert stack.inbox(colleague)[listed] == 1

    never_bounced(stack, box, wanted)
    stack.assert_no_return(SENDER, THIEF)
    assert not [number for number in stack.inbox(colleague) if number != listed], "a vacation or a DSN was sent"

    assert stack.ask("mailbox", "rescue", box.address, "off")["done"]
    assert stack.mx(box.address).text == INBOUND_450.format(box.address)
    late = stack.write(box.address, SENDER, "t32-late")
    wanted[late] = 1
    time.sleep(2)
    assert late not in kept(stack, box)
    # The owner switches the intruder's filter off with the new password; here it is taken away.
    stack.reinstate(box)
    found_by_the_owner(stack, box, wanted)


def never_bounced(stack: Stack, box: Box, wanted: dict[str, int]) -> None:
    """The worst that can happen to the row: it is gone, and Dovecot says "no such user". Nothing is returned."""
    lmtp = stack.var / "barrier" / "lmtp"
    # The agent would put the row back within a second: it is stopped for a moment.
    os.kill(stack.pid("agent"), signal.SIGSTOP)
    try:
        lmtp.write_text("".join(f"{line}\n" for line in lmtp.read_text().splitlines() if box.address not in line))
        time.sleep(2)
        number = stack.write(box.address, SENDER, "t32-homeless")

        def deferred() -> bool:
            return [m.queue_name for m in stack.waiting_for(stack.our_queue(), box)] == ["deferred"]

        assert wait_until(deferred, 20) is not None, "Dovecot's 'no such user' was no reason to wait"
    finally:
        os.kill(stack.pid("agent"), signal.SIGCONT)
    wanted[number] = 1

    def delivered() -> bool:
        stack.flush("ours")
        return kept(stack, box) == wanted

    assert wait_until(delivered, 30, pause=2) is not None, (kept(stack, box), wanted)


def found_by_the_owner(stack: Stack, box: Box, wanted: dict[str, int]) -> None:
    """All of it is there after recovery, each once; what came late went through the owner's own filters again."""

    def all_there() -> bool:
        stack.flush("theirs")
        found = dict(stack.inbox(box))
        late = [number for number in wanted if number not in found]
        return all(in_folder(stack, box, number) for number in late) and len(found) + len(late) == len(wanted)

    assert wait_until(all_there, 60, pause=1) is not None, dict(stack.inbox(box))
    assert set(stack.inbox(box).values()) == {1}
    waiting = stack.ask("deferred", box.address)
    assert waiting["arrived"] >= 1 and not waiting["overdue"]


def test_an_agent_killed_in_between_goes_on(stack: Stack) -> None:
    box = stack.new_box("t32")
    stack.suspend(box)
    armed = [stack.arm(f"agent.rescue_on.{step}.before_verify") for step in ("find_home", "accept_mail")]
    assert stack.ask("mailbox", "rescue", box.address, "on")["done"]
    assert not [point for point in armed if point.exists()]
    number = stack.write(box.address, SENDER, "t32-killed")
    assert wait_until(lambda: kept(stack, box) == {number: 1}, 30) is not None, kept(stack, box)
    stack.assert_shut(box, within=0)
    [(active,)] = stack.site_sql("SELECT active FROM mailbox WHERE username = ?", box.address)
    assert not active

    # Straight from there to the new password: what was kept is there, what comes now takes the owner's own way.
    stack.reinstate(box)
    stack.assert_open(box)
    later = stack.write(box.alias_form, SENDER, "t32-later")
    stack.assert_arrives_once(box, [number, later], within=30)
    release = {step["name"]: step["state"] for step in stack.incident(box)["steps"] if step["plan"] == "release"}
    assert release["lower_barrier"] == release["probe_open"] == "done", release
    assert stack.ask("mailbox", "show", box.address)["rescue_since"] is None


def test_the_450_says_the_operators_own_words(stack: Stack) -> None:
    settings = stack.var / "sekisho.toml"
    before = settings.read_text()
    settings.write_text(f'inbound_text = "{OWN_WORDS}"\n{before}')
    stack.restarted("agent", stack.kill("agent"))
    try:
        box = stack.new_box("t32")
        stack.suspend(box)
        assert stack.mx(box.address).code == 450
        assert stack.mx(box.address).text == f"4.2.1 <{box.address}>: Recipient address rejected: {OWN_WORDS}"
        # Only the words change: who waits is known all the same.
        stack.write(box.address, SENDER, "t32-words")
        assert wait_until(lambda: stack.ask("deferred", box.address)["waited"] >= 1, 20, pause=1) is not None
    finally:
        settings.write_text(before)
        stack.restarted("agent", stack.kill("agent"))
