"""The story of `botnet` and `blast`: spam, suspension, waiting mail, recovery, arrival; then the count."""

from __future__ import annotations

import time
from collections.abc import Callable

from sekisho.rehearsal.attack import Attack, spoken
from sekisho.rehearsal.correspondence import Correspondence
from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.stage import Stage

# P2: no door opens 5 s after a trip (DESIGN §2).
SHUT_WITHIN = 5.0
# Letters are written for this long into the suspension, so that several wait on each route.
_LETTERS_INTO_SUSPENSION = 4.0
# Until each spam recipient is where it stays: the third party delivers at once, `nosuch` bounces at once.
_SETTLED_WITHIN = 30.0
# Until the last letter is in: 31 s of qmgr's memory (DESIGN §5) and the third party's longest pause between attempts.
_ARRIVED_WITHIN = 90.0


def play_takeover(stage: Stage, act: Callable[[Stage, Attack], None]) -> None:
    """Plays the whole story; figures and faults end up in `stage.result`."""
    victim = stage.victim
    letters = Correspondence(stage.outside, stage.run, stage.writers, victim.mailbox, victim.alias)
    stage.teller.say("letters", mailbox=victim.mailbox, alias=victim.alias)
    letters.start()
    try:
        # Two letters that arrive before anything happens.
        time.sleep(2.5)
        attack = Attack(stage)
        act(stage, attack)
        if not _tell_suspension(stage, attack):
            return
        shut = stage.wait_for_shut_doors(SHUT_WITHIN)
        stage.result.seconds_to_shut_doors = shut
        if shut is not None:
            stage.teller.say("doors_shut", seconds=shut)
        time.sleep(_LETTERS_INTO_SUSPENSION)
    finally:
        letters.stop()
    count_spam(stage, attack)
    count_waiting(stage)
    started = time.monotonic()
    stage.reinstate()
    _wait_for_letters(stage, letters)
    stage.result.seconds_to_arrival = time.monotonic() - started


def _tell_suspension(stage: Stage, attack: Attack) -> bool:
    stage.result.spam_accepted = len(attack.accepted)
    stage.result.seconds_to_suspension = attack.seconds_to_stop
    if attack.stopping_answer is None:
        stage.teller.say("not_suspended", accepted=len(attack.accepted))
        stage.result.faults.append("not suspended")
        return False
    if attack.accepted_after_stop:
        stage.fault(f"{attack.accepted_after_stop} recipients were accepted after the first refusal")
    stage.teller.say(
        "suspended",
        seconds=attack.seconds_to_stop or 0.0,
        accepted=len(attack.accepted),
        answer=spoken(attack.stopping_answer),
    )
    return True


def count_spam(stage: Stage, attack: Attack, sentence: str = "spam_counted") -> None:
    """Where every accepted recipient ended: outside, refused there, or still in our queue; none may be unknown."""
    existing = [address for address in attack.accepted if not address.startswith("nosuch")]

    def in_queue(held: bool) -> set[str]:
        # An empty recipient list in `hold` is a message that was delivered while it was being held (RELIABILITY F7).
        return {
            address for message in stage.our_queue() for address in message.addresses
            if address in attack.accepted and (message.queue_name == "hold") == held
        }  # fmt: skip

    arrived: set[str] = set()

    def settled() -> bool:
        waiting = in_queue(held=True)
        for address in existing:
            if address not in arrived and address not in waiting:
                if attack.accepted[address] in stage.outside.numbers(address):
                    arrived.add(address)
        return arrived | waiting | in_queue(held=False) >= set(existing) and not in_queue(held=False)

    wait_until(settled, _SETTLED_WITHIN, pause=0.5)
    held, loose = in_queue(held=True), in_queue(held=False)
    result = stage.result
    result.spam_out, result.spam_held, result.spam_not_held = len(arrived), len(held), len(loose)
    refused = {address for address in attack.accepted if address.startswith("nosuch")} - held - loose
    result.spam_refused_outside = len(refused)
    stage.held_messages = len({attack.accepted[address] for address in held})
    stage.teller.say(sentence, out=len(arrived), refused=len(refused), held=len(held))
    if loose:
        stage.fault(f"{len(loose)} spam recipients wait in our queue and are not held")
    unknown = set(existing) - arrived - held - loose
    if unknown:
        stage.fault(f"{len(unknown)} spam recipients are neither outside nor in our queue: {sorted(unknown)[:5]}")


def count_waiting(stage: Stage) -> None:
    """How many letters wait at the sender's server and how many with us, read from both queues."""
    addresses = {stage.victim.mailbox, stage.victim.alias}
    writers = set(stage.writers)
    theirs = [m for m in stage.outside.queue() if m.sender in writers and addresses & set(m.addresses)]
    ours = [m for m in stage.our_queue() if m.sender in writers and addresses & set(m.addresses)]
    stage.waiting_outside = {(m.sender, "sender") for m in theirs} | {(m.sender, "ours") for m in ours}
    stage.result.letters_waited_at_sender = len(theirs)
    stage.result.letters_waited_with_us = len(ours)
    stage.teller.say("waiting", mailbox=stage.victim.mailbox, theirs=len(theirs), ours=len(ours))
    if not theirs and not ours:
        stage.fault("no letter waits, although some were written during the suspension")


def _wait_for_letters(stage: Stage, letters: Correspondence) -> None:
    stage.teller.say("letters_wait")
    arrival = letters.wait_until_arrived(stage.letters_in, _ARRIVED_WITHIN)
    result = stage.result
    result.letters_sent, result.letters_arrived = len(letters.sent), arrival.arrived
    result.letters_lost, result.letters_twice = len(arrival.missing), len(arrival.twice)
    stage.teller.say("arrived", sent=len(letters.sent), arrived=arrival.arrived, lost=len(arrival.missing))
    if arrival.missing:
        stage.teller.say("letter_missing", numbers=", ".join(arrival.missing))
        result.faults.append(f"{len(arrival.missing)} letters did not arrive")
    if arrival.twice:
        stage.teller.say("letter_twice", numbers=", ".join(arrival.twice))
        result.faults.append(f"{len(arrival.twice)} letters arrived twice")
