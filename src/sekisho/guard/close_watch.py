"""Close watch: for some months after a takeover the thresholds are lower, for the mailbox and, less so, its domain.

Who is on it says the state file. Most hosts have nobody there: each question is then one look into an empty dictionary.
"""

from __future__ import annotations

from sekisho.detection import Limits
from sekisho.detection.limits import CLOSE_WATCH, CLOSE_WATCH_DOMAIN, sharpened
from sekisho.journal import StateFile


class CloseWatch:
    """Answers which limits a mailbox is judged by."""

    def __init__(self) -> None:
        self._state = StateFile(written_at=0.0)
        # The host's limits and the two made of them: they change with the operator's settings only.
        self._made: tuple[Limits, Limits, Limits] | None = None

    def take_state(self, state: StateFile) -> None:
        """Takes who is on close watch, and until when."""
        self._state = state

    def limits(self, mailbox: str, usual: Limits, now: float) -> Limits:
        """The limits of this mailbox now; `usual` itself for one that is on no watch, or on probation.

        Probation has a prior of its own (detection.breaker, rule 7), and the two would count one fact twice.
        """
        domains = self._state.close_watch_domains
        if not domains:
            return usual
        until = domains.get(mailbox.rpartition("@")[2])
        if until is None or now >= until:
            return usual
        stated = self._state.mailboxes.get(mailbox)
        if stated is not None and stated.status == "probation":
            return usual
        if self._made is None or self._made[0] is not usual:
            self._made = (usual, sharpened(usual, CLOSE_WATCH), sharpened(usual, CLOSE_WATCH_DOMAIN))
        own = self._state.close_watch.get(mailbox, 0.0)
        return self._made[1] if now < own else self._made[2]
