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
    fade,
    grown,
    keep_best,
    note_day,
)
from sekisho.detection.host import DomainHabits, HostTables
from sekisho.detection.indicators import WANDERING, many_networks
from sekisho.detection.limits import (
    ALERT_DAYS,
    DAY,
    EVIDENCE_SECONDS,
    FAMILIAR_DAYS,
    HOUR,
    LIST_DAY,
    MAX_ASNS,
    MAX_CLIENTS,
    MAX_COUNTRIES,
    MAX_NETWORKS,
    MAX_OPEN_SOURCES,
    MAX_PROTOCOLS,
    MAX_TODAY_SOURCES,
    PROTOCOL_HISTORY_DAYS,
    SETTLED_SECONDS,
)
from sekisho.detection.places import (
    POPULAR_OWNER,
    VISITED_COUNTRY,
    OpenSource,
    Source,
    days_seen,
    is_counted_twice,
    is_settled,
    stayed_in,
    weigh_open,
    weigh_source,
)
from sekisho.detection.recipients import FreshRecipients, ListSample, fingerprint, holds
from sekisho.detection.traffic import Traffic

__all__ = ["MailboxProfile", "ProfileError"]

# An open alert is about a source that weighs so much; a new mailbox' home, weighing less, goes on settling in.
ASKED_WEIGHT = 1.0
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
        "opened",
        "started_at",
        "wandering",
    )

    def __init__(self, generation: int = 0) -> None:
        self.generation = generation
        # When this generation began; mail submitted earlier never counts.
        self.started_at = 0.0
        self.habits = Habits()
        self.evidence = Evidence()
        self.opened: frozenset[str] = frozenset()
        self._reset()

    def _reset(self) -> None:
        self._day_ends = (self.evidence.day + 1) * DAY if self.evidence.day else 0.0
        self._source: Source | None = None
        self._open_weight = self._open_changes_at = 0.0
        # Many new networks today: then a familiar owner alone makes no source familiar (D2).
        self.wandering = many_networks(self.evidence.networks, self.habits.most_networks) >= WANDERING

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

    def knows(self, recipient: str) -> bool:
        """Whether this mailbox wrote to the recipient before today (at most 1 in 100 strangers is taken for known)."""
        return fingerprint(recipient) in self.habits.recipients

    def is_familiar(self, source: Source) -> bool:
        """Whether a source belongs to the owner's habits; such a source never suspends."""
        return source.by_network or (source.by_owner and not self.wandering)

    def open_countries(self, opened: frozenset[str]) -> None:
        """Lets these countries count as home for now; not stored, so say it with each event."""
        if opened != self.opened:
            self.opened, self._source = opened, None

    def judge(self, place: Place, domain: DomainHabits) -> Source:
        """What a place means today; the last one is remembered, because Postfix asks per recipient."""
        source = self._source
        if source is not None and (source.place is place or source.place == place):
            return source
        habits = self.habits
        known = habits.networks, habits.asns, habits.countries
        self._source = source = weigh_source(place, habits.days, *known, domain, habits.owner_networks, self.opened)
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
            and not own.is_busy()
            and not (evidence.open or evidence.strange_sender or own.bounced or own.bounced_before)
            and evidence.authenticated
            and evidence.sender_weight == source.weight
            and source.key in evidence.today
            and "smtp" in evidence.protocols
            and evidence.sent_day == evidence.day
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

    def announced(self) -> str:
        """The highest action recorded in this generation, "" for none."""
        return ACTIONS[self.evidence.announced]

    def announce(self, action: str) -> None:
        """Remembers that a decision of this generation was recorded, so that it is not repeated."""
        self.evidence.announced = max(self.evidence.announced, ACTIONS.index(action))
        self.evidence.announced_day = self.evidence.day

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
            counted = [k for k, other in sources.items() if is_counted_twice(other, sources)]
            del sources[counted[-1] if counted else next(reversed(sources))]
        place = source.place
        weight = max(source.weight, 0.0)
        if source.foreign and host.is_visited(place.country, self.evidence.day):
            weight = max(weight + VISITED_COUNTRY, 0.0)
        elif not source.foreign and host.is_popular(place.asn, self.evidence.day):
            weight = min(weight, POPULAR_OWNER)
        sources[source.key] = OpenSource(now, now, weight, place.country, place.asn, source.foreign, 0, guessed, shared)
        self._open_changes_at = 0.0

    def count_recipient(self, recipient: str, traffic: Traffic) -> bool:
        """True when the recipient is new to this mailbox, the first time today."""
        mark = fingerprint(recipient)
        known = self.habits.recipients
        if holds(known.recent, mark):
            new = False
        elif holds(known.older, mark):
            known.learn((mark,))
            new = False
        elif not (new := self.evidence.fresh.add(mark)):
            # Asked for again on the same day: neither one more stranger nor somebody known.
            return False
        # In an owner's quiet hour known recipients are not counted: most requests of a day teach nothing (is_routine).
        if new or self.evidence.strange_sender or traffic.is_busy():
            traffic.count_asked(mark, self.habits.listed)
            self.evidence.sample.add(mark)
        return new

    def _turn_day(self, mailbox: str, host: HostTables, now: float) -> None:
        """Ends the day: what was quiet becomes habit, what was not is forgotten."""
        evidence, habits, day = self.evidence, self.habits, int(now // DAY)
        domain = host.domain(mailbox.rpartition("@")[2])
        domain.note_day(day)
        host.note_day(day)
        if evidence.day:
            fade(habits, day - evidence.day)
            if evidence.authenticated and evidence.peak < host.limits.restrict:
                self._learn_day(domain)
                self._tell_host(mailbox, host)
            if evidence.peak < host.limits.alert:
                self._learn_volume()
        for rows in (habits.networks, habits.asns, habits.countries, habits.clients):
            drop_old(rows, day)
        if evidence.announced == 1 and day >= evidence.announced_day + ALERT_DAYS:
            evidence.announced = 0
        evidence.networks_before = evidence.networks if day == evidence.day + 1 else 0
        evidence.networks = 0
        evidence.today.clear()
        evidence.protocols.clear()
        evidence.clients.clear()
        evidence.fresh = FreshRecipients()
        evidence.sample = ListSample()
        evidence.peak = 0.0
        evidence.day = day
        self._close_familiar()
        self._reset()

    def _tell_host(self, mailbox: str, host: HostTables) -> None:
        """Tells the host in which foreign countries the mailbox was used for a while, and with whom it is at home."""
        for country in stayed_in(self.evidence.open.values()):
            host.note_visit(country, mailbox, self.evidence.day)
        for asn, _ in self.evidence.today.values():
            if is_settled(self.habits.asns, asn):
                host.note_resident(asn, mailbox, self.evidence.day)

    def _learn_day(self, domain: DomainHabits) -> None:
        habits, evidence = self.habits, self.evidence
        habits.days += 1
        habits.protocols.update(evidence.protocols)
        keep_best(habits.protocols, MAX_PROTOCOLS)
        for client in evidence.clients:
            note_day(habits.clients, client, evidence.day, MAX_CLIENTS)
        habits.most_networks = max(habits.most_networks, float(evidence.networks))
        settled = (evidence.day + 1) * DAY - SETTLED_SECONDS
        for key, (asn, country) in evidence.today.items():
            opened = evidence.open.get(key)
            asked = evidence.announced and opened is not None and opened.weight >= ASKED_WEIGHT
            if opened is not None and (asked or opened.first_at > settled):
                # A question about it is open, or it came too late in the day.
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
        if asn and key not in habits.networks:
            counts = habits.owner_networks
            if asn not in habits.asns:
                counts[asn] = 1
            elif asn in counts:
                counts[asn] += 1
        note_day(habits.networks, key, day, MAX_NETWORKS)
        if asn:
            note_day(habits.asns, asn, day, MAX_ASNS)
            if len(habits.owner_networks) > len(habits.asns):
                habits.owner_networks = {a: n for a, n in habits.owner_networks.items() if a in habits.asns}
        if country:
            note_day(habits.countries, country, day, MAX_COUNTRIES)

    def _learn_volume(self, grow: Callable[[float, float], float] = grown) -> None:
        """Takes in the day's volume; `grow` bounds a habit's growth (`max` when a person has said that it was his)."""
        habits, evidence = self.habits, self.evidence
        habits.recipients.learn(evidence.fresh.marks)
        running = [traffic for traffic in (evidence.own, evidence.strange) if traffic.day == evidence.day]
        if sum(traffic.recipients_day for traffic in running) >= LIST_DAY:
            habits.listed = evidence.sample
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
            settled = days_seen(row) >= FAMILIAR_DAYS and (source.foreign or source.asn not in habits.owner_networks)
            if days_seen(habits.networks.get(key, 0)) >= FAMILIAR_DAYS or settled:
                del self.evidence.open[key]
