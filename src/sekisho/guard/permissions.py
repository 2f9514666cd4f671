"""What people have permitted or forbidden a mailbox for a time: mailings, journeys, countries. From the state file.

Most mailboxes are in none of these tables: each question is one look into an empty or small dictionary.
"""

from __future__ import annotations

from sekisho.detection import Event, MailboxProfile, Place, Recipient, Submission
from sekisho.guard.standing import Stand
from sekisho.journal import StateFile

NO_COUNTRIES: frozenset[str] = frozenset()
# Recipients remembered for a mailbox whose new ones wait: a person's outbox holds a few; a mailing's rest may pass.
MOST_WAITING = 1000


class Permissions:
    """Passes, pins and allowances, and how much of each allowance is used."""

    def __init__(self) -> None:
        self._state = StateFile(written_at=0.0)
        self._renewals: frozenset[str] = frozenset()
        # mailbox -> new recipients that wait for its password. A restart of the guard forgets them.
        self._waiting: dict[str, set[str]] = {}
        # mailbox -> (until, recipients, generation) of each mailing that is allowed.
        self._allowed: dict[str, tuple[float, int, int]] = {}
        # mailbox -> (generation, new recipients so far). A restart of the guard forgets it: an allowance may then be
        # used anew until its time is over.
        self._used: dict[str, tuple[int, int]] = {}

    def take_state(self, state: StateFile) -> None:
        self._state = state
        self._renewals = frozenset(state.renewals)
        self._waiting = {mailbox: found for mailbox, found in self._waiting.items() if mailbox in self._renewals}
        self._allowed = {
            mailbox: (stated.allowed_until, stated.allowed_recipients, stated.generation)
            for mailbox, stated in state.mailboxes.items()
            if stated.allowed_until
        }
        self._used = {mailbox: used for mailbox, used in self._used.items() if mailbox in self._allowed}

    def open_countries(self, mailbox: str, now: float) -> frozenset[str]:
        """Countries that count as known to the mailbox now, because its owner has said that he goes there."""
        passes = self._state.travel.get(mailbox)
        if not passes:
            return NO_COUNTRIES
        return frozenset(one.country for one in passes if one.since <= now < one.until)

    def admits(self, mailbox: str, place: Place, now: float) -> bool:
        """Whether a mailbox may be used from there. What has no country (own networks, no data) is not judged."""
        pinned = self._state.countries.get(mailbox)
        if pinned is None or not place.country or place.country in pinned:
            return True
        return place.country in self.open_countries(mailbox, now)

    def waits(self, mailbox: str, recipient: str, profile: MailboxProfile) -> bool:
        """Whether this recipient waits, because the mailbox's password should have been renewed by now.

        Only new ones do; one that was asked for and refused stays new, though the profile has learnt it by tomorrow.
        """
        if mailbox not in self._renewals:
            return False
        waiting = self._waiting.setdefault(mailbox, set())
        if recipient not in waiting and profile.knows(recipient):
            return False
        if len(waiting) < MOST_WAITING:
            waiting.add(recipient)
        return True

    def is_overdue(self, mailbox: str) -> bool:
        """Whether the mailbox is one of those of which some recipients wait."""
        return mailbox in self._renewals

    def is_mailing(self, mailbox: str, stand: Stand, now: float) -> bool:
        """Whether new recipients pass uncounted now. A restriction or suspension ends what was allowed before it."""
        allowed = self._allowed.get(mailbox)
        if allowed is None:
            return False
        until, recipients, generation = allowed
        if now >= until or generation != stand.generation or stand.status not in ("active", "probation"):
            return False
        return self._used_in(mailbox, generation) < recipients

    def excuses(self, event: Event, profile: MailboxProfile, stand: Stand, now: float) -> bool:
        """Whether this event's volume counts nothing; a new recipient takes one of those that are allowed."""
        if not self._allowed or not isinstance(event, Recipient | Submission):
            return False
        if not self.is_mailing(event.mailbox, stand, now):
            return False
        if isinstance(event, Recipient) and not profile.knows(event.recipient):
            self._used[event.mailbox] = (stand.generation, self._used_in(event.mailbox, stand.generation) + 1)
        return True

    def _used_in(self, mailbox: str, generation: int) -> int:
        known = self._used.get(mailbox)
        return known[1] if known is not None and known[0] == generation else 0
