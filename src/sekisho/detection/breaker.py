"""The breaker: the only place that names the statuses and says which may follow which.

Rules first:

1. `active` and `probation` are the two ways of being well; `restricted` limits sending; `suspended` stops everything.
2. Detection only tightens: to `restricted` or `suspended`, never back. An operator may tighten as detection does, and
   also needs an event of the real mailbox no less: he is one.
3. Out of `suspended` lead exactly two ways: **recovery** (an allowed person set a new password), to `probation`; and
   **dismissal** ("this was not a takeover"), to what was before, `active` or `probation`.
4. Out of `restricted` lead further: an **answer** to the question, or its time running out (**expiry**), both to what
   was before. A new password set while restricted counts as recovery: the doubt was about the old one.
5. `probation` ends by **clean days**.
6. Detection suspends only on an authenticated event, from an unfamiliar source, with evidence of sending, a mailbox
   that is not protected, and while the fuse is whole; otherwise the same score restricts. A protected mailbox, or a
   blown fuse, gets limit 0 and its mail held: the trip is as serious, only the doors stay open.
7. A **relapse** suspends at once: on probation the score that would restrict is enough, under all conditions of rule 6.
   The mailbox was hijacked days ago, and its owner was told; a second doubt is answered by a person one level up.
8. A **burned password** in use again suspends at once, from whatever source and before anything is sent: rule 6 keeps
   only its protected mailboxes and its fuse.

Then the table, then the code.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from sekisho.detection.assessment import Assessment, Indicator
from sekisho.detection.fuse import Fuse
from sekisho.detection.limits import DEFAULT_LIMITS, PROBATION_PRIOR, RESTRICTED_RECIPIENTS_AN_HOUR, Limits

Status = Literal["active", "restricted", "suspended", "probation"]
Cause = Literal["detection", "operator", "recovery", "dismissal", "answer", "expiry", "clean_days"]
Action = Literal["alert", "restrict", "suspend"]
Mode = Literal["observe", "enforce"]

ACTIVE: Final = "active"
RESTRICTED: Final = "restricted"
SUSPENDED: Final = "suspended"
PROBATION: Final = "probation"

_WELL: frozenset[Status] = frozenset({ACTIVE, PROBATION})
_TIGHTER: dict[Status, frozenset[Status]] = {
    ACTIVE: frozenset({RESTRICTED, SUSPENDED}),
    PROBATION: frozenset({RESTRICTED, SUSPENDED}),
    # To itself: with another limit.
    RESTRICTED: frozenset({RESTRICTED, SUSPENDED}),
}
_TO_PROBATION: frozenset[Status] = frozenset({PROBATION})

# cause -> status before -> statuses that may follow.
TRANSITIONS: dict[Cause, dict[Status, frozenset[Status]]] = {
    "detection": _TIGHTER,
    "operator": _TIGHTER,
    "recovery": {SUSPENDED: _TO_PROBATION, RESTRICTED: _TO_PROBATION},
    "dismissal": {SUSPENDED: _WELL, RESTRICTED: _WELL},
    "answer": {RESTRICTED: _WELL},
    "expiry": {RESTRICTED: _WELL},
    "clean_days": {PROBATION: frozenset({ACTIVE})},
}

# These begin a new generation of evidence: a person has judged what lay there, or nobody did in time.
NEW_GENERATION: frozenset[Cause] = frozenset({"recovery", "dismissal", "answer", "expiry"})


class TransitionRefused(ValueError):
    """The table has no such transition."""


class Decision(msgspec.Struct, frozen=True):
    """What is to be recorded and done. `before == after` for an alert and for a tighter limit."""

    action: Action
    before: Status
    after: Status
    cause: Cause
    # New recipients an hour while restricted, 0 stops sending; None otherwise.
    limit: int | None
    enforced: bool
    score: float
    indicators: tuple[Indicator, ...]
    first_risk_at: float
    # A trip that became a restriction: the messages since first_risk_at are to be held and the operator called.
    hold: bool = False


def change_status(before: Status, cause: Cause, wanted: Status) -> Status:
    """`wanted`, if the table allows it; raises TransitionRefused."""
    if wanted not in TRANSITIONS[cause].get(before, ()):
        raise TransitionRefused(f"{before} does not become {wanted} by {cause}")
    return wanted


def next_generation(generation: int, cause: Cause) -> int:
    """The generation after a transition of this cause; never a lower one."""
    return generation + 1 if cause in NEW_GENERATION else generation


def may_log_in(status: Status) -> bool:
    """Whether IMAP, POP3, ManageSieve and SMTP AUTH are open."""
    return status != SUSPENDED


def may_send(status: Status, limit: int | None) -> bool:
    """Whether anything may be sent at all (a budget may still defer new recipients)."""
    return status != SUSPENDED and not (status == RESTRICTED and limit == 0)


def decide(
    status: Status,
    assessment: Assessment,
    cause: Cause,
    mode: Mode,
    fuse: Fuse,
    *,
    protected: bool = False,
    limit: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Decision | None:
    """The decision on a mailbox now in `status` (with `limit`, if restricted), or None when nothing changes.

    `cause` is "detection" (an operator's acts need no assessment: change_status). In mode "observe" the decision says
    what would have been done, once per generation. The fuse is only read: `fuse.record` is the caller's, after the
    journal has the decision. `protected`: postmaster, abuse and admins' contacts.
    """
    if status == SUSPENDED or not assessment.authenticated:
        return None
    action = _action(assessment, limits, on_probation=status == PROBATION)
    if action is None:
        return None
    hold = action == "suspend" and (protected or fuse.is_blown(assessment.mailbox.rpartition("@")[2], assessment.t))
    if hold:
        action = "restrict"
    if _is_said(action, assessment.announced, mode):
        return None
    after, wanted_limit = _outcome(status, action, hold)
    if action == "restrict" and status == RESTRICTED and not (hold and limit != 0):
        return None
    if after != status:
        change_status(status, cause, after)
    return Decision(
        action,
        status,
        after,
        cause,
        wanted_limit,
        mode == "enforce",
        assessment.score,
        assessment.indicators,
        assessment.first_risk_at,
        hold,
    )


def _action(assessment: Assessment, limits: Limits, *, on_probation: bool) -> Action | None:
    if assessment.burned:
        return "suspend"
    score = assessment.score + (PROBATION_PRIOR if on_probation else 0.0)
    suspends = limits.restrict if on_probation else limits.suspend
    if score >= suspends and not assessment.source_familiar and assessment.has_sending_evidence:
        return "suspend"
    if score >= limits.restrict:
        return "restrict"
    # The prior makes a restriction likelier, not a question out of nothing.
    return "alert" if assessment.score >= limits.alert else None


_RANK = {"": 0, "alert": 1, "restrict": 2, "suspend": 3}


def _is_said(action: Action, announced: str, mode: Mode) -> bool:
    """Whether repeating this decision tells nobody anything: alerts, and everything while only observing."""
    return (action == "alert" or mode == "observe") and _RANK[announced] >= _RANK[action]


def _outcome(status: Status, action: Action, hold: bool) -> tuple[Status, int | None]:
    if action == "suspend":
        return SUSPENDED, None
    if action == "restrict":
        return RESTRICTED, 0 if hold else RESTRICTED_RECIPIENTS_AN_HOUR
    return status, None
