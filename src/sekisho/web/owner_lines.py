"""What a page says about one of an owner's apps or passkeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sekisho.recovery import contacts, owner_factors
from sekisho.recovery.models import OwnerFactor


@dataclass(frozen=True)
class FactorLine:
    """A factor: whether it `opens` the owner's pages now, `proves` enough for a new password, and when it will."""

    factor: OwnerFactor
    opens: bool
    proves: bool
    # None: it does already, or not during this incident.
    proves_from: datetime | None


def factor_line(factor: OwnerFactor, first: datetime | None, now: datetime) -> FactorLine:
    """`first`: when the open incident began (contacts.first_sign)."""
    proves = contacts.is_proof(factor.enrolled_at, first, now)
    later = None if proves or first is not None else contacts.counts_from(factor.enrolled_at)
    return FactorLine(factor, owner_factors.opens(factor, first, now), proves, later)
