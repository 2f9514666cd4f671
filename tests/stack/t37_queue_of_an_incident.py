"""P1, P5: what an incident put on hold is listed, taken off hold and held again, deleted only after a grace and only
there, also long after the recovery; a dismissal brings back all but what a person deleted.
Sabotage: tests/sabotage/t37.patch (an order touches whatever it names)."""

from __future__ import annotations

import subprocess
from typing import Any

from harness import DOMAIN, OTHER_DOMAIN, Box, Hijacker, Stack

from sekisho.rehearsal.outside import wait_until

FRIEND = "friend@t37-shop.test"
# The ledger archives a recovery's entry after its last step, 31 s after the barrier was lowered.
ARCHIVED_S = 60


def in_queue(stack: Stack) -> dict[str, str]:
    return {message.queue_id: message.queue_name for message in stack.our_queue()}


def listed(stack: Stack, number: int, state: str) -> set[str]:
    """The queue ids that the command says are in this state."""
    facts: dict[str, Any] = stack.ask("incident", "queue", str(number))
    return {message["queue_id"] for message in facts["messages"] if message["state"] == state}


def becomes(stack: Stack, number: int, state: str, queue_ids: set[str], within: float = 20) -> None:
    """Within so many seconds exactly these are listed in this state."""
    wait_until(lambda: listed(stack, number, state) == queue_ids, within, pause=1)
    assert listed(stack, number, state) == queue_ids


def ten_minutes_pass(stack: Stack, number: int, *also: str) -> None:
    """The grace of the waiting deletions is over; `also`: queue ids that a forged row names beside its own."""
    stack.shell.run(
        f"""
from django.utils import timezone
from sekisho.incidents.models import Order
for order in Order.objects.filter(incident={number}, kind="purge_held", state="open"):
    order.not_before = timezone.now()
    order.details["queue_ids"] += {list(also)!r}
    order.save()
"""
    )


def blast(stack: Stack) -> tuple[Box, int, list[str]]:
    """A takeover whose mail is all on hold: the mailbox, the incident's number, the queue ids."""
    box = stack.new_box("t37")
    mailing = Hijacker(stack, box).run(names="list", bad_every=0)
    stack.assert_shut(box, within=5)
    number = int(stack.incident(box)["id"])
    becomes(stack, number, "held", mailing.queue_ids)
    assert len(mailing.queue_ids) >= 4
    return box, number, sorted(mailing.queue_ids)


def test_held_mail_is_listed_sent_on_held_again_and_deleted_by_a_person(stack: Stack) -> None:
    innocent = stack.new_box("t37-innocent")
    # Nobody answers at the next hop: unlike a deferred transport, not even `postqueue -i` gets a message out.
    resume = stack.postconf("ours", relayhost="[127.0.0.1]:9")
    try:
        others = stack.submit(innocent, FRIEND, stack.number("t37-innocent"))
        # On hold by the operator's own hand: no order of an incident may touch it.
        subprocess.run(["/usr/sbin/postsuper", "-c", str(stack.places.our_postfix), "-h", others], check=True)
        box, number, ids = blast(stack)
        facts = stack.ask("incident", "queue", str(number))
        message = facts["messages"][0]
        assert (facts["held"], facts["escaped"]) == (len(ids), 0)
        assert message["size"] > 0 and message["recipients"] == 3 and len(message["addresses"]) == 3
        domain = stack.ask("incident", "queue", "--domain", DOMAIN)
        assert {"incident": number, "held": len(ids)}.items() <= next(
            row for row in domain["by_incident"] if row["incident"] == number
        ).items()
        elsewhere = stack.ask("incident", "queue", "--domain", OTHER_DOMAIN)["by_incident"]
        assert number not in [row["incident"] for row in elsewhere]

        stack.command("incident", "requeue", str(number), "--id", ids[0])
        becomes(stack, number, "released", {ids[0]})
        assert in_queue(stack)[ids[0]] != "hold"
        stack.command("incident", "hold-again", str(number))
        becomes(stack, number, "held", set(ids))
        assert in_queue(stack)[ids[0]] == "hold"

        stack.command("incident", "purge", str(number))
        assert stack.ask("incident", "undo-purge", str(number))["kept"] == len(ids)
        stack.command("incident", "purge", str(number), "--id", ids[1], "--id", ids[2])
        assert set(ids) <= set(in_queue(stack)), "deleted before the grace was over"
        ten_minutes_pass(stack, number, others)
        becomes(stack, number, "purged", {ids[1], ids[2]})
        assert not {ids[1], ids[2]} & set(in_queue(stack))
        assert in_queue(stack).get(others) == "hold", "an order touched a message that is not its incident's"

        stack.reinstate(box)
        stack.assert_open(box)
        ledger = stack.var / "agent" / "ledger"
        wait_until(lambda: box.address not in "".join(p.read_text() for p in ledger.glob("*.json")), ARCHIVED_S, 1)
        assert {ids[0], *ids[3:]} == listed(stack, number, "held"), "held mail did not stay after the recovery"
        stack.command("incident", "purge", str(number))
        ten_minutes_pass(stack, number)
        becomes(stack, number, "purged", set(ids))
        assert not set(ids) & set(in_queue(stack))
    finally:
        resume()
    lines = [line for line in stack.incident(box)["timeline"] if line["kind"] == "mail_purged"]
    assert [line["details"]["count"] for line in lines] == [2, len(ids) - 2]
    assert all(line["details"]["actor"].endswith("@terminal") for line in lines)


def test_a_dismissal_sends_on_all_but_what_a_person_deleted(stack: Stack) -> None:
    resume = stack.postconf("ours", defer_transports="smtp")
    try:
        _, number, ids = blast(stack)
        stack.command("incident", "purge", str(number), "--id", ids[0])
        ten_minutes_pass(stack, number)
        becomes(stack, number, "purged", {ids[0]})
        # Ordered, but its grace is not over: the dismissal decides.
        stack.command("incident", "purge", str(number), "--id", ids[1])
    finally:
        resume()
    stack.command("incident", "dismiss", str(number))
    stack.flush("ours")
    assert wait_until(lambda: not set(ids) & set(in_queue(stack)), 60, pause=1) is not None
    sent = stack.mail_log()
    delivered = {i for i in ids if any(f" {i}: to=" in line and "status=sent" in line for line in sent.splitlines())}
    assert delivered == set(ids[1:])
