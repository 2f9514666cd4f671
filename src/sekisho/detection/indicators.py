"""The indicators: what each finding weighs, and the sentence a person reads.

Every weight is a capped log-likelihood ratio in nats: ln(how often a hijacker shows this / how often the owner does).
Capped, because findings depend on each other and raw sums explode. Each function says its idea, who is hurt by a false
alarm, who by a miss, and its numbers, which are starting points tuned on a simulated hosting company, never on real
people's mail. To add one: a weight here, its sentence in evidence.py, a line in assessment.py, confusers in the tests.

D1, the place of a source, has its own module: places.py. Failed logins (D10) weigh nothing, ever: anybody can make
them to shoot a victim.
"""

from __future__ import annotations

from math import log

# D2: floor of the own maximum. Three new networks a day is a telephone, an office and a train.
NETWORKS_FLOOR = 3.0
NETWORKS_MOST = 4.0
# From this weight on, a familiar owner (autonomous system) alone makes no source familiar any more: a botnet in the
# home country uses the same big providers as everybody.
WANDERING = 1.0
# D3: "others" below three are a shared address with one forgetful colleague.
GUESSED_MAILBOXES = 3
GUESSER = 3.5
# D4: somebody with the keys of two customers. Below 2: two customers' travellers in one hotel abroad are asked, not
# restricted (4.5 + 1.9).
SHARED_STRANGER = 1.9
# D8: each complaint, together at most 4: below a restriction, because anybody can write one. A newsletter gets about
# one complaint in a thousand (large receivers ask for less than 0.1 to 0.3 %), so they are measured against the volume.
COMPLAINT, COMPLAINTS_MOST = 1.5, 4.0
MESSAGES_A_COMPLAINT = 500.0
# D5: one more door, tried by somebody unfamiliar.
PROTOCOL = 1.2
# D6: room for an ordinary busy hour (9) and day (25) of a mailbox without habits.
NEW_HOUR_FLOOR, NEW_DAY_FLOOR = 9.0, 25.0
# From an unfamiliar source: a traveller writes to a handful of strangers a day, a spammer to ten in his first minute.
STRANGE_HOUR_FLOOR, STRANGE_DAY_FLOOR = 4.0, 9.0
# From a familiar source, together with the cap of message bursts, just below an alert (3.4 + 2 - 1.5).
NEW_MOST_FAMILIAR, NEW_MOST_STRANGE = 3.4, 8.0
# A run of strangers from a familiar source (none or hardly any known recipient among them) restricts by itself: 8.5
# with the familiar network's -1.5 is a restriction (6.5) and never more. It begins where one hour brought five times
# the room of an ordinary busy one; twice that is certain.
RUN_MOST, RUN_SLOPE = 8.5, 4.0
# The same over a day, for a drip from behind the owner's own provider.
RUN_DAY_FLOOR, RUN_DAY_SLOPE = 40.0, 3.0
# Known recipients among an hour's: a bought list holds nobody the mailbox wrote to, but its owner goes on writing
# meanwhile (5 %); an owner's own list, an old address book included, holds a fifth and more.
RUN_KNOWN_LEAST, RUN_KNOWN_MOST = 0.05, 0.2
# A burst to known recipients from an unfamiliar source: eight recipients an hour are a busy traveller's.
STRANGE_BURST_FLOOR, STRANGE_BURST_MOST = 6.0, 4.0
# A burst of messages to recipients already known (contact worm): 30 an hour are a diligent person's.
MESSAGES_FLOOR = 30.0
MESSAGES_MOST = 2.0
# D7: a quarter of a spammer's recipients bounce, lists being old; own rate between 1.5 and 8 %, Beta(1, 32) prior. Not
# higher: a mailbox trained with a tenth more spam a day came to 15 % and was never caught (tests: the ramp).
SPAM_BOUNCES = 0.25
BOUNCES_LOW, BOUNCES_HIGH = 0.015, 0.08
REFUSED_AS_SPAM = 0.7
BOUNCES_LEAST, BOUNCES_MOST = -2.0, 9.0
# One or two bounces are typing mistakes, also in a hotel: with a new country they restrict, only a third one suspends.
FEW_BOUNCES, FEW_BOUNCES_MOST = 3, 2.4
# D9: a forward to outside, a rule that throws mail away; both are what a hijacker leaves behind to read on unseen.
FORWARD, DISCARD, RULES_MOST = 4.8, 3.0, 6.5


def many_networks(seen: float, own_most: float) -> float:
    """D2: never-seen networks within a day, against the mailbox' own busiest day.

    Idea: a botnet rents addresses in the home country, so each place looks harmless, but not dozens of them in a day.
    False alarm: people on trains and with VPNs; their own maximum grows and excuses them. Miss: a botnet that uses
    five addresses a day. 0 … 4.
    """
    if seen <= 4:
        return 0.0
    weight = 2 * log((seen + 1) / (1.3 * max(own_most, NETWORKS_FLOOR) + 1.5))
    return min(max(weight, 0.0), NETWORKS_MOST)


def password_guesser(others: int) -> float:
    """D3: the source failed at three or more *other* mailboxes within a day, and then got in here.

    Idea: who sprays passwords and hits is no owner. False alarm: a shared address (hotel, carrier) with a sprayer
    behind it; therefore never for a familiar network, and not enough to restrict alone. Miss: sprayers with one address
    per mailbox. 0 or 3.5.
    """
    return GUESSER if others >= GUESSED_MAILBOXES else 0.0


def shared_stranger(others: int) -> float:
    """D4: the source is unfamiliar to mailboxes of other customers at the same time, and got in everywhere.

    Idea: hijackers work through lists and use an address for several victims (EvilCohort). False alarm: a conference, a
    hotel, a newly opened carrier gateway; therefore weak and never alone. Miss: an address per victim. 0 or 1.9.
    """
    return SHARED_STRANGER if others else 0.0


def complaints(number: int, sent_in_day: float) -> float:
    """D8: reports of spam about this mailbox' messages within three days, against what it sends.

    Idea: readers press "this is spam". False alarm: newsletters, and forged reports, which cost the forger nothing;
    hence the cap. Miss: most receivers report to nobody. 0 … 4.
    """
    return min(COMPLAINT * number / max(1.0, sent_in_day / MESSAGES_A_COMPLAINT), COMPLAINTS_MOST)


def new_recipients(hour: float, day: float, most_hour: float, most_day: float, familiar: bool) -> float:
    """D6: recipients never written to before, in an hour and in a day, against the mailbox' own maxima.

    Idea: people write to those they know; spam goes to strangers, each once. False alarm: a first newsletter, a notice
    of moving; from a familiar source the weight stays below a restriction. Own maxima excuse a stranger's place only
    half: they were the owner's. Miss: a drip of a few a day, and a worm that writes to the address book. 0 … 5, from an
    unfamiliar source 0 … 8.
    """
    share = 1.5 if familiar else 0.75
    weight = 0.0
    if (room := share * most_hour + (NEW_HOUR_FLOOR if familiar else STRANGE_HOUR_FLOOR)) < hour + 1:
        weight = 2 * log((hour + 1) / room)
    if (room := share * most_day + (NEW_DAY_FLOOR if familiar else STRANGE_DAY_FLOOR)) < day + 1:
        weight += 2 * log((day + 1) / room)
    return min(weight, NEW_MOST_FAMILIAR if familiar else NEW_MOST_STRANGE)


def message_burst(hour: float, own_most: float) -> float:
    """D6, second half: messages in an hour, known recipients included, against the mailbox' own busiest hour.

    Idea: a worm writes to the address book, where nobody is new. False alarm: season's greetings; low cap. Miss: slow
    worms. 0 … 2.
    """
    room = 1.5 * own_most + MESSAGES_FLOOR
    return min(2 * log((hour + 1) / room), MESSAGES_MOST) if hour + 1 > room else 0.0


def run_of_strangers(
    hour: float, day: float, known_hour: float, known_day: float, most_hour: float, most_day: float
) -> float:
    """D6 for a familiar source: an hour of recipients of whom hardly anybody was ever written to.

    Idea: what separates spam by malware on the owner's computer from a newsletter or a notice is not the number but
    who gets it: among an owner's own recipients some are known. False alarm: the very first newsletter to a list the
    mailbox never used; it is limited and asked, never suspended, and a "this was me" makes the list known. Miss: spam
    to the address book. 0 … 8.5.
    """
    weight = 0.0
    if (room := 1.5 * most_hour + NEW_HOUR_FLOOR) < hour + 1:
        weight = _unknown(known_hour) * RUN_SLOPE * log((hour + 1) / room)
    if (room := 1.5 * most_day + RUN_DAY_FLOOR) < day + 1:
        weight += _unknown(known_day) * RUN_DAY_SLOPE * log((day + 1) / room)
    return min(weight, RUN_MOST)


def _unknown(known: float) -> float:
    """How far a share of known recipients is that of a bought list: 1 … 0."""
    return min(max((RUN_KNOWN_MOST - known) / (RUN_KNOWN_MOST - RUN_KNOWN_LEAST), 0.0), 1.0)


def strange_burst(hour: float, own_most: float) -> float:
    """D6, second half, from an unfamiliar source: recipients in an hour, known ones included.

    Idea: a worm, or a hijacker at the keyboard, writes to the address book, where nobody is new; few owners write to
    more than a handful from a place they never were at. False alarm: a traveller's round mail to his club; with a new
    country it is limited and asked. Miss: ten begging letters a day. 0 … 4.
    """
    room = 0.75 * own_most + STRANGE_BURST_FLOOR
    return min(2 * log((hour + 1) / room), STRANGE_BURST_MOST) if hour + 1 > room else 0.0


def own_bounce_rate(sent: float, bounced: float) -> float:
    """The share of bounces usual for a mailbox: Beta(1, 32) mean, within 1.5 … 8 %."""
    return min(max((1 + bounced) / (33 + sent + bounced), BOUNCES_LOW), BOUNCES_HIGH)


def bounces(sent: float, bounced: float, refused: float, usual: float, familiar: bool) -> float:
    """D7: delivery results of a day as a sequential test of 25 % bounces against the usual share.

    Idea: a spammer's list is stale, and other hosts recognise spam (5.7.1) before we do. False alarm: the first
    newsletter to an old customer list; it comes from a familiar source and ends in a question. A stranger's successful
    deliveries excuse nothing (lists can be clean), the owner's do. A familiar source is always tested against 8 %: an
    old customer list of 10 to 12 % then drifts down, a spammer's 20 % up. Miss: clean lists. -2 … 9.
    """
    if familiar:
        usual = BOUNCES_HIGH
    if not bounced:
        return 0.0 if not familiar or not sent else max(BOUNCES_LEAST, sent * _success(usual))
    weight = bounced * log(SPAM_BOUNCES / usual) + refused * REFUSED_AS_SPAM + sent * _success(usual)
    most = BOUNCES_MOST if bounced >= FEW_BOUNCES else FEW_BOUNCES_MOST
    return min(max(weight, BOUNCES_LEAST if familiar else 0.0), most)


def _success(usual: float) -> float:
    return log((1 - SPAM_BOUNCES) / (1 - usual))


def planted_rules(forward: float, discard: float) -> float:
    """D9: a Sieve redirect to outside, or a rule that throws mail away, set by an unfamiliar source.

    `forward` and `discard` are shares: 1 from an unfamiliar source, 0.5 from a new network of a familiar owner, 0 from
    a familiar network. Idea: the forward is how a hijacker reads on after he lost the password, the discard hides the
    answers. False alarm: a traveller sets a forward before his holidays; therefore a rule without sending never
    suspends, it restricts and asks. Miss: forwards in the mail program. 0 … 6.5.
    """
    return min(FORWARD * forward + DISCARD * discard, RULES_MOST)
