"""What a provider's servers have to do while an upgrade goes on (t60): smtpd processes that ask the guard as fast as it
answers (bench/policyload.c), as many slow ones, and people who log in and send."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from harness import ROOT, Box, Stack, wait_until
from provider_server import HOME, PASSWORD, PATIENCE, Provider
from t49_an_upgrade_drops_no_connection import Asker

from sekisho.rehearsal.clients import SmtpSession, compose

GENERATOR = ROOT / "bench" / "policyload.c"
# The number of smtpd processes of a busy small host; each has one connection to the guard.
FAST = 16
SLOW = 6
# So many, each always at home, that none of them is found fault with; the site itself has no such mailboxes.
STRANGERS = 50_000
# One run of the generator; the next begins at once, so the end of the upgrade need not be known beforehand.
RUN_SECONDS = 3
# Between two letters of all people together.
LETTER_EVERY = 0.25


class Generator(threading.Thread):
    """Runs of `policyload`, one after the other until told to stop; it counts connections that the guard ended."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__(daemon=True)
        self._program, self._port = directory / "policyload", port
        subprocess.run(["cc", "-O2", "-o", self._program, GENERATOR], check=True, timeout=60)
        self.stop = threading.Event()
        self.runs: list[dict[str, object]] = []
        self.trouble = ""

    def run(self) -> None:
        while not self.stop.is_set() and not self.trouble:
            command = [
                str(self._program), str(self._port), "--connections", str(FAST), "--warmup", "0", "--seconds",
                str(RUN_SECONDS), "--mailboxes", str(STRANGERS), "--roam-share", "0", "--seed", str(1 + len(self.runs)),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE + RUN_SECONDS)
            if done.returncode:
                self.trouble = f"{done.returncode}: {done.stdout}{done.stderr}"
            else:
                self.runs.append(json.loads(done.stdout))

    def total(self, name: str) -> int:
        return sum(cast(int, one[name]) for one in self.runs)

    def actions(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for one in self.runs:
            found.update(cast(dict[str, int], one["actions"]))
        return found

    def longest(self) -> float:
        """Seconds."""
        return max(cast(float, one["max_us"]) for one in self.runs) / 1e6


class People(threading.Thread):
    """One after the other logs in at submission, from home, and sends a colleague a letter."""

    def __init__(self, provider: Provider, senders: list[str], recipient: str) -> None:
        super().__init__(daemon=True)
        self._provider, self._senders, self._recipient = provider, senders, recipient
        self.stop = threading.Event()
        self.sent: list[str] = []
        self.trouble: list[str] = []

    def run(self) -> None:
        number = 0
        while not self.stop.wait(LETTER_EVERY):
            sender, name = self._senders[number % len(self._senders)], f"upgrade-{number}"
            number += 1
            try:
                with SmtpSession(self._provider.places.submission, client_address=HOME) as session:
                    answer = session.login(sender, PASSWORD)
                    if answer.code == 235:
                        letter = compose(name, sender, self._recipient, "Note", "See you.\n")
                        sending = session.send(sender, [self._recipient], letter)
                        answer = sending.end or sending.mail
            except OSError as error:
                self.trouble.append(f"{sender}: {error}")
                continue
            if answer.code == 250:
                self.sent.append(name)
            else:
                self.trouble.append(f"{sender}: {answer.code} {answer.text}")


@dataclass
class Load:
    """All of it at once."""

    provider: Provider
    calm: str
    senders: list[str]
    recipient: str
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # Asker wants a stack's places and a box.
        stack = cast(Stack, self.provider)
        self.askers = [Asker(stack, Box(self.calm), fresh=number == 0) for number in range(SLOW)]
        self.generator = Generator(self.provider.place, self.provider.places.policy)
        self.people = People(self.provider, self.senders, self.recipient)
        self._threads = (*self.askers, self.generator, self.people)

    def start(self) -> Load:
        """Returns when every part has begun to work."""
        for thread in self._threads:
            thread.start()
        assert wait_until(self._all_work, PATIENCE) is not None, self.troubles()
        self.began = time.monotonic()
        return self

    def _all_work(self) -> bool:
        slow = all(asker.answers or asker.trouble for asker in self.askers)
        return slow and bool(self.generator.runs or self.generator.trouble) and bool(self.people.sent)

    def go_on(self) -> None:
        """Waits until every part has worked on from here."""
        slow, fast, letters = [len(one.answers) for one in self.askers], len(self.generator.runs), self.people.sent[:]

        def all_did() -> bool:
            answered = all(
                one.trouble or len(one.answers) > count + 3 for one, count in zip(self.askers, slow, strict=True)
            )
            # Of the runs that end from now on the first one began before.
            generated = self.generator.trouble or len(self.generator.runs) > fast + 1
            return answered and bool(generated) and len(self.people.sent) > len(letters) + 1

        assert wait_until(all_did, PATIENCE) is not None, self.troubles()

    def end(self) -> float:
        """Ends all; how many seconds it lasted."""
        for thread in self._threads:
            thread.stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return time.monotonic() - self.began

    def troubles(self) -> list[str]:
        """What went wrong: connections ended or refused, letters not taken."""
        found = [asker.trouble for asker in self.askers if asker.trouble] + self.people.trouble
        hangups = self.generator.total("hangups")
        return found + [f"{hangups} hangups"] * bool(hangups) + [self.generator.trouble] * bool(self.generator.trouble)

    def answers(self) -> int:
        return sum(len(asker.answers) for asker in self.askers) + self.generator.total("requests")

    def kinds(self) -> set[str]:
        """All that was answered."""
        return {answer for asker in self.askers for answer in asker.answers} | set(self.generator.actions())

    def longest(self) -> float:
        """Seconds."""
        return max(self.generator.longest(), *(asker.longest for asker in self.askers))
