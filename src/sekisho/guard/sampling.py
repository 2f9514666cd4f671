"""Which scores are worth telling people as a curve: readings of a mailbox in doubt, few and bounded.

Decisions are in the journal with their score and findings, and count as readings; `ScoreSampled` tells what lies
between them. A mailbox' curve begins near the alert threshold and ends when its fall has been told; an ordinary mailbox
costs one comparison and one look into a dictionary.

Within a minute only the highest reading is kept and told at the minute's end: people want to see how bad it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import msgspec

from sekisho import detection
from sekisho.detection import Assessment, HostTables, Limits, MailboxProfile
from sekisho.detection.limits import PROBATION_PRIOR
from sekisho.guard.standing import Standing
from sekisho.journal import DecisionRecord, ScoreSampled, Thresholds

# A curve begins so many nats below an alert: one new network (2.2) is where a takeover's story starts, and few healthy
# mailboxes are there at a time.
BELOW_ALERT = 2.0
# A smaller move is not seen beside thresholds that lie 2.5 apart.
STEP = 0.5
# The finest step of a page about hours; a faster rise is told by its decisions.
EVERY_SECONDS = 60.0
# A reading that has not moved says only that the guard still looks: often enough to draw a line.
STILL_SECONDS = 600.0
# All mailboxes together, 5 a second: a reading is 300 bytes of spool (64 MiB hold half a day of it at the worst) and
# one row for the worker, which writes several hundred a second. What finds no room waits for the next minute.
MOST_A_MINUTE = 300
# Curves remembered, the longest untold goes first; about 1 KB each.
MOST_CURVES = 10_000
# Evidence does not count after a day: a curve of which nothing was told so long is over.
FORGET_SECONDS = 86_400.0


def thresholds(limits: Limits, status: str) -> Thresholds:
    """The scores at which decide() would act on a mailbox of this status."""
    if status == "probation":
        restrict = limits.restrict - PROBATION_PRIOR
        return Thresholds(limits.alert, restrict, restrict)
    return Thresholds(limits.alert, limits.restrict, limits.suspend)


class _Curve(msgspec.Struct):
    """What was last told about a mailbox, and the reading that waits for its minute to end."""

    generation: int
    told_at: float
    score: float = 0.0
    waiting: ScoreSampled | None = None


class ScoreSampler:
    """`see` after every judgement, `flush` once a second; times in epoch seconds."""

    def __init__(self, spool: Callable[[ScoreSampled], None], tables: HostTables, standing: Standing) -> None:
        self._spool = spool
        self._tables = tables
        self._standing = standing
        # In the order of told_at.
        self._curves: dict[str, _Curve] = {}
        self._waiting: set[str] = set()
        self._minute = 0.0
        self._room = MOST_A_MINUTE

    def see(
        self,
        event: detection.Event,
        profile: MailboxProfile,
        assessment: Assessment,
        record: DecisionRecord | None,
        now: float,
        limits: Limits | None = None,
    ) -> None:
        """Tells a reading of the score if it is worth one; `record` is the decision the event led to, `limits` those it
        was judged by (the host's).

        A decision is a reading: it is in the journal and is not told a second time.
        """
        mailbox, score, limits = event.mailbox, assessment.score, limits or self._tables.limits
        if score < limits.alert - BELOW_ALERT and mailbox not in self._curves:
            # Nearly every event.
            return
        if record is not None:
            self._touch(mailbox, record.generation, record.score, now)
        elif self._wants(mailbox, profile.generation, score, limits, now):
            self._put(self._sample(event, profile, assessment, limits, now), now)

    def _sample(
        self, event: detection.Event, profile: MailboxProfile, assessment: Assessment, limits: Limits, now: float
    ) -> ScoreSampled:
        if not assessment.indicators:
            # Once a minute or twice: the sentences cost several judgements.
            assessment = detection.assess(profile, self._tables, event, now, explain=True)
        return ScoreSampled(
            id=uuid.uuid4().hex,
            t=now,
            mailbox=event.mailbox,
            generation=profile.generation,
            score=round(assessment.score, 2),
            findings={found.name: round(found.value, 2) for found in assessment.indicators},
            thresholds=thresholds(limits, self._standing.of(event.mailbox).status),
        )

    def _wants(self, mailbox: str, generation: int, score: float, limits: Limits, now: float) -> bool:
        """Whether a reading of this score is worth its findings."""
        floor = limits.alert - BELOW_ALERT
        curve = self._curves.get(mailbox)
        if curve is None or curve.generation != generation:
            # A person has judged the older evidence; that its score is gone is told by his act.
            self._forget(mailbox)
            return score >= floor
        if curve.waiting is not None:
            return score >= curve.waiting.score + STEP
        if score < floor and curve.score < floor:
            if now - curve.told_at >= EVERY_SECONDS:
                self._forget(mailbox)
            return False
        return _is_worth_telling(curve, score, floor, now)

    def _put(self, sample: ScoreSampled, now: float) -> None:
        """Takes a reading that was wanted: it is spooled now or at the end of the mailbox' minute."""
        curve = self._curves.get(sample.mailbox) or self._begin(sample.mailbox, sample.generation, now - EVERY_SECONDS)
        if now - curve.told_at >= EVERY_SECONDS and self._has_room(now):
            self._tell(sample, now)
            return
        curve.waiting = sample
        self._waiting.add(sample.mailbox)

    def flush(self, now: float) -> None:
        """Spools the readings whose minute is over, forgets curves that are."""
        for mailbox in list(self._waiting):
            curve = self._curves[mailbox]
            sample = curve.waiting
            if sample is None or now - curve.told_at < EVERY_SECONDS:
                continue
            floor = sample.thresholds.alert - BELOW_ALERT
            if not _is_worth_telling(curve, sample.score, floor, now):
                curve.waiting = None
                self._waiting.discard(mailbox)
            elif self._has_room(now):
                self._tell(sample, now)
        while self._curves and now - next(iter(self._curves.values())).told_at > FORGET_SECONDS:
            self._forget(next(iter(self._curves)))

    def _begin(self, mailbox: str, generation: int, told_at: float) -> _Curve:
        if len(self._curves) >= MOST_CURVES:
            self._forget(next(iter(self._curves)))
        curve = self._curves[mailbox] = _Curve(generation, told_at)
        return curve

    def _tell(self, sample: ScoreSampled, now: float) -> None:
        self._room -= 1
        self._spool(sample)
        self._touch(sample.mailbox, sample.generation, sample.score, now)

    def _touch(self, mailbox: str, generation: int, score: float, at: float) -> None:
        self._forget(mailbox)
        self._begin(mailbox, generation, at).score = score

    def _forget(self, mailbox: str) -> None:
        self._curves.pop(mailbox, None)
        self._waiting.discard(mailbox)

    def _has_room(self, now: float) -> bool:
        if now - self._minute >= 60.0:
            self._minute, self._room = now, MOST_A_MINUTE
        return self._room > 0


def _is_worth_telling(curve: _Curve, score: float, floor: float, now: float) -> bool:
    moved = abs(score - curve.score) >= STEP
    return moved or (score >= floor and now - curve.told_at >= STILL_SECONDS)
