"""Senders that look alike and are not: `home_botnet`, `drip`, `own_pc`, `newsletter`; each ends in its own outcomes.

What is expected is a class of outcomes, never a score: contained (suspended or restricted), or not suspended. Whatever
was accepted must be outside, refused there, or in our queue; whatever was refused to an owner must be a 450, so that
his mail program keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from sekisho.rehearsal.attack import Attack, spoken
from sekisho.rehearsal.doors import try_doors
from sekisho.rehearsal.record import ask, mailbox_status
from sekisho.rehearsal.stage import Stage
from sekisho.rehearsal.takeover import SHUT_WITHIN, count_spam

# Machines that still try after a suspension: enough to see that none gets through.
_LATE_MACHINES = 5
# A drip of days in half a minute: one message each 0.3 s, one recipient each, at most so many.
_DRIP_MESSAGES, _DRIP_PAUSE = 100, 0.3
# Malware on the owner's computer: 4 recipients a message, every fourth of them gone; 0.3 s lets results come back.
_WORM_MESSAGES, _WORM_RECIPIENTS, _WORM_PAUSE = 24, 4, 0.3
# A small shop's first newsletter: 60 addresses, two of them stale (3 %: an address book's ordinary share).
_NEWSLETTER_MESSAGES, _NEWSLETTER_STALE = 60, (20, 45)
_NEWSLETTER_PAUSE = 0.1


class Role(NamedTuple):
    """How a sender acts, the statuses that are a right answer to him, and whether it is the owner's own mail."""

    act: Callable[[Stage, Attack], None]
    statuses: tuple[str, ...]
    honest: bool = False


def send_from_home_networks(stage: Stage, done: Attack) -> None:
    """`home_botnet`: each machine of the home country sends one message to one or two strangers."""
    for place, source in enumerate(stage.play.sources):
        if done.refusals > _LATE_MACHINES:
            return
        session = done.open(source)
        if session is None:
            continue
        with session:
            done.send(session, _strangers(stage, place, 1 + place % 2))


def send_drip(stage: Stage, done: Attack) -> None:
    """`drip`: one stranger a message from one foreign address, a new session each; every tenth does not exist."""
    for count in range(1, _DRIP_MESSAGES + 1):
        session = done.open(stage.play.sources[0])
        if session is None:
            return
        with session:
            done.send(session, _strangers(stage, count, 1, stale=count % 10 == 0))
        time.sleep(_DRIP_PAUSE)


def send_from_own_pc(stage: Stage, done: Attack) -> None:
    """`own_pc`: malware at the owner's own address, also for a while after it is limited."""
    _send_from_home(stage, done, _WORM_MESSAGES, _WORM_PAUSE, lambda n: _strangers(stage, n, _WORM_RECIPIENTS, True))


def send_newsletter(stage: Stage, done: Attack) -> None:
    """`newsletter`: the owner writes to each of his customers, a few of whom have moved away."""
    _send_from_home(
        stage, done, _NEWSLETTER_MESSAGES, _NEWSLETTER_PAUSE,
        lambda n: _strangers(stage, n, 1, stale=n in _NEWSLETTER_STALE),
    )  # fmt: skip


ROLES = {
    "home_botnet": Role(send_from_home_networks, ("suspended", "restricted")),
    "drip": Role(send_drip, ("suspended", "restricted")),
    "own_pc": Role(send_from_own_pc, ("restricted",)),
    "newsletter": Role(send_newsletter, ("active", "restricted"), honest=True),
}


def play_suspect(stage: Stage, role: Role) -> None:
    """Plays the whole story; figures and faults end up in `stage.result`."""
    sent = Attack(stage, first="first_newsletter" if role.honest else "first_spam")
    role.act(stage, sent)
    stage.result.spam_accepted = len(sent.accepted)
    stage.result.spam_deferred = sent.deferred
    if sent.stopping_answer:
        _judge_stop(stage, sent, spoken(sent.stopping_answer))
    status = mailbox_status(stage.victim.mailbox)
    # What an operator would see as the answer, before it is taken back at the end.
    stage.result.answer = status
    stage.teller.say(
        "answer", status=stage.teller.status_word(status), accepted=len(sent.accepted), deferred=sent.deferred
    )
    if status not in role.statuses:
        stage.fault(f"the mailbox is {status}; expected: {' or '.join(role.statuses)}")
    if sent.other_refusals:
        stage.fault(f"refused with something else than 450 or the suspension: {sent.other_refusals[0]}")
    count_spam(stage, sent, "newsletter_counted" if role.honest else "spam_counted")
    _compare_status(stage, status)
    if status == "suspended":
        stage.reinstate()
    else:
        _check_owner_doors(stage)


def _strangers(stage: Stage, number: int, count: int, stale: bool = False) -> list[str]:
    """Recipients nobody here ever wrote to; with `stale` the last one does not exist."""
    names = [f"{'nosuch' if stale and place == count else 'customer'}{number}x{place}" for place in range(1, count + 1)]
    return [f"{name}.{stage.run}@{stage.play.target}" for name in names]


def _send_from_home(
    stage: Stage, done: Attack, messages: int, pause: float, recipients: Callable[[int], list[str]]
) -> None:
    session = done.open(stage.victim.home)
    for number in range(1, messages + 1):
        if session is None:
            return
        if not done.send(session, recipients(number)):
            session.close()
            session = done.open(stage.victim.home)
        time.sleep(pause)
    if session:
        session.close()


def _judge_stop(stage: Stage, sent: Attack, answer: str) -> None:
    stage.result.seconds_to_suspension = sent.seconds_to_stop
    stage.teller.say(
        "suspended",
        seconds=sent.seconds_to_stop or 0.0,
        accepted=len(sent.accepted),
        answer=answer,
    )
    if sent.accepted_after_stop:
        stage.fault(f"{sent.accepted_after_stop} recipients were accepted after the first refusal")
    shut = stage.wait_for_shut_doors(SHUT_WITHIN)
    stage.result.seconds_to_shut_doors = shut
    if shut is not None:
        stage.teller.say("doors_shut", seconds=shut)


def _compare_status(stage: Stage, status: str) -> None:
    """Our record must hold the one incident that explains the status; an active mailbox may have an alert."""
    actions = {one["action"] for one in ask("incident", "list", "--mailbox", stage.victim.mailbox)}
    wanted = {"suspended": "suspend", "restricted": "restrict"}.get(status)
    if wanted and wanted not in actions:
        stage.fault(f"the mailbox is {status}, and no incident of our record says {wanted}: {sorted(actions)}")
    if status != "suspended" and "suspend" in actions:
        stage.fault(f"the mailbox is {status}, and our record has a suspension")


def _check_owner_doors(stage: Stage) -> None:
    """A mailbox that is not suspended lets its owner in at every door, from his own place."""
    answers = try_doors(stage.places, stage.victim.mailbox, stage.password, stage.victim.home)
    refused = sorted(door for door, answer in answers.items() if not answer.accepted)
    if refused:
        stage.teller.say("owner_hindered", answer=", ".join(refused))
        stage.result.faults.append(f"the owner is refused at {', '.join(refused)}")
        return
    stage.teller.say("owner_enters", home=stage.victim.home)
