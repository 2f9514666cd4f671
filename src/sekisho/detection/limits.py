"""Every number of the judgement, with its unit and its reason. Nothing else in this room holds a bare constant."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Thresholds, caps and budgets; an operator may change them per host."""

    alert: float = 4.0
    restrict: float = 6.5
    suspend: float = 9.0


DEFAULT_LIMITS = Limits()
