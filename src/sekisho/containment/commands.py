"""Runs the few programs of Postfix and Dovecot that Sekisho may run as root: argument lists, never a shell.

SECURITY: only what `PRIVILEGED_STEPS` lists can be started, whatever a caller asks for; docs/privileges.md explains
each line. Every run has a deadline and a bound on its output; secrets and queue ids travel on standard input.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO, NamedTuple, Protocol

# The whole list: a program and the words that must follow it (after `-c CONFIGURATION`).
PRIVILEGED_STEPS: tuple[tuple[str, ...], ...] = (
    ("doveadm", "auth", "cache", "flush"),
    ("doveadm", "auth", "test"),
    ("doveadm", "kick"),
    ("doveadm", "sieve", "activate"),
    ("doveadm", "sieve", "deactivate"),
    ("doveadm", "sieve", "delete"),
    ("doveadm", "sieve", "get"),
    ("doveadm", "-f", "tab", "sieve", "list"),
    ("doveadm", "-f", "tab", "who"),
    ("doveadm", "user"),
    ("postcat", "-e"),
    ("postconf", "-h"),
    ("postfix", "reload"),
    ("postkick", "public", "pickup", "W"),
    ("postmap", "-d"),
    ("postmap", "-q"),
    ("postmap", "-r"),
    ("postmap", "-ri"),
    ("postmap", "-s"),
    ("postqueue", "-i"),
    ("postqueue", "-j"),
    ("postsuper", "-H"),
    ("postsuper", "-d"),
    ("postsuper", "-h"),
    ("postsuper", "-r"),
    ("sievec",),
)

# Ten times the slowest answer seen on two busy cores (doveadm, 0.4 s); a program that needs longer hangs.
DEADLINE_S = 5.0
# A queue of 100,000 messages is about 50 MB of `postqueue -j`; more than this is cut and said.
OUTPUT_BYTES = 64 * 1024 * 1024
# Error texts are for a log line, not for keeping.
ERROR_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024

_running: set[subprocess.Popen[bytes]] = set()
_running_lock = threading.Lock()


class CommandError(Exception):
    """The program could not be started, ran past its deadline or wrote too much: temporary, tried again later."""


class CompletedCommand(NamedTuple):
    """How a program ended: exit status, standard output, standard error."""

    code: int
    out: bytes
    err: bytes

    @property
    def complaint(self) -> str:
        """The last line of standard error, printable, for an outcome or a log line."""
        lines = self.err.decode("utf-8", "replace").strip().splitlines()
        return "".join(c if c.isprintable() else "?" for c in lines[-1])[:200] if lines else f"exit status {self.code}"


class Runner(Protocol):
    """The seam at which tests put a fake: everything privileged goes through one callable of this shape."""

    def __call__(self, argv: Sequence[str], stdin: bytes = b"", deadline: float = DEADLINE_S) -> CompletedCommand: ...


def is_privileged_step(argv: Sequence[str]) -> bool:
    """Whether the list holds this command; `-c CONFIGURATION` is left out of the comparison."""
    if len(argv) < 4 or argv[1] != "-c":
        return False
    words = (argv[0], *argv[3:])
    return any(words[: len(step)] == step for step in PRIVILEGED_STEPS)


def run(argv: Sequence[str], stdin: bytes = b"", deadline: float = DEADLINE_S) -> CompletedCommand:
    """The completed command; raises CommandError (temporary), or ValueError for one that is not on the list."""
    if not is_privileged_step(argv):
        raise ValueError(f"not a privileged step: {argv[0]}")
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "LC_ALL": "C"},
            # A group of its own: what hangs is ended with everything it started.
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(f"{argv[0]} could not be started: {error.strerror}") from error
    with _running_lock:
        _running.add(process)
    try:
        until = time.monotonic() + deadline
        conversation = _Conversation(process, stdin, argv[0])
        conversation.finish(until)
        _await_exit(process, until, argv[0])
        return CompletedCommand(process.returncode, bytes(conversation.out), bytes(conversation.err))
    except CommandError:
        _end(process)
        raise
    finally:
        with _running_lock:
            _running.discard(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                _close(pipe)


def end_all() -> None:
    """Ends every program still running: the agent is stopping, and every step may run twice."""
    with _running_lock:
        for process in _running:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class _Conversation:
    """Standard input on its way in, both outputs on their way out, each within its bound."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, name: str) -> None:
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - pipes were asked for
        self._stdin = process.stdin
        self._unsent = memoryview(stdin)
        self._name = name
        self.out, self.err = bytearray(), bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(process.stdout, selectors.EVENT_READ, (self.out, OUTPUT_BYTES))
        self._selector.register(process.stderr, selectors.EVENT_READ, (self.err, ERROR_BYTES))
        os.set_blocking(self._stdin.fileno(), False)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)

    def finish(self, until: float) -> None:
        """Goes on until all three pipes are closed; raises CommandError at the deadline or a full bound."""
        with self._selector:
            while self._selector.get_map():
                left = until - time.monotonic()
                if left <= 0:
                    raise CommandError(f"{self._name} did not answer in time")
                for key, _ in self._selector.select(left):
                    if key.data is None:
                        self._send()
                    else:
                        self._receive(key)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._stdin.fileno(), self._unsent) :]
        except BrokenPipeError:
            # The program stopped reading; its exit status will say why.
            self._unsent = self._unsent[:0]
        except BlockingIOError:
            return
        if not self._unsent:
            self._selector.unregister(self._stdin)
            _close(self._stdin)

    def _receive(self, key: selectors.SelectorKey) -> None:
        collected, bound = key.data
        data = os.read(key.fd, _READ_BYTES)
        if not data:
            self._selector.unregister(key.fileobj)
        elif len(collected) + len(data) <= bound:
            collected += data
        elif collected is self.out:
            raise CommandError(f"{self._name} wrote more than {OUTPUT_BYTES >> 20} MiB")


def _await_exit(process: subprocess.Popen[bytes], until: float, name: str) -> None:
    """Waits for the end of a program that has closed its outputs."""
    try:
        process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{name} did not end in time") from error
