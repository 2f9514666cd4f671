"""The middle of the guard: `observe` learns from an event and may trip the breaker, `answer` decides from memory.

The order inside one event is fixed: learn, judge, journal (fsync), and only then memory; so whatever the guard
refuses is on disk for the agent, and a trip inside a request already refuses that very request.

Only `sasl_username` counts (P3). A request without one is none of ours: it passes and nothing is learnt from it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Literal, Protocol

from sekisho import detection
from sekisho.detection import Assessment, Decision, Fuse, HostTables, Limits, MailboxProfile
from sekisho.guard.budgets import Budgets
from sekisho.guard.close_watch import CloseWatch
from sekisho.guard.familiar import OwnerNames, usual_seen, vouch
from sekisho.guard.permissions import Permissions
from sekisho.guard.places import Places
from sekisho.guard.profiles import Profiles
from sekisho.guard.sampling import ScoreSampler, thresholds
from sekisho.guard.sending import NO_RULE, SendingPlaces
from sekisho.guard.standing import OwnDecision, Stand, Standing
from sekisho.guard.submissions import AcceptedMessages, AskedRecipients, JudgedRecipients, Pair
from sekisho.journal import DecisionRecord, Event, IndicatorRecord, MessageSubmitted, Relation, SendingRule, StateFile
from sekisho.journal.state import MailboxState
from sekisho.wire.postfix_policy import PolicyRequest
from sekisho.wire.replies import (
    GO_ON,
    SUBMISSION_ELSEWHERE,
    SUBMISSION_RENEW,
    SUBMISSION_RESTRICTED,
    SUBMISSION_STOPPED,
    SUBMISSION_SUSPENDED,
)

Mode = Literal["observe", "enforce"]

# Login names whose canonical mailbox is remembered; Postfix sends only names that Dovecot has let in.
REMEMBERED_NAMES = 100_000
# A person reads one alert a day about a mailbox; more of the same would teach him to look away.
ALERT_EVERY_SECONDS = 86_400.0
# RFC 5321, section 4.5.3.1.3: a path has at most 256 octets; more is kept short, not refused (Postfix decides).
MAX_ADDRESS = 320


class Journal(Protocol):
    def record(self, decision: DecisionRecord) -> bool: ...


class Counters:
    """What the status file shows; plain numbers since the start."""

    __slots__ = ("alerts", "events", "logins", "refused", "requests", "restrictions", "routine", "trips")

    def __init__(self) -> None:
        self.requests = 0
        self.refused = 0
        self.logins = 0
        # Events learnt from: the proof that the checkpoint does more than answer.
        self.events = 0
        # Recipients that could neither teach nor change anything (MailboxProfile.is_routine).
        self.routine = 0
        self.alerts = 0
        self.restrictions = 0
        self.trips = 0


class Checkpoint:
    """One host's memory: standings, profiles, host tables, messages on their way."""

    def __init__(
        self,
        *,
        host: str,
        mode: Mode,
        standing: Standing,
        profiles: Profiles,
        tables: HostTables,
        places: Places,
        journal: Journal,
        spool: Callable[[Event], None],
        delimiter: str,
        protected_local_parts: tuple[str, ...],
        keeps_curves: bool = False,
        sending_rule: SendingRule = NO_RULE,
    ) -> None:
        self.host = host
        self.mode = mode
        self.standing = standing
        self.profiles = profiles
        self.tables = tables
        self.places = places
        self.spool = spool
        # None: nobody looks at curves (old logs, streams).
        self.samples = ScoreSampler(spool, tables, standing) if keeps_curves else None
        # Who is told of each decision of ours, also of those read back at the start.
        self.on_decision: list[Callable[[DecisionRecord, float], None]] = []
        self.accepted = AcceptedMessages()
        self.counters = Counters()
        self._journal = journal
        self._delimiter = delimiter
        self._protected_local_parts = frozenset(protected_local_parts)
        self._protected: frozenset[str] = frozenset(standing.state.protected)
        self._fuse = Fuse(standing.state.mailbox_count, standing.state.domain_mailbox_counts)
        self._judged = JudgedRecipients()
        self._asked = AskedRecipients()
        self._budgets = Budgets(spool)
        self.permissions = Permissions()
        self.permissions.take_state(standing.state)
        self._watch = CloseWatch()
        self._watch.take_state(standing.state)
        self._sending = SendingPlaces(spool, self.permissions, sending_rule)
        self._sending.take_state(standing.state)
        self._names: dict[str, str | None] = {}
        self._owners = OwnerNames()

    # Names and state

    def mailbox(self, name: str) -> str | None:
        """The canonical mailbox of a login name or address; None when it cannot name one."""
        try:
            return self._names[name]
        except KeyError:
            if len(self._names) >= REMEMBERED_NAMES:
                self._names.clear()
            found = detection.canonical_mailbox(name, self.standing.state.alias_domains, self._delimiter)
            self._names[name] = found
            return found

    def relation(self, mailbox: str, recipient: str) -> Relation:
        """Whom a recipient (lower case) is to a mailbox; at most 1 in 100 strangers is taken for a partner."""
        state = self.standing.state
        domain = recipient.rpartition("@")[2]
        if domain in state.domain_mailbox_counts or domain in state.alias_domains:
            return "own"
        return "partner" if self.profiles.of(mailbox).knows(recipient) else "stranger"

    def leaves(self, mailbox: str, target: str) -> bool:
        """Whether mail to a mailbox that goes on to `target` leaves the mailbox' own domain."""
        canonical = self.mailbox(target)
        return canonical is not None and canonical.rpartition("@")[2] != mailbox.rpartition("@")[2]

    def is_strange(self, mailbox: str, place: detection.Place) -> bool:
        """Whether a place is unfamiliar to a mailbox now. Our own webmail is no place, and a host that knows nobody yet
        calls nobody a stranger."""
        if not place.network or self.tables.is_learning:
            return False
        profile = self.profiles.of(mailbox)
        return not profile.is_familiar(profile.judge(place, self.tables.domain(mailbox.rpartition("@")[2])))

    def take_state(self, state: StateFile, now: float) -> None:
        """Takes the record's word; a newer generation of a mailbox starts without the old evidence."""
        if state.alias_domains != self.standing.state.alias_domains:
            self._names.clear()
        for mailbox, generation in self.standing.take_state(state):
            self._budgets.forget(mailbox)
            profile = self.profiles.known(mailbox)
            if profile is not None and profile.generation < generation:
                self._start_generation(mailbox, state.mailboxes[mailbox], now)
        self.permissions.take_state(state)
        self._watch.take_state(state)
        self._sending.take_state(state)
        self._protected = frozenset(state.protected)
        self._fuse.set_sizes(state.mailbox_count, state.domain_mailbox_counts)

    def _start_generation(self, mailbox: str, stated: MailboxState, now: float) -> None:
        profile = self.profiles.of(mailbox)
        if stated.confirmed and stated.vouched is not None:
            vouch(profile, [self.places.source(ip)[1] for ip in stated.vouched])
        profile.start_generation(stated.generation, now, confirmed=stated.confirmed)
        if stated.confirmed:
            self._tell_usual(mailbox, profile, now)

    def restore(self, own: dict[str, OwnDecision]) -> None:
        """Takes back our decisions from the snapshot, and with them the fuse's last ten minutes: a guard that is killed
        and started again and again must not get a whole fuse each time."""
        self.standing.restore(own)
        trips = [
            (kept.decided_at, mailbox) for mailbox, kept in own.items() if kept.enforced and kept.status == "suspended"
        ]
        for decided_at, mailbox in sorted(trips):
            self._fuse.record(mailbox.rpartition("@")[2], decided_at)

    def replay(self, record: DecisionRecord) -> None:
        """Takes back a decision of ours from the journal at the start, newer than the snapshot."""
        if record.generation < self.standing.generation(record.mailbox):
            return
        self.standing.take_decision(record)
        profile = self.profiles.of(record.mailbox)
        if profile.generation < record.generation:
            profile.start_generation(record.generation, record.t)
        profile.announce(record.action)
        self._tell_decision(record, record.t)
        if record.enforced and record.after == "suspended":
            self._fuse.record(record.mailbox.rpartition("@")[2], record.t)

    # Answers

    def answer(self, request: PolicyRequest, now: float) -> str:
        """Postfix' action for one request: GO_ON, or the refusal of a mailbox that may not send (now)."""
        self.counters.requests += 1
        name = request.sasl_username
        mailbox = self.mailbox(name) if name else None
        if mailbox is None:
            return GO_ON
        stand = self.standing.of(mailbox)
        state = request.protocol_state
        if stand.status == "suspended":
            action = SUBMISSION_SUSPENDED
        elif state == "RCPT":
            action = self._at_recipient(mailbox, stand, request, now)
            if action is GO_ON:
                self._asked.note(request.instance, request.recipient[:MAX_ADDRESS].lower())
        elif state == "END-OF-MESSAGE":
            action = self._at_end(mailbox, stand, request, now)
        else:
            return GO_ON
        if action is not GO_ON:
            self.counters.refused += 1
        return action

    def _at_recipient(self, mailbox: str, stand: Stand, request: PolicyRequest, now: float) -> str:
        recipient = request.recipient[:MAX_ADDRESS].lower()
        instance = request.instance
        ip, place = self.places.source(request.client_address)
        if not self.permissions.admits(mailbox, place, now):
            return SUBMISSION_ELSEWHERE
        # Refused from there or not, it is judged all the same: a rule must not hide a takeover.
        elsewhere = self._sending.refuses(mailbox, ip, place, now)
        overdue = self.permissions.is_overdue(mailbox)
        waits = overdue and self.permissions.waits(mailbox, recipient, self.profiles.of(mailbox))
        if (
            not elsewhere
            and not waits
            and stand.status == "active"
            and self._is_routine(mailbox, stand, place, recipient, now)
        ):
            self.counters.routine += 1
            return GO_ON
        if self._judged.is_new(instance, recipient):
            decided = self.observe(detection.Recipient(now, mailbox, ip, place, recipient, instance), now)
            if decided is not None:
                stand = self.standing.of(mailbox)
        if stand.status == "suspended":
            return SUBMISSION_SUSPENDED
        if elsewhere:
            return SUBMISSION_ELSEWHERE
        if stand.status == "active":
            return SUBMISSION_RENEW if waits else GO_ON
        if self.permissions.is_mailing(mailbox, stand, now):
            return GO_ON
        known = self.profiles.of(mailbox).knows(recipient)
        if self._budgets.allows(mailbox, stand, recipient, known, instance, now):
            return GO_ON
        return SUBMISSION_STOPPED if stand.limit == 0 else SUBMISSION_RESTRICTED

    def _is_routine(self, mailbox: str, stand: Stand, place: detection.Place, recipient: str, now: float) -> bool:
        """Whether an unlimited mailbox asks for what can neither teach nor change anything: most requests of a day."""
        profile = self.profiles.known(mailbox)
        return (
            profile is not None
            and profile.generation >= stand.generation
            and profile.is_routine(place, recipient, now, self._watch.limits(mailbox, self.tables.limits, now).alert)
        )

    def _at_end(self, mailbox: str, stand: Stand, request: PolicyRequest, now: float) -> str:
        ip, place = self.places.source(request.client_address)
        queue_id, recipients = request.queue_id, request.recipient_count
        event = detection.Submission(now, mailbox, ip, place, queue_id, recipients, request.size)
        if self.observe(event, now) is not None:
            stand = self.standing.of(mailbox)
        if stand.status == "suspended":
            return SUBMISSION_SUSPENDED
        if stand.status == "restricted" and stand.limit == 0:
            return SUBMISSION_STOPPED
        self.accepted.add(queue_id, Pair(mailbox, now, stand.generation, request.client_address, live=True))
        asked: dict[Relation, list[str]] = {"own": [], "partner": [], "stranger": []}
        for recipient in self._asked.take(request.instance):
            asked[self.relation(mailbox, recipient)].append(recipient)
        self.spool(
            MessageSubmitted(
                now,
                mailbox,
                queue_id,
                request.sender[:MAX_ADDRESS],
                recipients,
                request.size,
                request.client_address,
                place.country,
                place.asn,
                self.is_strange(mailbox, place),
                tuple(asked["own"]),
                tuple(asked["partner"]),
                tuple(asked["stranger"]),
            )
        )
        return GO_ON

    def allows_login(self, name: str, ip: str, now: float) -> bool:
        """Whether a login under this name, from there, may go on as far as we know; the barrier refuses on its own."""
        mailbox = self.mailbox(name)
        if mailbox is None:
            return True
        if self.standing.of(mailbox).status == "suspended":
            return False
        return self.permissions.admits(mailbox, self.places.source(ip)[1], now)

    def suspended_case(self, name: str) -> str | None:
        """The case number of a suspended mailbox, "" while the record has none yet; None for any other."""
        mailbox = self.mailbox(name)
        if mailbox is None or (stand := self.standing.of(mailbox)).status != "suspended":
            return None
        stated = self.standing.state.mailboxes.get(mailbox)
        return stated.case if stated is not None and stated.generation == stand.generation else ""

    # Observation

    def observe(self, event: detection.Event, now: float) -> DecisionRecord | None:
        """Learns from an event and decides; the decision, if there was one, is in force when this returns."""
        self.counters.events += 1
        if type(event) is detection.Login and not event.success:
            # It says something about its source only: it makes no profile, and never a decision (P3).
            detection.observe(None, self.tables, event, now)
            return None
        day = self.profiles.of(event.mailbox).evidence.day
        profile = self.learn(event, now)
        self._owners.note(event.place)
        if profile.evidence.day != day:
            self._tell_usual(event.mailbox, profile, now)
        limits = self._watch.limits(event.mailbox, self.tables.limits, now)
        assessment = detection.assess(profile, self.tables, event, now, limits=limits)
        if type(event) is detection.Login and self._is_burned(event):
            assessment = detection.with_burned_login(assessment, limits)
        record = None
        if assessment.score >= limits.alert:
            record = self._decide(event, profile, assessment, limits, now)
        if self.samples is not None:
            self.samples.see(event, profile, assessment, record, now, limits)
        return record

    def _is_burned(self, login: detection.Login) -> bool:
        """Whether a successful login showed a password from before a suspension, as far as Dovecot's hash can say."""
        if not login.pwhash:
            return False
        stated = self.standing.state.mailboxes.get(login.mailbox)
        return stated is not None and login.pwhash in stated.burned

    def learn(self, event: detection.Event, now: float) -> MailboxProfile:
        """Learns from an event without judging it; the profile it went into."""
        profile = self.profiles.of(event.mailbox)
        stand = self.standing.of(event.mailbox)
        if profile.generation < stand.generation:
            profile.start_generation(stand.generation, now)
        profile.open_countries(self.permissions.open_countries(event.mailbox, now))
        excused = self.permissions.excuses(event, profile, stand, now)
        detection.observe(profile, self.tables, event, now, excused=excused)
        return profile

    def _tell_usual(self, mailbox: str, profile: MailboxProfile, now: float) -> None:
        # Nobody reads it of old logs and streams (samples is None there), and it costs as much as ten events.
        if self.samples is not None:
            self.spool(usual_seen(mailbox, profile, self._owners, now))

    def _decide(
        self, event: detection.Event, profile: MailboxProfile, assessment: Assessment, limits: Limits, now: float
    ) -> DecisionRecord | None:
        mailbox = event.mailbox
        stand = self.standing.of(mailbox)
        local_part, _, domain = mailbox.rpartition("@")
        decision = detection.decide(
            stand.status,
            assessment,
            "detection",
            self.standing.state.modes.get(domain, self.mode),
            self._fuse,
            protected=local_part in self._protected_local_parts or mailbox in self._protected,
            limit=stand.limit,
            limits=limits,
        )
        if decision is None or self._is_repeated(mailbox, stand.generation, decision, now):
            return None
        record = self._record(event, stand.generation, decision, limits, now)
        profile.announce(decision.action)
        self._tell_usual(mailbox, profile, now)
        if decision.enforced and decision.after == "suspended":
            self._fuse.record(domain, now)
        return record

    def _is_repeated(self, mailbox: str, generation: int, decision: Decision, now: float) -> bool:
        """An alert so soon after the last one; everything else decide() itself says only once."""
        own = self.standing.own.get(mailbox)
        if decision.action != "alert" or own is None or own.generation != generation:
            return False
        return now - own.alerted_at < ALERT_EVERY_SECONDS

    def _record(
        self, event: detection.Event, generation: int, decision: Decision, limits: Limits, now: float
    ) -> DecisionRecord:
        record = DecisionRecord(
            id=uuid.uuid4().hex,
            t=now,
            host=self.host,
            mailbox=event.mailbox,
            generation=generation,
            action=decision.action,
            before=decision.before,
            after=decision.after,
            limit=decision.limit,
            enforced=decision.enforced,
            score=round(decision.score, 2),
            indicators=tuple(
                IndicatorRecord(found.name, round(found.value, 2), found.evidence_ja, found.evidence_en)
                for found in decision.indicators
            ),
            ip=event.ip,
            country=event.place.country,
            asn=event.place.asn,
            first_risk_at=decision.first_risk_at,
            fuse_blown=decision.hold and self._fuse.is_blown(event.mailbox.rpartition("@")[2], now),
            queue_ids=self.accepted.since(event.mailbox, decision.first_risk_at),
            thresholds=thresholds(limits, decision.before),
        )
        self._journal.record(record)
        self.standing.take_decision(record)
        self._count(record)
        self._tell_decision(record, now)
        return record

    def _tell_decision(self, record: DecisionRecord, now: float) -> None:
        for told in self.on_decision:
            told(record, now)

    def _count(self, record: DecisionRecord) -> None:
        if record.action == "suspend":
            self.counters.trips += 1
        elif record.action == "restrict":
            self.counters.restrictions += 1
        else:
            self.counters.alerts += 1
