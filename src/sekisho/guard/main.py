"""The guard process: what was kept is read back, then the sockets open, then it runs until SIGTERM.

The order at the start is a promise (P2): the state file, the last snapshot, the journal's decisions newer than it,
and only then the first connection. So a suspended mailbox is suspended in the guard's first answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import resource
import signal
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvloop

from sekisho import service
from sekisho.config import Settings
from sekisho.exposition import Exposition
from sekisho.guard.measures import GuardMeasures
from sekisho.guard.memory import Memory, restore
from sekisho.guard.servers import Servers

log = logging.getLogger("sekisho.guard")

# Three listeners with 1000 connections each, and some files.
OPEN_FILES = 4096
RESTART_SECONDS = 1.0
# A second's new objects take about a millisecond to walk.
COLLECT_SECONDS = 1.0
# Chores that go on while the guard ends.
WATCHDOG = "watchdog"
TO_THE_END = ("sweep", WATCHDOG)


class AlreadyRunning(Exception):
    """Another guard (or `sekisho learn`) works on this host's profiles."""


@contextlib.contextmanager
def hold_lock(var: Path) -> Iterator[None]:
    """Holds the lock on this host's profiles; raises AlreadyRunning, or OSError when it cannot be made.

    What root wrote there meanwhile (`replay --learn`, `profile import`) is the guard's own user's afterwards: a lock of
    root's would keep the guard from starting.
    """
    directory = var / "guard"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another guard uses {directory}") from error
        try:
            yield
        finally:
            _hand_over(directory)


def _hand_over(directory: Path) -> None:
    """Gives root's regular files of the directory to its owner; nothing where the guard itself runs as root."""
    owner = directory.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for path in directory.iterdir():
        # The owner may put links there: none is followed, and a second name of some file of root's is left alone.
        with contextlib.suppress(OSError), _opened(path) as descriptor:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def run(settings: Settings) -> int:
    """Runs the guard until SIGTERM or SIGINT; 0 after an orderly end, 1 when it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s guard %(levelname)s %(message)s")
    try:
        with hold_lock(Path(settings.var)):
            _allow_files()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_guard(settings))
    except (AlreadyRunning, OSError) as error:
        log.error("the guard cannot start: %s", error)
        return 1


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _guard(settings: Settings) -> int:
    started_at = time.time()
    memory = restore(settings, started_at)
    # What was restored lives as long as the process: the collector need not walk it at every turn.
    gc.disable()
    gc.freeze()
    measures = GuardMeasures(lambda: memory.last_status, lambda: memory.journal.unwritten)
    servers = Servers(
        settings.guard, memory.checkpoint, memory.auth_policy, memory.intake, memory.trusted, measures.latencies
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await servers.open()
    log.info("open after %.0f ms with %d profiles", (time.time() - started_at) * 1000, len(memory.checkpoint.profiles))
    chores = _start_chores(memory, servers)
    exposition = _expose(settings.metrics.guard_port, measures)
    service.notify("READY=1", f"STATUS={len(memory.checkpoint.profiles)} profiles, mode {memory.checkpoint.mode}")
    await stop.wait()
    service.notify("STOPPING=1")
    await _end(memory, servers, chores)
    if exposition is not None:
        exposition.stop()
    return 0


def _expose(port: int, measures: GuardMeasures) -> Exposition | None:
    if not port:
        return None
    exposition = Exposition("guard", port, measures.families, measures.is_alive, measures.not_ready)
    return exposition if exposition.start() else None


def _start_chores(memory: Memory, servers: Servers) -> list[asyncio.Task[None]]:
    chores: dict[str, Callable[[], Awaitable[None]]] = {
        "sweep": servers.keep_sweeping,
        "state": memory.follow_state,
        **{f"log {tail.file.path}": tail.follow for tail in memory.tails},
        "address data": memory.follow_address_data,
        "findings": memory.follow_findings,
        "status": lambda: memory.keep_status(servers.doors),
        "snapshot": memory.snapshot.keep_saving,
        "garbage": _keep_collecting,
        WATCHDOG: _keep_telling,
    }
    return [asyncio.create_task(_keep_going(name, chore), name=name) for name, chore in chores.items()]


async def _keep_collecting() -> None:
    """Collects cyclic garbage of the last seconds only, for ever.

    Profiles are many, long-lived and free of cycles: a full collection would walk all of them and hold up every answer
    (0.3 s with 100,000). So what has survived one short collection is left alone for good.
    """
    while True:
        await asyncio.sleep(COLLECT_SECONDS)
        gc.collect()
        gc.freeze()


async def _keep_telling() -> None:
    """Tells the service manager that the answering loop turns, for ever; a loop that hangs is started again."""
    watchdog = service.Watchdog()
    while watchdog.pause is not None:
        watchdog.alive()
        await asyncio.sleep(watchdog.pause / 2)
    await asyncio.Event().wait()


async def _keep_going(name: str, chore: Callable[[], Awaitable[None]]) -> None:
    """A chore that fails is logged and begun again: none may take the answers down with it."""
    while True:
        try:
            await chore()
        except Exception:
            log.exception("the chore %s failed and is begun again", name)
        await asyncio.sleep(RESTART_SECONDS)


async def _end(memory: Memory, servers: Servers, chores: list[asyncio.Task[None]]) -> None:
    """Saves while it still answers, closes, and saves what came in between: Postfix waits a moment only."""
    for chore in chores:
        if chore.get_name() not in TO_THE_END:
            chore.cancel()
    await memory.snapshot.save()
    await servers.end()
    await memory.snapshot.save()
    for chore in chores:
        chore.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*chores, return_exceptions=True)
    memory.close()
    log.info("ended, pid %d", os.getpid())
