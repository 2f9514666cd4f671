"""`botnet`: dozens of infected machines in as many countries, each sends a few mails and is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sekisho.rehearsal.attack import Attack
from sekisho.rehearsal.stage import Stage

# A botnet spreads its sending to stay under every limit per address; four machines are at work at a time.
_MAILS_A_MACHINE = 2
_MACHINES_AT_ONCE = 4
# Machines that still try after the stop: enough to see that none gets through.
_LATE_MACHINES = 8


def attack(stage: Stage, done: Attack) -> None:
    """Sends from each source in turn; after the stop a few more machines still try, and must all fail."""
    with ThreadPoolExecutor(_MACHINES_AT_ONCE) as pool:
        list(pool.map(lambda place: _one_machine(stage, done, *place), enumerate(stage.play.sources)))


def _one_machine(stage: Stage, done: Attack, place: int, source: str) -> None:
    if done.exhausted or done.refusals > _LATE_MACHINES:
        return
    session = done.open(source)
    if session is None:
        return
    with session:
        for count in range(_MAILS_A_MACHINE):
            name = "busy" if (place + count) % 5 == 4 else "customer"
            if not done.send(session, [f"{name}{place}x{count}.{stage.run}@{stage.play.target}"]):
                return
