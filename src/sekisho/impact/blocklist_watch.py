"""Asks blocklists about our addresses and domains, slowly and for ever, as one of the worker's duties.

A thread of its own puts the questions, so that a resolver that is away holds up nobody; it touches no database. Rows
are written in the worker's turns. Killed anywhere, the successor goes on with what is due.
"""

from __future__ import annotations

import logging
import queue
import threading
from datetime import datetime, timedelta

import dns.resolver

from sekisho.config import Settings
from sekisho.dns_questions import make_resolver
from sekisho.impact import blocklists, listings
from sekisho.impact.blocklists import Question, Reply

log = logging.getLogger(__name__)

# What is due changes with settings, incidents and the clock; a look costs three small queries.
LOOK_EVERY = timedelta(seconds=30)


class Asker:
    """One question at a time in a thread; `take` gives its reply when it is there."""

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.is_busy = False
        # A daemon: a resolver's deadline must not keep the worker from ending.
        threading.Thread(target=self._run, name="blocklists", daemon=True).start()

    def put(self, question: Question) -> None:
        """Hands a question over; the one before must have been answered."""
        self.is_busy = True
        self._questions.put(question)

    def take(self) -> Reply | None:
        """The reply to the question in hand, once; None while there is none."""
        try:
            reply = self._replies.get_nowait()
        except queue.Empty:
            return None
        self.is_busy = False
        return reply

    def _run(self) -> None:
        while True:
            question = self._questions.get()
            try:
                reply = blocklists.put(self._resolver, question)
            except Exception:
                # No answer of a stranger's may end the thread for good.
                log.exception("blocklist %s", question.zone)
                reply = Reply(question, "unanswered")
            self._replies.put(reply)


class BlocklistWatch:
    """Called by the worker with the time; does nothing unless the operator has switched it on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pause = timedelta(minutes=1) / settings.harm_watch.questions_a_minute
        self._asker: Asker | None = None
        self._agenda: list[Question] = []
        self._not_before: datetime | None = None
        self._look_at: datetime | None = None
        self._is_told = False

    def __call__(self, now: datetime) -> None:
        """Keeps the reply that has come, and puts the next question when its time is there."""
        if not self._settings.harm_watch.blocklists:
            return
        asker = self._asker = self._asker or self._make_asker()
        if asker is None:
            return
        if (reply := asker.take()) is not None:
            listings.take(reply, now)
            if not reply.question.subject:
                # A list that has just proved itself may be asked, one that failed may not.
                self._look_at = None
        if asker.is_busy or (self._not_before is not None and now < self._not_before):
            return
        if (question := self._next(now)) is not None:
            self._not_before = now + self._pause
            asker.put(question)

    def _make_asker(self) -> Asker | None:
        asked = self._settings.doctor
        try:
            return Asker(make_resolver(asked.resolver, asked.resolver_port))
        except (dns.resolver.NoResolverConfiguration, ValueError) as error:
            if not self._is_told:
                log.error("blocklists are not asked, there is no resolver: %s", error)
                self._is_told = True
            return None

    def _next(self, now: datetime) -> Question | None:
        if not self._agenda and (self._look_at is None or now >= self._look_at):
            every = timedelta(
                seconds=min(self._settings.harm_watch.every_s, self._settings.harm_watch.incident_every_s)
            )
            self._look_at = now + min(LOOK_EVERY, every)
            listings.end_unwatched(self._settings, now)
            self._agenda = listings.agenda(self._settings, now)
        return self._agenda.pop(0) if self._agenda else None
