"""How each mailbox stands right now: the record's word (state file) and our own decisions it may not know yet.

Rules, strictest first:
1. A newer generation in the state file ends our decision of an older one: somebody reinstated, dismissed or answered.
2. In the same generation the stricter status counts: the record lags behind our journal by up to a second. A
   restriction that the record has had and has no longer is over (its time ran out); a suspension needs rule 1.
3. A mailbox missing from a state file we have read keeps our own decision; losing the file opens nothing (P2).
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from sekisho.journal import DecisionRecord, MailboxState, StateFile
from sekisho.journal.records import Status


class Stand(NamedTuple):
    """Status, generation, and new recipients allowed an hour (restricted) or a day (probation)."""

    status: Status
    generation: int
    limit: int | None


ACTIVE = Stand("active", 0, None)

# Stricter statuses have higher numbers.
_SEVERITY: dict[Status, int] = {"active": 0, "probation": 1, "restricted": 2, "suspended": 3}


def _strictness(stand: Stand) -> tuple[int, float]:
    """Orders stands; of two restrictions the one with the smaller limit is stricter, and one without is the loosest."""
    return _SEVERITY[stand.status], -inf if stand.limit is None else -stand.limit


class OwnDecision(NamedTuple):
    """The last thing we decided for a mailbox in one generation."""

    generation: int
    status: Status
    limit: int | None
    # False: recorded in observe mode, nobody is stopped by it.
    enforced: bool
    decided_at: float
    # When we last raised an alert; 0 for never.
    alerted_at: float
    # The record has it: the state file showed it, or something stricter.
    recorded: bool = False

    def is_open(self, now: float) -> bool:
        """Whether people are likely to be looking into it now."""
        return now - max(self.decided_at, self.alerted_at) < OPEN_SECONDS


# A week: so long stands the question of a restriction, and so long lasts a probation.
OPEN_SECONDS = 7 * 86_400.0


class Standing:
    """Answers `of(mailbox)` with one dictionary look-up; most mailboxes are in no table at all."""

    def __init__(self) -> None:
        self.state = StateFile(written_at=0.0)
        # Mailboxes whose arriving mail is to be reported.
        self.watched: frozenset[str] = frozenset()
        self.own: dict[str, OwnDecision] = {}
        self._now: dict[str, Stand] = {}
        self._recorded: dict[str, MailboxState] = {}

    def of(self, mailbox: str) -> Stand:
        return self._now.get(mailbox, ACTIVE)

    def generation(self, mailbox: str) -> int:
        return self.of(mailbox).generation

    def take_state(self, state: StateFile) -> list[tuple[str, int]]:
        """Takes a new state file; returns the mailboxes whose generation rose, with the new one."""
        risen = [
            (mailbox, recorded.generation)
            for mailbox, recorded in state.mailboxes.items()
            if recorded.generation > self.generation(mailbox)
        ]
        self.state = state
        self.watched = frozenset(state.watched)
        self._recorded = state.mailboxes
        self._now = {}
        for mailbox in {*state.mailboxes, *self.own}:
            self._settle(mailbox)
        return risen

    def take_decision(self, record: DecisionRecord) -> None:
        """Our own decision, from now on or read back from the journal; one of an older generation changes nothing."""
        if record.generation < self.generation(record.mailbox):
            return
        before = self.own.get(record.mailbox)
        if before is not None and before.generation != record.generation:
            before = None
        alerted_at = record.t if record.action == "alert" else (before.alerted_at if before else 0.0)
        if record.action == "alert":
            # An alert changes no status, and says nothing about a limit somebody else has set.
            quiet = OwnDecision(record.generation, "active", None, record.enforced, record.t, alerted_at)
            self.own[record.mailbox] = (before or quiet)._replace(alerted_at=alerted_at)
            return
        self.own[record.mailbox] = OwnDecision(
            record.generation, record.after, record.limit, record.enforced, record.t, alerted_at
        )
        self._settle(record.mailbox)

    def restore(self, own: dict[str, OwnDecision]) -> None:
        """Our decisions as the snapshot kept them."""
        self.own = {mailbox: kept for mailbox, kept in own.items() if kept.generation >= self.generation(mailbox)}
        for mailbox in self.own:
            self._settle(mailbox)

    def _settle(self, mailbox: str) -> None:
        recorded = self._recorded.get(mailbox)
        stand = Stand(recorded.status, recorded.generation, recorded.limit) if recorded else ACTIVE
        own = self.own.get(mailbox)
        if own is not None:
            stand = self._with_own(mailbox, own, stand)
        if stand == ACTIVE:
            self._now.pop(mailbox, None)
        else:
            self._now[mailbox] = stand

    def _with_own(self, mailbox: str, own: OwnDecision, stand: Stand) -> Stand:
        ours = Stand(own.status, own.generation, own.limit)
        if own.generation < stand.generation:
            del self.own[mailbox]
            return stand
        if not own.enforced:
            return stand
        if own.generation == stand.generation and _strictness(stand) >= _strictness(ours):
            self.own[mailbox] = own._replace(recorded=True)
            return stand
        if own.recorded and own.status != "suspended":
            del self.own[mailbox]
            return stand
        return ours

    def mailboxes(self, statuses: frozenset[str]) -> frozenset[str]:
        """The mailboxes that are in one of these statuses; "active" is in no table and finds none."""
        return frozenset(mailbox for mailbox, stand in self._now.items() if stand.status in statuses)

    def counts(self) -> dict[str, int]:
        """How many mailboxes are in each status but active."""
        counts = dict.fromkeys(("restricted", "suspended", "probation"), 0)
        for stand in self._now.values():
            if stand.status in counts:
                counts[stand.status] += 1
        return counts
