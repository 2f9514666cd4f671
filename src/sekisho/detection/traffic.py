"""How much a mailbox sent lately, in a handful of counters.

A sliding hour (or day) is estimated as the running clock hour plus the part of the hour before that still lies inside
the window, as rate limiters do: exact at the start of a burst, never more than one hour's shape wrong, and no list of
times to keep.
"""

from __future__ import annotations

import msgspec

from sekisho.detection.limits import DAY, HOUR
from sekisho.detection.recipients import ListSample

# Fewer recipients in a sample's range say nothing about the list.
COVERED_LEAST = 4
# New recipients and messages of a quiet hour; below the room that every mailbox has (indicators.NEW_HOUR_FLOOR).
BUSY = 4


class Traffic(msgspec.Struct, array_like=True):
    """Counters of the running and the previous clock hour and (UTC) day; `now` never goes backwards."""

    hour: int = 0
    day: int = 0
    # Messages handed in, and recipients never written to before.
    messages_hour: int = 0
    messages_hour_before: int = 0
    new_hour: int = 0
    new_hour_before: int = 0
    new_day: int = 0
    new_day_before: int = 0
    # Delivery results of those messages: accepted, bounced, and how many of the bounces called them spam (5.7.1).
    sent: int = 0
    sent_before: int = 0
    bounced: int = 0
    bounced_before: int = 0
    refused: int = 0
    refused_before: int = 0
    # Busiest hour of the running day, for the habits.
    most_new: int = 0
    most_messages: int = 0
    # When the traffic that still counts began; 0.0: there is none.
    first_at: float = 0.0
    # Recipients asked for, known ones included; colleagues are not.
    recipients_hour: int = 0
    recipients_hour_before: int = 0
    recipients_day: int = 0
    # Of today's and yesterday's: those the last list's sample covers, and those it holds.
    covered: int = 0
    covered_before: int = 0
    listed: int = 0
    listed_before: int = 0
    # Today's and yesterday's recipients from a source that is familiar, but not trusted.
    untrusted: int = 0
    untrusted_before: int = 0

    def turn(self, now: float) -> None:
        """Moves the windows on; call it before counting or reading."""
        hour = int(now // HOUR)
        if hour <= self.hour:
            return
        follows = hour == self.hour + 1
        self.messages_hour_before = self.messages_hour if follows else 0
        self.new_hour_before = self.new_hour if follows else 0
        self.recipients_hour_before = self.recipients_hour if follows else 0
        self.messages_hour = self.new_hour = self.recipients_hour = 0
        self.hour = hour
        if (day := int(now // DAY)) > self.day:
            self._turn_day(day)

    def _turn_day(self, day: int) -> None:
        follows = day == self.day + 1
        self.new_day_before = self.new_day if follows else 0
        self.sent_before = self.sent if follows else 0
        self.bounced_before = self.bounced if follows else 0
        self.refused_before = self.refused if follows else 0
        self.covered_before = self.covered if follows else 0
        self.listed_before = self.listed if follows else 0
        self.untrusted_before = self.untrusted if follows else 0
        self.recipients_day = self.covered = self.listed = self.untrusted = 0
        self.new_day = self.sent = self.bounced = self.refused = 0
        self.most_new = self.most_messages = 0
        self.day = day
        if not (self.new_day_before or self.sent_before or self.bounced_before):
            self.first_at = 0.0

    def count_asked(self, mark: int, last_list: ListSample) -> None:
        """Counts a recipient, new or known, and whether the last list held it."""
        self.recipients_hour += 1
        self.recipients_day += 1
        if last_list.covers(mark):
            self.covered += 1
            self.listed += mark in last_list

    def count_new_recipient(self, now: float) -> None:
        self.new_hour += 1
        self.new_day += 1
        if self.new_hour > self.most_new:
            self.most_new = self.new_hour
        if not self.first_at:
            self.first_at = now

    def count_message(self, now: float) -> None:
        self.messages_hour += 1
        if self.messages_hour > self.most_messages:
            self.most_messages = self.messages_hour
        if not self.first_at:
            self.first_at = now

    def new_in_hour(self, now: float) -> float:
        """Recipients never written to before, in the last 60 minutes."""
        if not self.new_hour_before:
            return self.new_hour
        return self.new_hour + self.new_hour_before * (1.0 - now % HOUR / HOUR)

    def new_in_day(self, now: float) -> float:
        """Recipients never written to before, in the last 24 hours."""
        if not self.new_day_before:
            return self.new_day
        return self.new_day + self.new_day_before * (1.0 - now % DAY / DAY)

    def messages_in_hour(self, now: float) -> float:
        """Messages in the last 60 minutes."""
        if not self.messages_hour_before:
            return self.messages_hour
        return self.messages_hour + self.messages_hour_before * (1.0 - now % HOUR / HOUR)

    def recipients_in_hour(self, now: float) -> float:
        """Recipients in the last 60 minutes, known ones included."""
        if not self.recipients_hour_before:
            return self.recipients_hour
        return self.recipients_hour + self.recipients_hour_before * (1.0 - now % HOUR / HOUR)

    def is_busy(self) -> bool:
        """Whether more was sent in this hour and the one before than in a quiet one: a list may be under way."""
        return self.new_hour + self.new_hour_before + self.messages_hour + self.messages_hour_before >= BUSY

    def known_shares(self, now: float) -> tuple[float, float]:
        """Which share of the last hour's, and of the running day's, recipients the mailbox wrote to before, one by one
        or in its last list; 0 of none."""
        asked = self.recipients_in_hour(now)
        hour = 1.0 - self.new_in_hour(now) / asked if asked else 0.0
        day = 1.0 - self.new_day / self.recipients_day if self.recipients_day else 0.0
        covered = self.covered + self.covered_before
        listed = (self.listed + self.listed_before) / covered if covered >= COVERED_LEAST else 0.0
        return max(hour, listed), max(day, listed)

    def results(self, now: float) -> tuple[float, float, float]:
        """Accepted, bounced, refused as spam: delivery results of the last 24 hours."""
        left = 1.0 - now % DAY / DAY
        return (
            self.sent + self.sent_before * left,
            self.bounced + self.bounced_before * left,
            self.refused + self.refused_before * left,
        )
