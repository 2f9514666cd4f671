"""People outside who go on writing to the victim, directly and through an alias, each message numbered.

They do not know what happens at the provider. What they may ever notice is nothing: their messages wait and arrive.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from sekisho.rehearsal.outside import ThirdParty, wait_until

# A letter every second, direct and by alias in turn: enough to fall before, into and after every phase of a rehearsal.
_PAUSE = 1.0


class Arrival(NamedTuple):
    """What came of the letters: how many arrived, which are missing, which came more than once."""

    arrived: int
    missing: list[str]
    twice: list[str]


class Correspondence:
    """A thread of writers; `start`, later `stop`, then `wait_until_arrived`."""

    def __init__(self, outside: ThirdParty, run: str, writers: tuple[str, ...], mailbox: str, alias: str) -> None:
        self._outside = outside
        self._run = run
        self._writers = writers
        self._routes = [mailbox, *([alias] if alias else [])]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_on, daemon=True)
        # number -> (writer, the address written to), for every letter the third party's server took.
        self.sent: dict[str, tuple[str, str]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further letters; returns when the last one is handed over."""
        self._stopped.set()
        self._thread.join(timeout=30)

    def _write_on(self) -> None:
        count = 0
        while not self._stopped.is_set():
            count += 1
            number = f"{self._run}-letter-{count}"
            writer = self._writers[count % len(self._writers)]
            route = self._routes[count % len(self._routes)]
            answer = self._outside.write(number, writer, route, f"Letter {count}", "We wait for your answer.\n")
            if answer.code == 250:
                self.sent[number] = (writer, route)
            self._stopped.wait(_PAUSE)

    def wait_until_arrived(self, read: Callable[[], list[str]], seconds: float) -> Arrival:
        """Reads the mailbox until every letter is there, at most `seconds`; then says which came, miss, came twice."""
        wait_until(lambda: self.sent.keys() <= set(read()), seconds, pause=1.0)
        # One more look after a moment: a double would come late.
        time.sleep(1.0)
        counts = Counter(number for number in read() if number in self.sent)
        missing = sorted(number for number in self.sent if not counts[number])
        return Arrival(len(counts), missing, sorted(number for number, count in counts.items() if count > 1))
