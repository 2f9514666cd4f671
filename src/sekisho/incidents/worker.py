"""The worker: takes journal and spool into the database, sends notices, ends what has run out, tells it is alive.

One per installation (a lock file says so). It needs no rights beyond reading the guard's files and the two databases.
Killed anywhere it goes on where it was; while the database is away it waits, and nothing is lost.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import FrameType

from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from sekisho import service
from sekisho.config import Settings
from sekisho.directory.models import Contact
from sekisho.exposition import Exposition
from sekisho.incidents import (
    allowances,
    app_passwords,
    audit_pruning,
    decisions,
    old_segments,
    questions,
    receivers,
    rescue,
    retention,
    settings_test,
    travel,
)
from sekisho.incidents.burned_reset import BurnedResets
from sekisho.incidents.channel_outbox import ChannelOutbox
from sekisho.incidents.channel_tests import ChannelTests
from sekisho.incidents.ingest import Intake
from sekisho.incidents.measures import MoreFamilies, WorkerMeasures
from sekisho.incidents.models import HostHeartbeat, Notice
from sekisho.incidents.notices import OPERATOR, Outbox
from sekisho.incidents.setting_looks import look_at_tables
from sekisho.journal import replace_file

log = logging.getLogger(__name__)

# A trip is recorded within half a second of its journal line; an idle look costs two directory reads.
POLL_S = 0.25
# Between two batches the database is everybody's. SQLite's lock goes to whoever looks next, and who waits looks every
# 0.1 s (its busy handler): without this a backlog kept an operator's suspension from the agent for 10 s (story t60).
YIELD_S = 0.11
# After a refusal the database gets a second's rest; it has had its own 2 s of waiting for the lock.
AWAY_S = 1.0
HEARTBEAT_S = 5.0
# Terms are days: a minute's delay harms nobody.
HOUSEKEEPING_S = 60.0
PRUNE_S = 86_400.0
# What a room above this one has the worker do at each turn; it looks by itself whether something is due.
Duty = Callable[[datetime], object]


class Worker:
    """One run of the worker; `stop` ends it after the batch in hand."""

    def __init__(self, settings: Settings, duties: Sequence[Duty] = (), measures: Sequence[MoreFamilies] = ()) -> None:
        self._settings = settings
        self._duties = duties
        self._directory = Path(settings.var) / "worker"
        self._started_at = timezone.now()
        self._stopping = threading.Event()
        self._intake: Intake | None = None
        self._outbox = Outbox(settings, self._started_at)
        self._resets = BurnedResets(settings)
        self._channels = ChannelOutbox(settings, self._started_at)
        self._channel_tests = ChannelTests(settings)
        self._next = {self._beat: 0.0, self._keep_house: 0.0, self._prune: 0.0, self._look_at_settings: 0.0}
        # What is left to remove today (incidents.retention).
        self._batches: Iterator[object] | None = None
        self._away_since: float | None = None
        # None: nobody asks for metrics.
        self._measures = WorkerMeasures(measures) if settings.metrics.worker_port else None

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Asks the loop to end (a signal handler)."""
        self._stopping.set()

    def run(self) -> int:
        """Works until it is told to stop; 0."""
        exposition = self._expose()
        service.notify("READY=1")
        watchdog = service.Watchdog()
        while not self._stopping.is_set():
            watchdog.alive()
            try:
                idle = self._turn() == 0
                self._database_is_back()
                pause = POLL_S if idle else YIELD_S
            except (OperationalError, InterfaceError) as error:
                self._database_is_away(error)
                pause = AWAY_S
            self._stopping.wait(pause)
        service.notify("STOPPING=1")
        if exposition is not None:
            exposition.stop()
        return 0

    def _expose(self) -> Exposition | None:
        port, measures = self._settings.metrics.worker_port, self._measures
        if measures is None:
            return None
        exposition = Exposition("worker", port, measures.families, measures.is_alive, measures.not_ready)
        return exposition if exposition.start() else None

    def _turn(self) -> int:
        """One look at everything; how many records were taken."""
        if self._intake is None:
            self._intake = Intake(self._settings)
        taken = self._intake.take()
        now = timezone.now()
        for duty in self._duties:
            duty(now)
        self._resets(now)
        self._outbox.send_due(now, spool_is_read=taken == 0)
        self._channels(now)
        self._channel_tests(now)
        for job, due in self._next.items():
            if time.monotonic() >= due:
                job()
        self._prune_a_batch()
        return taken

    def _database_is_away(self, error: Exception) -> None:
        if self._away_since is None:
            log.warning("the database does not answer, waiting: %s", error)
            self._away_since = time.monotonic()
        for connection in connections.all():
            connection.close()
        self._write_status({"database": "away"})
        if self._measures is not None:
            self._measures.database_is_away()

    def _database_is_back(self) -> None:
        if self._away_since is not None:
            log.info("the database answers again after %.1f s", time.monotonic() - self._away_since)
            self._away_since = None

    def _beat(self) -> None:
        facts: dict[str, object] = {
            "rejected": self._intake.rejected if self._intake else 0,
            "notices_open": Notice.objects.filter(state__in=["open", "sending"]).count(),
            "notices_failed": Notice.objects.filter(state="failed").count(),
        }
        facts["alarms"] = alarms = self._alarms()
        if self._measures is not None and self._intake is not None:
            self._measures.take(self._intake.behind(), len(alarms), timezone.now())
        HostHeartbeat.objects.update_or_create(
            host=self._settings.host, process="worker", defaults={"at": timezone.now(), "facts": facts}
        )
        self._write_status({"database": "ok", **facts})
        self._next[self._beat] = time.monotonic() + HEARTBEAT_S

    def _alarms(self) -> list[str]:
        alarms = []
        if not self._settings.notices.sender:
            alarms.append("notices.sender is not set: nobody is told about incidents")
        if not Contact.objects.filter(domain=OPERATOR).exists():
            command = f"sekisho contact add {OPERATOR} ADDRESS"
            alarms.append(f"the operator has no contact: nobody is called when the fuse blows ({command})")
        return alarms + self._channels.alarms(timezone.now())

    def _write_status(self, facts: dict[str, object]) -> None:
        content = {"process": "worker", "pid": os.getpid(), "at": time.time(), **facts}
        replace_file(self._directory / "status.json", json.dumps(content).encode())

    def _keep_house(self) -> None:
        now = timezone.now()
        decisions.expire_restrictions(now)
        decisions.end_probations(now)
        questions.escalate(now)
        rescue.apply_rules(now)
        rescue.tell_running_low(now)
        settings_test.prune(now)
        self._next[self._keep_house] = time.monotonic() + HOUSEKEEPING_S

    def _prune_a_batch(self) -> None:
        """One batch a turn: a decision that comes in meanwhile is recorded before the next."""
        if self._batches is not None and next(self._batches, None) is None:
            self._batches = None

    def _look_at_settings(self) -> None:
        """What stands before an incident is the owner's: looked at with the start, then once a day."""
        look_at_tables(timezone.now())
        self._next[self._look_at_settings] = time.monotonic() + PRUNE_S

    def _prune(self) -> None:
        now = timezone.now()
        allowances.prune(now)
        travel.prune(now)
        app_passwords.prune(now)
        receivers.prune(now)
        days = self._settings.retention
        self._batches = chain(retention.batches(days, now), audit_pruning.daily(days.audit_days, now))
        old_segments.remove(self._settings, now)
        self._next[self._prune] = time.monotonic() + PRUNE_S


@contextmanager
def _sole_worker(directory: Path) -> Iterator[bool]:
    """Holds the installation's worker lock; False when another worker has it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def run(settings: Settings, duties: Sequence[Duty] = (), measures: Sequence[MoreFamilies] = ()) -> int:
    """Runs the worker until SIGTERM or SIGINT; 0, or 1 when another one runs already."""
    with _sole_worker(Path(settings.var) / "worker") as alone:
        if not alone:
            log.error("another worker runs on this installation")
            return 1
        worker = Worker(settings, duties, measures)
        signal.signal(signal.SIGTERM, worker.stop)
        signal.signal(signal.SIGINT, worker.stop)
        return worker.run()
