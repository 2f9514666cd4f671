"""What the checkpoint remembers about messages on their way: recipients already judged, and who sent which queue id.

All of it is bounded and may be lost: forgetting costs a recipient counted twice, or a queue id that the agent then
finds with postcat.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sekisho.guard.recent import Recent

# Requests that are remembered for a repeat: Postfix asks again within seconds, when a connection broke.
REMEMBERED_RECIPIENTS = 20_000
# A blast sends some thousand messages before it is stopped at worst; the record carries the newest thousand.
IDS_PER_MAILBOX = 1000
MAILBOXES = 20_000
# Queue ids whose owner is remembered; each retry of a delivery asks for it again, the agent has postcat for gaps.
REMEMBERED_IDS = 50_000
# Older messages have left the queue, or are nobody's evidence any more (the window of detection is a day).
IDS_SECONDS = 86_400.0


class JudgedRecipients:
    """Which (message, recipient) has been counted: Postfix may ask about the same one again."""

    def __init__(self, remembered: int = REMEMBERED_RECIPIENTS) -> None:
        self._size = remembered
        # Two halves that take turns: constant time, no clock, at most 2 x `remembered` entries.
        self._recent: set[tuple[str, str]] = set()
        self._older: set[tuple[str, str]] = set()

    def is_new(self, instance: str, recipient: str) -> bool:
        """True the first time; a request without an instance is always new."""
        if not instance:
            return True
        key = (instance, recipient)
        recent = self._recent
        if key in recent or key in self._older:
            return False
        if len(recent) >= self._size:
            self._older, self._recent = recent, set()
        self._recent.add(key)
        return True


class AskedRecipients:
    """The recipients that were let through of each message that is being handed in, by Postfix' `instance`."""

    def __init__(self, remembered: int = REMEMBERED_RECIPIENTS) -> None:
        self._size = remembered
        # As above: two halves that take turns, at most 2 x `remembered` recipients.
        self._recent: dict[str, dict[str, None]] = {}
        self._older: dict[str, dict[str, None]] = {}
        self._held = 0

    def note(self, instance: str, recipient: str) -> None:
        """A recipient was let through; the same one again is no other."""
        if not instance:
            return
        asked = self._recent.get(instance)
        if asked is None:
            asked = self._older.pop(instance, {})
            self._held += len(asked)
            self._recent[instance] = asked
        if recipient in asked:
            return
        asked[recipient] = None
        self._held += 1
        if self._held >= self._size:
            self._older, self._recent, self._held = self._recent, {}, 0

    def take(self, instance: str) -> tuple[str, ...]:
        """The recipients of a message whose end has come, in their order; they are forgotten."""
        asked = self._recent.pop(instance, None)
        if asked is not None:
            self._held -= len(asked)
            return tuple(asked)
        return tuple(self._older.pop(instance, ()))


class Pair(NamedTuple):
    """Who submitted a queue id, when, in which generation, from where; `live`: we saw its END-OF-MESSAGE ourselves."""

    mailbox: str
    at: float
    generation: int
    ip: str
    live: bool


class AcceptedMessages:
    """Queue ids: whose each is, and the latest of each mailbox."""

    def __init__(self) -> None:
        self._pairs: Recent[Pair] = Recent(REMEMBERED_IDS)
        self._by_mailbox: dict[str, deque[tuple[float, str]]] = {}

    def owner(self, queue_id: str) -> Pair | None:
        """Whose message this is, if it is remembered."""
        return self._pairs.get(queue_id)

    def pair(self, queue_id: str, pair: Pair) -> None:
        """Notes whose a queue id is, from the log or for a message that got a new id."""
        self._pairs.put(queue_id, pair)

    def add(self, queue_id: str, pair: Pair) -> None:
        """A whole message was accepted under this id."""
        self._pairs.put(queue_id, pair)
        messages = self._by_mailbox.get(pair.mailbox)
        if messages is None:
            if len(self._by_mailbox) >= MAILBOXES:
                self._forget_old(pair.at)
            messages = self._by_mailbox[pair.mailbox] = deque(maxlen=IDS_PER_MAILBOX)
        messages.append((pair.at, queue_id))

    def since(self, mailbox: str, moment: float) -> tuple[str, ...]:
        """The queue ids accepted from a mailbox since a moment, newest last."""
        return tuple(queue_id for t, queue_id in self._by_mailbox.get(mailbox, ()) if t >= moment)

    def _forget_old(self, now: float) -> None:
        """Drops mailboxes silent for a day; if that is not enough, the half that was silent longest."""
        by_last = sorted(self._by_mailbox.items(), key=lambda item: item[1][-1][0])
        kept = [item for item in by_last if item[1][-1][0] > now - IDS_SECONDS]
        self._by_mailbox = dict(kept[-(MAILBOXES // 2) :])
