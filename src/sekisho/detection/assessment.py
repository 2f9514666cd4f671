"""assess: the open evidence of a mailbox, summed up at one event.

Idea: the score is a sum of capped log-likelihood ratios, S = place + networks + guesser + shared + protocol + reading +
recipients + messages + bounces + complaints + rules, against three thresholds. It is a windowed Page test: what is not
seen for a day does not count. Two rules stand beside the sum, because the sum alone cannot keep them:

1. *A source used on 14 days never suspends* (limits.TRUSTED_DAYS). Malware on the owner's computer and a first
   newsletter with a stale list look the same here; both end in a restriction and a question (simulated elsewhere: 1.7
   instead of 29.5 false suspensions per 10,000 mailbox-months, for .84 instead of .76 contained). At a familiar source
   the open unfamiliar ones count half.
2. *Logging in and planting a rule never suspend by themselves*: something must have been sent from unfamiliar places,
   or two independent signs of another kind must join the unfamiliar source (a planted rule, bulk reading, a guesser's
   or another customer's stranger's address).
   Who is hurt by a miss: the owner whose mail is read meanwhile. The restriction freezes the planted forward, and a
   person is asked. Who by a false alarm: a traveller, who would lose his mail in the middle of his journey.

A familiar source loses its privilege by hard evidence that goes on after a restriction: ten messages handed in since
and refused as spam (5.7.1) by the hosts that got them. Stale lists bounce, they are not called spam ten times.

Failed logins weigh nothing, and without an authenticated event in this generation there is no score at all. The hard
caps (limits.Limits) are a floor below the sum: no habit, history or accepted delivery excuses more.
"""

from __future__ import annotations

import msgspec

from sekisho.detection import evidence as say
from sekisho.detection import indicators
from sekisho.detection.events import Delivery, Event, Login
from sekisho.detection.habits import Evidence
from sekisho.detection.host import HostTables
from sekisho.detection.limits import (
    COMPLAINT_SECONDS,
    EVIDENCE_SECONDS,
    LEARNING_DAYS,
    PROBATION_PRIOR,
    RULE_SECONDS,
    Limits,
)
from sekisho.detection.observation import observe
from sekisho.detection.places import OpenSource, Source
from sekisho.detection.profile import MailboxProfile
from sekisho.detection.reading import bulk_reading
from sekisho.detection.traffic import Traffic

__all__ = ["Assessment", "Indicator", "assess", "observe"]

# A familiar network excuses places, not mail: malware on the owner's computer sends from there. Bounces alone (9) can
# then restrict, and all that a first newsletter can show without them (3.4 + 2) stays below an alert.
FAMILIAR_EXCUSE = -1.5
# Sending from so many unfamiliar countries within a day is evidence by itself: a botnet sends few mails from each.
SENDING_COUNTRIES = 3
# Signs besides the place that together suspend without anything sent: one may be a journey, two are not.
SIGNS_TO_SUSPEND = 2
# Bulk reading is a sign of its own from here on: some four times the owner's busiest day.
READING_SIGN = 1.5
# So many recipients from familiar sources that are not trusted yet are more than a telephone's few answers.
UNTRUSTED_RECIPIENTS = 10
# Sending is a deed from here on: nine strangers within an hour, or sixteen recipients of whatever kind; a traveller who
# writes to five new people is none.
DEED = 1.35
# Refusals as spam after a restriction that speak as loud as a third party's own eyes; two are a receiver's mood.
HARD_REFUSALS = 10


class Indicator(msgspec.Struct, frozen=True):
    """One finding: name, weight in nats (> 0), one sentence of evidence in both languages."""

    name: str
    value: float
    evidence_ja: str
    evidence_en: str


class Assessment(msgspec.Struct, frozen=True):
    """The judgement of one mailbox at one event."""

    mailbox: str
    t: float
    score: float
    # Findings > 0, strongest first. Empty below the alert threshold unless asked for: sentences cost time on the
    # answer path.
    indicators: tuple[Indicator, ...] = ()
    # Time of the first event that counts in the open window; 0.0: none.
    first_risk_at: float = 0.0
    # Used on TRUSTED_DAYS, and no hard evidence went on after a restriction: then nothing suspends.
    source_familiar: bool = True
    # Something was sent, or two independent signs joined the place (module docstring, rule 2).
    has_sending_evidence: bool = False
    # An authenticated event happened in this generation; without one nothing is ever decided.
    authenticated: bool = False
    # Highest action already recorded in this generation: "", "alert", "restrict", "suspend".
    announced: str = ""
    # A burned password is in use again (burned.py): certain, so no source and no lack of deeds excuses it.
    burned: bool = False


class _Weights(msgspec.Struct, gc=False):
    """The findings in nats, before they are summed up."""

    place: float = 0.0
    networks: float = 0.0
    guesser: float = 0.0
    shared: float = 0.0
    protocol: float = 0.0
    reading: float = 0.0
    recipients: float = 0.0
    messages: float = 0.0
    bounces: float = 0.0
    complaints: float = 0.0
    rules: float = 0.0
    # Floor of the score, and which cap made it: "", new_hour, new_day, messages_hour.
    cap: float = 0.0
    cap_name: str = ""
    # What a cap comes to from a familiar source; 0.0: a suspension.
    cap_most: float = 0.0


def assess(
    profile: MailboxProfile,
    host: HostTables,
    event: Event,
    now: float,
    *,
    explain: bool = False,
    limits: Limits | None = None,
) -> Assessment:
    """Judges the mailbox after `observe` of the same event.

    A failed login, and any event before the first authenticated one of the generation, give score 0. `explain` asks for
    the sentences of every finding, whatever the score. `limits`: a mailbox' on close watch, in place of the host's. The
    day's highest score is remembered in the profile.
    """
    evidence = profile.evidence
    if not evidence.authenticated or (type(event) is Login and not event.success):
        return Assessment(event.mailbox, event.t, 0.0)
    source, familiar = _source_of(profile, host, event)
    familiar = familiar or host.is_learning
    traffic = evidence.own if familiar else evidence.strange
    traffic.turn(now)
    limits = limits or host.limits
    weights = _weigh(profile, host, source, traffic, familiar, now)
    unfamiliar = weights.place + weights.networks + weights.guesser + weights.protocol
    unfamiliar += weights.shared + weights.reading
    # The open list is bounded; the source of this event counts even if it found no room there.
    if familiar:
        place = max(source.weight, FAMILIAR_EXCUSE) + unfamiliar / 2
    else:
        # A delivery result comes late: where its message was sent from is no sign of now.
        counted = source.key in evidence.open or type(event) is Delivery
        place = unfamiliar if counted else max(unfamiliar, source.weight)
    score = place + weights.recipients + weights.messages + weights.bounces + weights.complaints + weights.rules
    # Without habits the sum means nothing; the caps do.
    score = weights.cap if host.is_learning else max(score, weights.cap) if weights.cap_name else score
    if score > evidence.peak:
        evidence.peak = score
    if profile.announced() == "restrict" and not evidence.restricted_at:
        evidence.restricted_at = now
    hard = evidence.refused_since >= HARD_REFUSALS
    # What was sent from a trusted source does not become suspect because the owner looks at it from his telephone.
    used = traffic.untrusted + traffic.untrusted_before
    trusted = familiar and not hard and (source.trusted or used < UNTRUSTED_RECIPIENTS)
    # An alert already said needs no sentences; on probation a restriction begins one nat earlier.
    quiet = limits.restrict - PROBATION_PRIOR if evidence.announced else limits.alert
    if score < quiet and not explain:
        return Assessment(event.mailbox, event.t, score, (), 0.0, familiar, False, True, profile.announced())
    return Assessment(
        event.mailbox,
        event.t,
        score,
        _indicators(profile, event.ip, weights, traffic, familiar, now),
        _first_risk_at(evidence, weights, traffic, event.t),
        trusted,
        hard or (not trusted and _has_evidence_of_deeds(evidence, weights, traffic)),
        True,
        profile.announced(),
    )


def _source_of(profile: MailboxProfile, host: HostTables, event: Event) -> tuple[Source, bool]:
    """The source an event belongs to, and whether it is familiar; a delivery belongs to its submission's."""
    if type(event) is Delivery and not event.place.network:
        strange = profile.evidence.strange_sender
        return Source(event.place, 0, profile.evidence.sender_weight, by_network=not strange), not strange
    source = profile.judge(event.place, host.domain(event.mailbox.rpartition("@")[2]))
    return source, profile.is_familiar(source)


def _weigh(
    profile: MailboxProfile, host: HostTables, source: Source, traffic: Traffic, familiar: bool, now: float
) -> _Weights:
    evidence, habits = profile.evidence, profile.habits
    weights = _Weights()
    weights.place = profile.open_weight(now)
    weights.networks = indicators.many_networks(profile.new_networks(now), habits.most_networks)
    if evidence.open:
        weights.guesser = indicators.password_guesser(max(source.guessed for source in evidence.open.values()))
        weights.shared = indicators.shared_stranger(max(source.shared for source in evidence.open.values()))
        evidence.reading.turn(now)
        weights.reading = bulk_reading(evidence.reading.by_strangers(now), habits.most_read)
    if evidence.protocol_at > now - EVIDENCE_SECONDS:
        weights.protocol = indicators.PROTOCOL
    # A mailbox of a few days knows few of its own places yet: at home its owner is measured like one who is known.
    usual_floors = familiar or (habits.days < LEARNING_DAYS and not source.foreign)
    new_hour, new_day, messages = traffic.new_in_hour(now), traffic.new_in_day(now), traffic.messages_in_hour(now)
    weights.recipients = indicators.new_recipients(
        new_hour, new_day, habits.most_new_hour, habits.most_new_day, usual_floors
    )
    known, known_day = traffic.known_shares(now) if familiar else (0.0, 0.0)
    if usual_floors:
        weights.messages = indicators.message_burst(messages, habits.most_messages)
        if familiar:
            run = indicators.run_of_strangers(
                new_hour, traffic.new_day, known, known_day, habits.most_new_hour, habits.most_new_day
            )
            weights.recipients = max(weights.recipients, run)
    else:
        weights.messages = indicators.strange_burst(traffic.recipients_in_hour(now), habits.most_messages)
    if traffic.bounced or traffic.bounced_before or traffic.sent:
        usual = indicators.own_bounce_rate(habits.sent, habits.bounced)
        weights.bounces = indicators.bounces(*traffic.results(now), usual, familiar)
        if weights.recipients > indicators.NEW_MOST_FAMILIAR:
            # Lists can be clean: what strangers' servers accept excuses no run of strangers.
            weights.bounces = max(weights.bounces, 0.0)
    if evidence.complained_at > now - COMPLAINT_SECONDS:
        weights.complaints = indicators.complaints(evidence.complaints, traffic.results(now)[0])
    if evidence.forward_weight or evidence.discard_weight:
        forward, discard = _open_rules(evidence, now)
        weights.rules = indicators.planted_rules(forward, discard)
    listed = familiar and (host.is_learning or known >= indicators.RUN_KNOWN_MOST)
    if usual_floors:
        weights.cap_most = host.limits.restrict
    _apply_caps(weights, host.limits, familiar, listed, new_hour, new_day, messages)
    return weights


def _open_rules(evidence: Evidence, now: float) -> tuple[float, float]:
    forward = evidence.forward_weight if evidence.forward_at > now - RULE_SECONDS else 0.0
    discard = evidence.discard_weight if evidence.discard_at > now - RULE_SECONDS else 0.0
    return forward, discard


def _apply_caps(
    weights: _Weights,
    limits: Limits,
    familiar: bool,
    listed: bool,
    new_hour: float,
    new_day: float,
    messages: float,
) -> None:
    if familiar:
        times = limits.listed_factor if listed else 1
        caps = (
            limits.own_new_recipients_hour * times,
            limits.own_new_recipients_day * times,
            limits.own_messages_hour * times,
        )
    else:
        caps = (limits.strange_new_recipients_hour, limits.strange_new_recipients_day, limits.strange_messages_hour)
    if new_hour >= caps[0]:
        weights.cap_name = "new_hour"
    elif new_day >= caps[1]:
        weights.cap_name = "new_day"
    elif messages >= caps[2]:
        weights.cap_name = "messages_hour"
    else:
        return
    weights.cap = weights.cap_most or limits.suspend


def _has_evidence_of_deeds(evidence: Evidence, weights: _Weights, traffic: Traffic) -> bool:
    """Whether what was done from unfamiliar places speaks for a hijacker, not only that somebody logged in there.

    A mistyped address on a journey is none, nor one mail from each of two airports.
    """
    if weights.recipients + weights.messages >= DEED or weights.cap > 0:
        return True
    if traffic.bounced + traffic.bounced_before >= indicators.FEW_BOUNCES:
        return True
    signs = (weights.rules > 0, weights.reading >= READING_SIGN, weights.guesser > 0, weights.shared > 0)
    if sum(signs) >= SIGNS_TO_SUSPEND:
        return True
    senders = {source.country for source in evidence.open.values() if source.foreign and source.recipients}
    return len(senders) >= SENDING_COUNTRIES


def _first_risk_at(evidence: Evidence, weights: _Weights, traffic: Traffic, t: float) -> float:
    """When the first event happened that counts here; nothing handed in before may be held."""
    times = [source.first_at for source in evidence.open.values() if source.weight > 0 or source.guessed]
    if weights.recipients > 0 or weights.messages > 0 or weights.bounces > 0 or weights.cap > 0:
        times.append(traffic.first_at)
    if weights.rules:
        times += [at for at in (evidence.forward_at, evidence.discard_at) if at]
    if weights.protocol:
        times.append(evidence.protocol_at)
    if weights.reading:
        times.append(evidence.reading.first_at)
    # Evidence is at most three days old (a planted rule), however long a source has been open.
    return max(min((at for at in times if at), default=t), t - RULE_SECONDS)


def _indicators(
    profile: MailboxProfile,
    ip: str,
    weights: _Weights,
    traffic: Traffic,
    familiar: bool,
    now: float,
) -> tuple[Indicator, ...]:
    """The findings > 0 with their sentences, strongest first. At a familiar source the others' findings count half."""
    share = 0.5 if familiar else 1.0
    found = _place_indicators(profile, weights, share) if weights.place > 0 else []
    evidence, habits = profile.evidence, profile.habits
    if weights.networks > 0:
        sentences = say.many_networks(profile.new_networks(now), habits.most_networks)
        found.append(Indicator("many_networks", weights.networks * share, *sentences))
    if weights.guesser > 0:
        others = max(source.guessed for source in evidence.open.values())
        found.append(Indicator("password_guesser", weights.guesser * share, *say.password_guesser(ip, others)))
    if weights.shared > 0:
        others = max(source.shared for source in evidence.open.values())
        found.append(Indicator("shared_stranger", weights.shared * share, *say.shared_stranger(others)))
    if weights.protocol > 0:
        sentences = say.new_protocol(evidence.protocol, habits.days)
        found.append(Indicator("new_protocol", weights.protocol * share, *sentences))
    if weights.reading > 0:
        sentences = say.bulk_reading(evidence.reading.by_strangers(now), habits.most_read)
        found.append(Indicator("bulk_reading", weights.reading * share, *sentences))
    if weights.complaints > 0:
        found.append(Indicator("complaints", weights.complaints, *say.complaints(evidence.complaints)))
    found += _traffic_indicators(profile, weights, traffic, now)
    found += _rule_indicators(evidence, now)
    if weights.cap_name:
        found.append(_cap_indicator(weights, traffic, now))
    return tuple(sorted(found, key=lambda indicator: -indicator.value))


def _place_indicators(profile: MailboxProfile, weights: _Weights, share: float) -> list[Indicator]:
    sources = profile.evidence.open.values()
    habits = profile.habits
    foreign = [source for source in sources if source.foreign and source.weight > 0]
    countries = {source.country for source in sources if source.foreign}
    if len(countries) > 1:
        name, sentences = "many_countries", say.many_countries(sources)
    elif foreign:
        name, sentences = "new_country", say.new_country(foreign[0], habits.days, profile.habits.home_countries())
    else:
        newest = max(sources, key=lambda source: source.weight)
        name, sentences = "new_network", say.new_network(newest, habits.days)
    return [Indicator(name, weights.place * share, *sentences)]


def _traffic_indicators(profile: MailboxProfile, weights: _Weights, traffic: Traffic, now: float) -> list[Indicator]:
    habits = profile.habits
    found = []
    if weights.recipients > 0:
        sentences = say.new_recipients(
            traffic.new_in_hour(now), traffic.new_in_day(now), habits.most_new_hour, habits.most_new_day
        )
        found.append(Indicator("new_recipients", weights.recipients, *sentences))
    if weights.messages > 0:
        sentences = say.message_burst(traffic.messages_in_hour(now), habits.most_messages)
        found.append(Indicator("message_burst", weights.messages, *sentences))
    if weights.bounces > 0:
        usual = indicators.own_bounce_rate(habits.sent, habits.bounced)
        found.append(Indicator("bounces", weights.bounces, *say.bounces(*traffic.results(now), usual)))
    return found


def _rule_indicators(evidence: Evidence, now: float) -> list[Indicator]:
    forward, discard = _open_rules(evidence, now)
    found = []
    if forward:
        sentences = say.forward_rule(evidence.forward_target)
        found.append(Indicator("forward_rule", indicators.planted_rules(forward, 0.0), *sentences))
    if discard:
        value = indicators.planted_rules(forward, discard) - indicators.planted_rules(forward, 0.0)
        found.append(Indicator("discard_rule", value, *say.discard_rule()))
    return found


def _cap_indicator(weights: _Weights, traffic: Traffic, now: float) -> Indicator:
    if weights.cap_name == "new_hour":
        sentences = say.hard_cap("直近1時間の初めての宛先", "New recipients in the last hour", traffic.new_in_hour(now))
    elif weights.cap_name == "new_day":
        sentences = say.hard_cap("24時間の初めての宛先", "New recipients in 24 hours", traffic.new_in_day(now))
    else:
        sentences = say.hard_cap("直近1時間の送信数", "Messages in the last hour", traffic.messages_in_hour(now))
    return Indicator("hard_cap", weights.cap, *sentences)


def open_sources(profile: MailboxProfile) -> list[OpenSource]:
    """The unfamiliar sources that count now, oldest first, for `sekisho explain`."""
    return sorted(profile.evidence.open.values(), key=lambda source: source.first_at)
