"""`blast`: one foreign address sends to many recipients, a part of whom does not exist."""

from __future__ import annotations

import time

from sekisho.rehearsal.attack import Attack
from sekisho.rehearsal.stage import Stage

# Spammers send several recipients a message; a fifth of a bought list does not exist, and a server here and there
# asks to come again later (greylisting), so that spam waits in the queue when the breaker trips.
_RECIPIENTS = 5
# 20 messages a second from one session: what one smtpd takes without hurry.
_PAUSE = 0.05


def attack(stage: Stage, done: Attack) -> None:
    """Sends from one source until the server stops it, then tries to come back with a new session."""
    source = stage.play.sources[0]
    session = done.open(source)
    count = 0
    while session and not done.exhausted:
        count += 1
        if not done.send(session, recipients(stage, count)):
            session.close()
            session = done.open(source)
        time.sleep(_PAUSE)
    if session:
        session.close()


def recipients(stage: Stage, count: int) -> list[str]:
    """The recipients of the `count`-th message: customers, one that does not exist, now and then a busy server's."""
    domain = stage.play.target
    names = [f"customer{count}x{place}" for place in range(1, _RECIPIENTS - 1)]
    names.append(f"nosuch{count}")
    names.append(f"busy{count}" if count % 3 == 0 else f"customer{count}x{_RECIPIENTS}")
    return [f"{name}.{stage.run}@{domain}" for name in names]
