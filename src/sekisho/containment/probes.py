"""Proves that a mailbox's doors are shut, or open again, without knowing anybody's password.

The passwd-file `probe` stands behind `deny`. For a moment it holds a one-time secret for the mailbox's login names and
for a canary. The canary must get in (else the probe proves nothing); the suspended names must not: only `deny` can
have stopped them, so taking `deny` away turns the probe red. Probes carry no remote address; the guard ignores logins
without one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from sekisho.containment.barrier import probe_file
from sekisho.containment.commands import CommandError
from sekisho.containment.dovecot import Dovecot

# Dovecot's service names (2.3): ManageSieve is "sieve".
DOORS = {"imap": "IMAP", "pop3": "POP3", "sieve": "ManageSieve", "smtp": "SMTP AUTH"}
# Nobody's mailbox (RFC 6761 .invalid), known to `probe` only while a probe runs.
CANARY = "canary@sekisho.invalid"
# Dovecot looks at a passwd-file at most once a second; a canary refused this often (2 s each) has another reason.
CANARY_TRIES = 4
# Refusals cost auth_failure_delay (2 s) each, side by side; more processes than this only wait for a processor.
_PARALLEL = 16


class ProbeResult(NamedTuple):
    """Doors by name, "IMAP" or "IMAP as NAME" for further login names."""

    let_in: list[str]
    refused: list[str]


class Probes:
    """Runs probes, several at a time; the file holds exactly the secrets of those running."""

    def __init__(self, directory: Path, dovecot: Dovecot, sleep: Callable[[float], object] = time.sleep) -> None:
        self._file = probe_file(directory)
        self._dovecot = dovecot
        self._sleep = sleep
        self._lock = RLock()
        self._secrets: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="probe")

    def empty(self) -> None:
        """Takes away what a killed predecessor left; called at start."""
        with self._lock:
            self._secrets.clear()
            self._file.replace(())

    def _write(self) -> None:
        # {PLAIN} without crypt: the secret lives for seconds and is known to nobody.
        self._file.replace(f"{name}:{{PLAIN}}{secret}" for name, secret in self._secrets.items())

    @contextmanager
    def _secret(self, names: Collection[str]) -> Iterator[str]:
        secret = secrets.token_urlsafe(24)
        canary = f"{secrets.token_hex(8)}.{CANARY}"
        rows = {name: secret for name in [*names, canary]}
        with self._lock:
            self._secrets |= rows
            self._write()
        try:
            self._await_canary(canary, secret)
            yield secret
        finally:
            with self._lock:
                for name in rows:
                    if self._secrets.get(name) == secret:
                        del self._secrets[name]
                self._write()

    def _await_canary(self, canary: str, secret: str) -> None:
        """The positive control; raises CommandError when a door does not even let the canary in."""
        # Dovecot looks again in its next whole second; asking before costs a refusal's delay.
        self._sleep(1.02 - time.time() % 1)

        def gets_in(service: str) -> bool:
            return any(self._dovecot.lets_in(canary, service, secret) for _ in range(CANARY_TRIES))

        refusing = [DOORS[s] for s, let_in in zip(DOORS, self._pool.map(gets_in, DOORS), strict=True) if not let_in]
        if refusing:
            raise CommandError(f"{', '.join(refusing)} refuses the canary, so nothing can be proved")

    def probe(self, names: Collection[str]) -> ProbeResult:
        """Which doors let these login names in with a valid secret; raises CommandError when it cannot be told."""
        asked = [(name, service) for name in names for service in DOORS]
        with self._secret(names) as secret:
            answers = list(self._pool.map(lambda pair: self._dovecot.lets_in(pair[0], pair[1], secret), asked))
        first = next(iter(names), "")
        result = ProbeResult([], [])
        for (name, service), let_in in zip(asked, answers, strict=True):
            door = DOORS[service] if name == first else f"{DOORS[service]} as {name}"
            (result.let_in if let_in else result.refused).append(door)
        return result
