"""Dovecot's questions and reports, handed on to the auth policy server that was there before Sekisho.

Dovecot knows one policy server only. Where a site has weakforced or cPHulk already, Dovecot asks the guard and the
guard asks that one: whoever refuses refuses, with his own text; of two delays the longer counts. It may be away, hang
or talk nonsense: the login then goes on after `timeout_ms`, as Dovecot would let it. Bodies are handed on as they came;
neither they nor the header are ever logged.
"""

from __future__ import annotations

import asyncio
import logging
import time

from sekisho.config import ConfigError, ForwardPolicySettings, header_problem
from sekisho.guard.policy_link import Answer, Link, LinkError, Target
from sekisho.wire import WireError
from sekisho.wire.dovecot_policy import OtherVerdict, parse_verdict

log = logging.getLogger("sekisho.guard")

# At once under way; Dovecot opens up to 100 connections to us. With 300 ms for each, 64 that all hang let 200 logins a
# second through unasked, and take a moment's memory only.
MOST_QUESTIONS = 64
# Reports nobody waits for: those of a second of a storm. More are dropped and counted.
MOST_REPORTS = 256
REPORT_SECONDS = 2.0
# Kept for the next question; servers close idle ones after 10 s (Dovecot's own habit) or more.
MOST_IDLE = 16
IDLE_SECONDS = 8.0
# Silent for so long, a minute at least: the operator is told.
ALARM_AFTER_SECONDS = 60.0


class ForwardPolicy:
    """The other server: `ask` waits for its verdict, `tell` hands a report on and does not wait."""

    def __init__(self, settings: ForwardPolicySettings) -> None:
        header = settings.header_line
        if problem := header_problem(header):
            # Only the guard reads the header's file.
            raise ConfigError(f"guard.forward_policy.{problem}")
        self._target = Target.of(settings.url, header)
        self._deadline = settings.timeout_ms / 1000
        self._idle: list[tuple[Link, float]] = []
        self._questions = 0
        self._reports: set[asyncio.Task[None]] = set()
        # Since the start: answered, gone on without an answer, reports that were dropped.
        self.answered = 0
        self.unanswered = 0
        self.dropped = 0
        # When the present silence began (monotonic seconds); None: it answered last time.
        self._silent_since: float | None = None

    @property
    def alarm(self) -> str:
        """What an operator must look at; "" while it answers."""
        since = self._silent_since
        if since is None or time.monotonic() - since < ALARM_AFTER_SECONDS:
            return ""
        return "the auth policy server behind the guard does not answer; logins go on without it"

    async def ask(self, body: bytes) -> OtherVerdict | None:
        """Its verdict on a question of Dovecot's; None when it gives none in time."""
        if self._questions >= MOST_QUESTIONS:
            self._note_silence("too many questions are open")
            return None
        self._questions += 1
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._exchange(self._target.request("allow", body))
            if answer.status != 200:
                raise LinkError(f"HTTP status {answer.status}")
            verdict = parse_verdict(answer.body)
        except TimeoutError:
            self._note_silence(f"no answer within {self._deadline * 1000:.0f} ms")
            return None
        except (OSError, LinkError, WireError) as error:
            self._note_silence(_reason(error))
            return None
        finally:
            self._questions -= 1
        self._note_answer()
        return verdict

    def tell(self, body: bytes) -> None:
        """Hands a report on; its answer says nothing."""
        if len(self._reports) >= MOST_REPORTS:
            self.dropped += 1
            return
        task = asyncio.get_running_loop().create_task(self._report(body))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, body: bytes) -> None:
        try:
            async with asyncio.timeout(REPORT_SECONDS):
                await self._exchange(self._target.request("report", body))
        except (OSError, LinkError):
            # TimeoutError is an OSError. A question will tell that it is away.
            self.dropped += 1

    async def _exchange(self, request: bytes) -> Answer:
        """One request and its answer; raises OSError or LinkError."""
        link = self._take_idle() or await Link.open(self._target)
        try:
            answer = await link.exchange(request)
        except LinkError:
            if not link.is_used:
                raise
            # The server has closed a connection it had kept, in the moment in which we used it.
            link = await Link.open(self._target)
            answer = await link.exchange(request)
        if link.is_free and len(self._idle) < MOST_IDLE:
            self._idle.append((link, time.monotonic()))
        else:
            link.abort()
        return answer

    def _take_idle(self) -> Link | None:
        while self._idle:
            link, since = self._idle.pop()
            if link.is_free and time.monotonic() - since < IDLE_SECONDS:
                return link
            link.abort()
        return None

    def _note_answer(self) -> None:
        self.answered += 1
        if self._silent_since is not None:
            self._silent_since = None
            log.warning("forward policy: the other server answers again")

    def _note_silence(self, why: str) -> None:
        self.unanswered += 1
        if self._silent_since is None:
            # Once for each silence: a server that is down must not fill the log.
            self._silent_since = time.monotonic()
            log.warning("forward policy: logins go on without the other server: %s", ascii(why)[:200])

    def close(self) -> None:
        """Ends its connections, because the guard ends."""
        for link, _ in self._idle:
            link.abort()
        self._idle.clear()
        for task in self._reports:
            task.cancel()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


def forward_policy(settings: ForwardPolicySettings) -> ForwardPolicy | None:
    """The other server of these settings, None where there is none."""
    return ForwardPolicy(settings) if settings.url else None
