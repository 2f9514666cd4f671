"""The budgets of mailboxes that have one (restricted, on probation), and what is told of their use."""

from __future__ import annotations

from collections.abc import Callable

from sekisho.detection import Budget
from sekisho.guard.standing import Stand
from sekisho.journal import Event, NewRecipientAsked

# A client that is told to wait may ask again each second for hours; people read one line a minute of it.
REFUSALS_EVERY_SECONDS = 60.0


class Budgets:
    """Asked at each recipient of such a mailbox; a new recipient that passes is told, refusals once a minute."""

    def __init__(self, spool: Callable[[Event], None]) -> None:
        self._spool = spool
        self._kept: dict[str, tuple[Stand, Budget]] = {}
        self._refused_at: dict[str, float] = {}

    def forget(self, mailbox: str) -> None:
        """Begins the mailbox's budget anew: another generation."""
        self._kept.pop(mailbox, None)
        self._refused_at.pop(mailbox, None)

    def _of(self, mailbox: str, stand: Stand) -> Budget | None:
        kept = self._kept.get(mailbox)
        if kept is not None and kept[0] == stand:
            return kept[1]
        if stand.status == "probation":
            budget = Budget.probation(stand.limit)
        elif stand.limit is not None:
            budget = Budget.restricted(stand.limit)
        else:
            return None
        self._kept[mailbox] = (stand, budget)
        return budget

    def allows(self, mailbox: str, stand: Stand, recipient: str, known: bool, instance: str, now: float) -> bool:
        """Whether the recipient passes; a status without a limit lets everybody pass."""
        budget = self._of(mailbox, stand)
        if budget is None:
            return True
        left = budget.remaining(now)
        passes = budget.allows(recipient, known, instance, now)
        if passes and budget.remaining(now) != left:
            self._spool(NewRecipientAsked(now, mailbox, stand.generation, True))
        elif not passes and now - self._refused_at.get(mailbox, 0.0) >= REFUSALS_EVERY_SECONDS:
            self._refused_at[mailbox] = now
            self._spool(NewRecipientAsked(now, mailbox, stand.generation, False))
        return passes
