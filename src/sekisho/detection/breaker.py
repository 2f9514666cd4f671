"""The breaker: the only place that names the statuses and says which may follow which."""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.detection.assessment import Assessment, Indicator
from sekisho.detection.fuse import Fuse

Status = Literal["active", "restricted", "suspended", "probation"]
Cause = Literal["detection", "operator", "recovery", "dismissal", "answer", "expiry", "clean_days"]
Action = Literal["alert", "restrict", "suspend"]
Mode = Literal["observe", "enforce"]

TRANSITIONS: dict[Cause, dict[Status, frozenset[Status]]] = {}


class TransitionRefused(ValueError):
    """The table has no such transition."""


class Decision(msgspec.Struct, frozen=True):
    """What is to be recorded and done. `before == after` for an alert."""

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
    raise NotImplementedError


def decide(
    status: Status,
    assessment: Assessment,
    cause: Cause,
    mode: Mode,
    fuse: Fuse,
    *,
    protected: bool = False,
    limit: int | None = None,
) -> Decision | None:
    """The decision on a mailbox now in `status` (with `limit`, if restricted), or None when nothing changes."""
    raise NotImplementedError
