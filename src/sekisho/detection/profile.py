"""What one mailbox usually does, and what is open against it now. Bounded: at most 4 KB as bytes.

Two parts with two lives. `Habits` are learnt at the end of each day and kept for months; a day that brought a
restriction teaches nothing, so nobody can train a mailbox by misusing it. `Evidence` is what counts against the mailbox
now; it ages within a day or three, and a new generation (reinstated, dismissed, answered) begins with none.
"""

from __future__ import annotations

from collections.abc import Callable

from sekisho.detection.clouds import MAIL_APP_CLOUDS
from sekisho.detection.events import Place
from sekisho.detection.habits import (
    VERSION,
    Evidence,
    Habits,
    ProfileError,
    Stored,
    decode,
    drop_old,
    drop_unsettled,
    encode,
    grown,
    keep_best,
    note_day,
)
from sekisho.detection.host import DomainHabits, HostTables
from sekisho.detection.indicators import WANDERING, many_networks
from sekisho.detection.limits import (
    DAY,
    DECAY,
    EVIDENCE_SECONDS,
    FAMILIAR_DAYS,
    HOUR,
    MAX_ASNS,
    MAX_COUNTRIES,
    MAX_NETWORKS,
    MAX_OPEN_SOURCES,
    MAX_PROTOCOLS,
    MAX_TODAY_SOURCES,
    PROTOCOL_HISTORY_DAYS,
    SETTLED_SECONDS,
)
from sekisho.detection.places import OpenSource, Source, days_seen, weigh_open, weigh_source
from sekisho.detection.recipients import FreshRecipients, fingerprint, holds

__all__ = ["MailboxProfile", "ProfileError"]

# Own bounces are remembered for about a month (0.97 a day): lists get cleaned, and dirty again.
RESULTS_DECAY = 0.97
ACTIONS = ("", "alert", "restrict", "suspend")


class MailboxProfile:
    """Habits and open evidence of one mailbox.

    Only `observe` changes it, and `assess` raises the day's peak. The slots after `evidence` are worked out from the
    others and not stored.
    """

    __slots__ = (
        "_day_ends",
        "_open_changes_at",
        "_open_weight",
        "_source",
        "evidence",
        "generation",
        "habits",
        "started_at",
        "wandering",
    )

    def __init__(self, generation: int = 0) -> None:
        self.generation = generation
        # When this generation began; mail submitted earlier never counts.
        self.started_at = 0.0
        self.habits = Habits()
        self.evidence = Evidence()
        self._reset()

    def _reset(self) -> None:
        self._day_ends = (self.evidence.day + 1) * DAY if self.evidence.day else 0.0
        self._source: Source | None = None
        self._open_weight = 0.0
        self._open_changes_at = 0.0
        # Many new networks today: then a familiar owner alone makes no source familiar (D2).
        self.wandering = many_networks(self.evidence.networks, self.habits.most_networks) >= WANDERING

    # -- storage --------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The profile as msgpack, at most 4 KB; cold profiles may be kept in this form."""
        return encode(Stored(VERSION, self.generation, self.started_at, self.habits, self.evidence))

    @classmethod
    def from_bytes(cls, data: bytes) -> MailboxProfile:
        """The profile from its bytes; raises ProfileError."""
        stored = decode(data)
        profile = cls(stored.generation)
        profile.started_at = stored.started_at
        profile.habits = stored.habits
        profile.evidence = stored.evidence
        profile._reset()
        return profile

    # -- generations ----------------------------------------------------------------------------------------------

    def start_generation(self, generation: int, now: float, *, confirmed: bool = False) -> None:
        """Drops the open evidence and what had not become a habit yet; keeps habits. Never lowers the generation.

        `confirmed`: a person said that the open events were the owner's; then their places, recipients and volume
        become habits at once.
        """
        if generation <= self.generation:
            return
        self.generation = generation
        self.started_at = now
        if confirmed:
            self._learn_volume(max)
            for key, (asn, country) in self.evidence.today.items():
                for _ in range(FAMILIAR_DAYS):
                    self._learn_place(key, asn, country, self.evidence.day)
        else:
            for rows in (self.habits.networks, self.habits.asns, self.habits.countries):
                drop_unsettled(rows)
        self.evidence = Evidence(day=int(now // DAY))
        self._reset()

    # -- reading --------------------------------------------------------------------------------------------------

    def knows(self, recipient: str) -> bool:
        """Whether this mailbox wrote to the recipient before today (at most 1 in 75 strangers is taken for known)."""
        return fingerprint(recipient) in self.habits.recipients

    def is_familiar(self, source: Source) -> bool:
        """Whether a source belongs to the owner's habits; such a source never suspends."""
        return source.by_network or (source.by_owner and not self.wandering)

    def judge(self, place: Place, domain: DomainHabits) -> Source:
        """What a place means today; the last one is remembered, because Postfix asks per recipient."""
        source = self._source
        if source is not None and (source.place is place or source.place == place):
            return source
        habits = self.habits
        self._source = source = weigh_source(place, habits.days, habits.networks, habits.asns, habits.countries, domain)
        return source

    def is_routine(self, place: Place, recipient: str, now: float, alert: float) -> bool:
        """Whether asking for one more recipient would teach nothing and could not be judged otherwise than before.

        By far the commonest request: from the familiar network seen last, to somebody the mailbox always writes to,
        with nothing open against it and the day's score below `alert`. Whatever still weighs can only have grown older
        since the last event was judged. The hour must be the same (windows move on at its end), and no bounce may be
        counted (the deliveries that excuse it grow older, too).
        """
        source, evidence = self._source, self.evidence
        if source is None or source.place is not place or not source.by_network or now >= self._day_ends:
            return False
        own = evidence.own
        return (
            own.hour == int(now // HOUR)
            and not (evidence.open or evidence.strange_sender or own.bounced or own.bounced_before)
            and evidence.authenticated
            and evidence.sender_weight == source.weight
            and source.key in evidence.today
            and "smtp" in evidence.protocols
            and evidence.peak < alert
            and holds(self.habits.recipients.recent, fingerprint(recipient))
        )

    def open_weight(self, now: float) -> float:
        """The weight of all open unfamiliar sources; those not seen for a day are closed."""
        if now >= self._open_changes_at:
            sources = self.evidence.open
            for key in [k for k, source in sources.items() if source.last_at <= now - EVIDENCE_SECONDS]:
                del sources[key]
            self._open_weight = weigh_open(sources.values())
            oldest = min((source.last_at for source in sources.values()), default=now)
            self._open_changes_at = oldest + EVIDENCE_SECONDS
        return self._open_weight

    def new_networks(self, now: float) -> float:
        """Networks never seen before, within 24 hours."""
        evidence = self.evidence
        if not evidence.networks_before:
            return evidence.networks
        return evidence.networks + evidence.networks_before * (1.0 - now % DAY / DAY)

    def home_countries(self) -> list[str]:
        """The countries this mailbox is at home in."""
        return sorted(c for c, row in self.habits.countries.items() if days_seen(row) >= FAMILIAR_DAYS)

    def announced(self) -> str:
        """The highest action recorded in this generation, "" for none."""
        return ACTIONS[self.evidence.announced]

    def announce(self, action: str) -> None:
        """Remembers that a decision of this generation was recorded, so that it is not repeated."""
        self.evidence.announced = max(self.evidence.announced, ACTIONS.index(action))

    # -- learning -------------------------------------------------------------------------------------------------

    def enter(self, mailbox: str, place: Place, ip: str, protocol: str, host: HostTables, now: float) -> Source:
        """Takes note of an authenticated event: its source, protocol and day."""
        if now >= self._day_ends:
            self._turn_day(mailbox, host, now)
        evidence = self.evidence
        evidence.authenticated = True
        last = self._source
        if (
            last is not None
            and last.by_network
            and last.place is place
            and last.key in evidence.today
            and protocol in evidence.protocols
        ):
            return last
        source = self.judge(place, host.domain(mailbox.rpartition("@")[2]))
        if source.key not in evidence.today:
            self._note_new_place(source, now)
        if not self.is_familiar(source):
            self._note_open(source, mailbox, ip, host, now)
            if protocol not in self.habits.protocols and protocol not in evidence.protocols:
                self._note_new_protocol(source, protocol, now)
        if protocol not in evidence.protocols and len(evidence.protocols) < MAX_PROTOCOLS:
            evidence.protocols[protocol] = evidence.day
        return source

    def _note_new_place(self, source: Source, now: float) -> None:
        evidence = self.evidence
        if len(evidence.today) < MAX_TODAY_SOURCES:
            evidence.today[source.key] = (source.place.asn, source.place.country)
            if source.key not in self.habits.networks:
                evidence.networks += 1
                seen = self.new_networks(now)
                self.wandering = many_networks(seen, self.habits.most_networks) >= WANDERING

    def _note_new_protocol(self, source: Source, protocol: str, now: float) -> None:
        """D5: an unfamiliar source uses a door this mailbox never used in its history."""
        if source.key and self.habits.days >= PROTOCOL_HISTORY_DAYS:
            self.evidence.protocol, self.evidence.protocol_at = protocol, now

    def _note_open(self, source: Source, mailbox: str, ip: str, host: HostTables, now: float) -> None:
        sources = self.evidence.open
        known = sources.get(source.key)
        guessed = host.guessed_others(ip, mailbox, now)
        # Many people's mail comes from the mail apps' clouds: a shared address there says nothing.
        cloud = source.place.asn in MAIL_APP_CLOUDS
        shared = 0 if cloud else host.note_stranger(ip, mailbox.rpartition("@")[2], now)
        if known is not None:
            known.shared = max(known.shared, shared)
            known.last_at = now
            known.guessed = max(known.guessed, guessed)
            return
        if len(sources) >= MAX_OPEN_SOURCES:
            # A botnet's country that is already counted makes room; the oldest foreign countries stay.
            counted = [k for k, other in sources.items() if _is_counted_twice(other, sources)]
            del sources[counted[-1] if counted else next(reversed(sources))]
        place = source.place
        sources[source.key] = OpenSource(
            now, now, max(source.weight, 0.0), place.country, place.asn, source.foreign, 0, guessed, shared
        )
        self._open_changes_at = 0.0

    def count_recipient(self, recipient: str) -> bool:
        """True when the recipient is new to this mailbox, the first time today."""
        mark = fingerprint(recipient)
        known = self.habits.recipients
        if holds(known.recent, mark):
            return False
        if holds(known.older, mark):
            known.learn((mark,))
            return False
        return self.evidence.fresh.add(mark)

    def _turn_day(self, mailbox: str, host: HostTables, now: float) -> None:
        """Ends the day: what was quiet becomes habit, what was not is forgotten."""
        evidence, habits = self.evidence, self.habits
        day = int(now // DAY)
        domain = host.domain(mailbox.rpartition("@")[2])
        domain.note_day(day)
        host.note_day(day)
        if evidence.day:
            self._decay(day - evidence.day)
            if evidence.authenticated and evidence.peak < host.limits.restrict:
                self._learn_day(domain)
            if evidence.peak < host.limits.alert:
                self._learn_volume()
        for rows in (habits.networks, habits.asns, habits.countries):
            drop_old(rows, day)
        evidence.networks_before = evidence.networks if day == evidence.day + 1 else 0
        evidence.networks = 0
        evidence.today.clear()
        evidence.protocols.clear()
        evidence.fresh = FreshRecipients()
        evidence.peak = 0.0
        evidence.day = day
        self._close_familiar()
        self._reset()

    def _decay(self, days: int) -> None:
        habits = self.habits
        factor = DECAY**days
        habits.most_new_hour *= factor
        habits.most_new_day *= factor
        habits.most_messages *= factor
        habits.most_networks *= factor
        habits.most_read *= factor
        habits.sent *= RESULTS_DECAY**days
        habits.bounced *= RESULTS_DECAY**days

    def _learn_day(self, domain: DomainHabits) -> None:
        habits, evidence = self.habits, self.evidence
        habits.days += 1
        habits.protocols.update(evidence.protocols)
        keep_best(habits.protocols, MAX_PROTOCOLS)
        habits.most_networks = max(habits.most_networks, float(evidence.networks))
        settled = (evidence.day + 1) * DAY - SETTLED_SECONDS
        for key, (asn, country) in evidence.today.items():
            opened = evidence.open.get(key)
            if opened is not None and opened.first_at > settled:
                continue
            self._learn_place(key, asn, country, evidence.day)
            days = days_seen(habits.networks[key])
            if opened is not None:
                # 2/3, then 1/3 of the weight it came with; a new source in the same place would weigh as much.
                opened.weight *= max(0.0, (FAMILIAR_DAYS - days) / (FAMILIAR_DAYS - days + 1))
            if days >= FAMILIAR_DAYS:
                domain.learn(key, asn, country, evidence.day)

    def _learn_place(self, key: int, asn: int, country: str, day: int) -> None:
        habits = self.habits
        note_day(habits.networks, key, day, MAX_NETWORKS)
        if asn:
            note_day(habits.asns, asn, day, MAX_ASNS)
        if country:
            note_day(habits.countries, country, day, MAX_COUNTRIES)

    def _learn_volume(self, grow: Callable[[float, float], float] = grown) -> None:
        """Takes in the day's volume; `grow` bounds a habit's growth (`max` when a person has said that it was his)."""
        habits, evidence = self.habits, self.evidence
        habits.recipients.learn(evidence.fresh.marks)
        running = [traffic for traffic in (evidence.own, evidence.strange) if traffic.day == evidence.day]
        if running:
            habits.most_new_hour = grow(habits.most_new_hour, max(traffic.most_new for traffic in running))
            habits.most_new_day = grow(habits.most_new_day, max(traffic.new_day for traffic in running))
            habits.most_messages = grow(habits.most_messages, max(traffic.most_messages for traffic in running))
        if evidence.own.day == evidence.day:
            habits.sent += evidence.own.sent
            habits.bounced += evidence.own.bounced
        if evidence.reading.day == evidence.day:
            habits.most_read = max(habits.most_read, evidence.reading.own)

    def _close_familiar(self) -> None:
        """Closes the sources that became familiar."""
        habits = self.habits
        for key, source in list(self.evidence.open.items()):
            row = habits.asns.get(source.asn, 0) if source.asn else 0
            if days_seen(habits.networks.get(key, 0)) >= FAMILIAR_DAYS or days_seen(row) >= FAMILIAR_DAYS:
                del self.evidence.open[key]


def _is_counted_twice(source: OpenSource, sources: dict[int, OpenSource]) -> bool:
    if not source.foreign:
        return True
    return sum(1 for other in sources.values() if other.foreign and other.country == source.country) > 1
