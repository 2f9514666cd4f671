"""Every number of the judgement that stands for more than one module, with its unit and its reason.

Weights are log-likelihood ratios in nats (+ speaks for a hijacker). "Simulated" means tried on a simulated hosting
company, never on real people's data; a new host therefore observes before it enforces. Numbers that belong to one
indicator alone stand beside it in indicators.py and places.py.
"""

from __future__ import annotations

import msgspec

HOUR = 3600.0
DAY = 86_400.0


class Limits(msgspec.Struct, frozen=True):
    """Thresholds in nats and hard caps in counts; an operator may set them per host (HostTables.limits)."""

    # Ask the owner. 4 nats: 55 times likelier a hijacker than the owner, just below one login from a new country.
    alert: float = 4.0
    # Limit new recipients. Reached by a new country plus one more sign, never by a new country alone.
    restrict: float = 6.5
    # Suspend, if the source is unfamiliar and something was sent. Simulated: 1.7 false suspensions per 10,000
    # mailbox-months (95 % upper bound 6.1) with the rule that familiar sources are never suspended.
    suspend: float = 9.0

    # Hard caps: no habit and no familiar place excuses more. Lowest published hourly limit of a hosting company: 100
    # (o2switch, Lolipop's smallest plan, forwardy.jp); nobody in a place we never saw has a claim to more.
    strange_new_recipients_hour: int = 100
    # Three such hours: a drip that stays under the hourly cap all day is no honest day in a strange place.
    strange_new_recipients_day: int = 300
    # A message each 18 seconds for an hour; people with a mail program do not, and 500/h lets botnets through.
    strange_messages_hour: int = 200
    # From a familiar place a newsletter may go out: cPanel hosts sell 500 an hour, Google Workspace 2,000 a day.
    own_new_recipients_hour: int = 500
    own_new_recipients_day: int = 2000
    own_messages_hour: int = 1000
    # The same for a list the mailbox wrote to before (a fifth of it known), and on a host that only learns: four times
    # as much, Google Workspace's 2,000 messages, sent in an hour. Nothing excuses more.
    listed_factor: int = 4


DEFAULT_LIMITS = Limits()

# Close watch, for some months after a takeover. Whoever got in once knows that the address is worth it, and sold it
# perhaps: the mailbox is as likely to be hijacked again as one on probation. Its neighbours in the domain share its
# machines, its lists of customers and its habits, but no password: half of that.
CLOSE_WATCH = 1.0
CLOSE_WATCH_DOMAIN = 0.5


def sharpened(limits: Limits, nats: float) -> Limits:
    """The same limits with thresholds so many nats lower; caps stay, since they excuse nobody as it is."""
    return msgspec.structs.replace(
        limits, alert=limits.alert - nats, restrict=limits.restrict - nats, suspend=limits.suspend - nats
    )


# New recipients an hour for a mailbox that detection restricted: a person answering mail by hand stays
# below; a spam run becomes worthless.
RESTRICTED_RECIPIENTS_AN_HOUR = 10
# New recipients a day on probation: about the busiest ordinary day of an office mailbox, and a fifth of what blocklists
# need to notice a host (some 100 bad recipients a day).
PROBATION_RECIPIENTS_A_DAY = 20
# No budget keeps more entries than this, whatever an operator types: 1000 entries are about 100 KB.
MAX_BUDGET = 1000
# A mailbox hijacked lately is likelier to be hijacked again, and its owner was just told to look out: one nat less.
PROBATION_PRIOR = 1.0

# A network or its owner is familiar after use on three different days, none of which brought a restriction. A hijacker
# who only waits for tomorrow has not become the owner; a traveller is settled in after a long weekend.
FAMILIAR_DAYS = 3
# Only a source used on so many different days is never suspended automatically. A hijacker who waits three days to look
# settled still has eleven to go. A mailbox younger than four weeks has no such source: half of its days are enough.
TRUSTED_DAYS = 14
# A host seen on fewer days knows nobody's places yet: only the hard caps decide, the wider ones of familiar sources (in
# simulation every newsletter of a new host's third day was suspended otherwise). History that was fed counts as seen.
LEARNING_DAYS = 5
# History needed for full weight of "never seen here".
FULL_HISTORY_DAYS = 6
# A place first seen in the last twelve hours of a day (UTC) is not learnt that day: midnight must not make a habit of
# the intruder who came five minutes before.
SETTLED_SECONDS = 12 * HOUR
# History after which a protocol never used says something.
PROTOCOL_HISTORY_DAYS = 5
# Habits not seen for half a year are dropped: older history adds nothing (Wiefling et al., TOPS 2022).
FORGET_DAYS = 180
# A stay abroad, by the time between its first and last use: longer than an intruder works, shorter than any journey.
STAY_SECONDS = 8 * HOUR
# An alert nobody answered is open for a week, as long as a restriction (incidents.lifting): meanwhile what it was about
# does not become a habit, and it is not said again.
ALERT_DAYS = 7
# Daily decay of a mailbox' own maxima: half after ten days.
DECAY = 0.93
# A habit of volume grows by at most a quarter and five a day: whoever trains a mailbox towards spam needs a fortnight
# from 10 to 300 a day, in which results come back; an honest newsletter is new for some more days, which costs little.
GROWTH, GROWTH_STEP = 1.25, 5.0
# Evidence counts for a day after it was last seen, a planted rule for three (it works on while nobody looks).
EVIDENCE_SECONDS = DAY
RULE_SECONDS = 3 * DAY
# Complaints take days to arrive (feedback loops report when the reader looks at his mail).
COMPLAINT_SECONDS = 3 * DAY

# Bounds of a profile; together they keep it below 4 KB as bytes (a test fills every one of them).
MAX_NETWORKS = 24
MAX_ASNS = 16
MAX_COUNTRIES = 8
MAX_PROTOCOLS = 6
# Mail programs named to people, and how much of a name: "Thunderbird", "iPhone Mail".
MAX_CLIENTS = 4
MAX_CLIENT_CHARACTERS = 24
MAX_OPEN_SOURCES = 12
MAX_TODAY_SOURCES = 24
MAX_RECENT_RECIPIENTS = 320
MAX_FRESH_RECIPIENTS = 200
# A list's sample: of a list of 600, a run of its first 60 shows some ten of them.
MAX_LISTED = 80
# A day with so many recipients is a list's day.
LIST_DAY = 100
# A planted rule's target as shown to people; longer addresses are cut in the evidence only.
MAX_TARGET_CHARACTERS = 80
