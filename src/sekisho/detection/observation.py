"""observe: one event is learnt. Nothing is judged here (assessment.py), so that order and speed stay easy to see."""

from __future__ import annotations

from sekisho.detection.events import (
    AccountChange,
    Complaint,
    Delivery,
    Event,
    Login,
    Recipient,
    ScriptChange,
    SessionEnded,
    Submission,
)
from sekisho.detection.habits import note_client
from sekisho.detection.host import HostTables
from sekisho.detection.limits import COMPLAINT_SECONDS, DAY, MAX_TARGET_CHARACTERS
from sekisho.detection.places import Source
from sekisho.detection.profile import ASKED_WEIGHT, MailboxProfile
from sekisho.detection.recipients import fingerprint
from sekisho.detection.traffic import Traffic

# RFC 3463 codes of bounces that say nothing about a list: mailbox full (5.2.2), message too big (5.2.3, 5.3.4).
INNOCENT_BOUNCES = frozenset({"5.2.2", "5.2.3", "5.3.4"})
REFUSED_AS_SPAM = "5.7.1"


def observe(
    profile: MailboxProfile | None, host: HostTables, event: Event, now: float, *, excused: bool = False
) -> None:
    """Learns one event; `now` is the guard's clock, or the event's own time when history is fed.

    `excused`: it belongs to a mailing that somebody has answered for. Its recipients become known, its volume counts
    nothing; place, results and complaints count as always.

    `profile` may be None for a failed login of a name nobody has; any other event without a profile is a ValueError.
    """
    if type(event) is Login and not event.success:
        host.note_failed_login(event.ip, event.mailbox, now)
        return
    if profile is None:
        raise ValueError(f"{type(event).__name__} without a profile")
    if excused and isinstance(event, Recipient | Submission):
        _observe_excused(profile, host, event, now)
    else:
        _observe_known(profile, host, event, now)


def _observe_excused(profile: MailboxProfile, host: HostTables, event: Recipient | Submission, now: float) -> None:
    source = profile.enter(event.mailbox, event.place, event.ip, "smtp", host, now)
    # Something was sent: results and complaints belong to this source.
    _traffic_of(profile, host, source, now)
    if isinstance(event, Recipient):
        if (opened := profile.evidence.open.get(source.key)) is not None:
            opened.recipients += 1
        profile.evidence.fresh.add(fingerprint(event.recipient))


def _observe_known(profile: MailboxProfile, host: HostTables, event: Event, now: float) -> None:
    """One branch per kind, the commonest first: a table of functions costs the answer path as much again."""
    if type(event) is Recipient:
        _observe_recipient(profile, host, event, now)
    elif type(event) is Delivery:
        _observe_delivery(profile, host, event, now)
    elif type(event) is Submission:
        source = profile.enter(event.mailbox, event.place, event.ip, "smtp", host, now)
        _traffic_of(profile, host, source, now).count_message(now)
    elif type(event) is Login:
        _observe_login(profile, host, event, now)
    elif type(event) is ScriptChange:
        _observe_script(profile, host, event, now)
    elif type(event) is SessionEnded:
        source = profile.enter(event.mailbox, event.place, event.ip, event.protocol, host, now)
        profile.evidence.reading.count(event.bytes_out, event.fetched, not profile.is_familiar(source), now)
    elif type(event) is Complaint:
        _observe_complaint(profile, now)
    elif type(event) is AccountChange:  # pragma: no branch
        # A new password is no sign of either side: the owner sets one after a warning, and so does a hijacker.
        return


def _observe_login(profile: MailboxProfile, host: HostTables, event: Login, now: float) -> None:
    source = profile.enter(event.mailbox, event.place, event.ip, event.protocol, host, now)
    if source.weight < ASKED_WEIGHT:
        # An office full of people with new passwords is no guesser to the next of them (D3). Whoever is remarkable
        # where he got in stays one: he may have a list with several passwords for each mailbox.
        host.forgive_failures(event.ip, event.mailbox)
    if event.client and profile.is_familiar(source):
        note_client(profile.evidence, event.client)


def _observe_complaint(profile: MailboxProfile, now: float) -> None:
    """Counts a complaint about a mailbox that sent something lately in this generation; anybody can forge one."""
    evidence = profile.evidence
    if not (evidence.authenticated and evidence.sent_day) or now >= (evidence.sent_day + 1) * DAY + COMPLAINT_SECONDS:
        return
    if evidence.complained_at <= now - COMPLAINT_SECONDS:
        evidence.complaints = 0
    evidence.complaints += 1
    evidence.complained_at = now


def _traffic_of(profile: MailboxProfile, host: HostTables, source: Source, now: float) -> Traffic:
    """The counters a sending from this source belongs to; a host that knows nobody yet calls nobody a stranger."""
    evidence = profile.evidence
    evidence.strange_sender = not (profile.is_familiar(source) or host.is_learning)
    evidence.sender_weight = source.weight
    evidence.sent_day = evidence.day
    traffic = evidence.strange if evidence.strange_sender else evidence.own
    traffic.turn(now)
    return traffic


def _observe_recipient(profile: MailboxProfile, host: HostTables, event: Recipient, now: float) -> None:
    source = profile.enter(event.mailbox, event.place, event.ip, "smtp", host, now)
    traffic = _traffic_of(profile, host, source, now)
    if (opened := profile.evidence.open.get(source.key)) is not None:
        opened.recipients += 1
    mailbox, recipient = event.mailbox, event.recipient
    # Known weak point: colleagues never count as new, so a hijacker may phish the own domain unseen by D6.
    if recipient[recipient.rfind("@") :] == mailbox[mailbox.rfind("@") :]:
        return
    traffic.untrusted += not source.trusted
    if profile.count_recipient(recipient, traffic):
        traffic.count_new_recipient(now)


def _observe_delivery(profile: MailboxProfile, host: HostTables, event: Delivery, now: float) -> None:
    evidence = profile.evidence
    if not evidence.authenticated or (event.submitted_at and event.submitted_at < profile.started_at):
        return
    strange = evidence.strange_sender
    if event.place.network:
        strange = not profile.is_familiar(profile.judge(event.place, host.domain(event.mailbox.rpartition("@")[2])))
    traffic = evidence.strange if strange and not host.is_learning else evidence.own
    traffic.turn(now)
    if event.status == "sent":
        traffic.sent += 1
    elif event.status == "bounced" and event.dsn not in INNOCENT_BOUNCES:
        traffic.bounced += 1
        traffic.refused += event.dsn == REFUSED_AS_SPAM
        if evidence.restricted_at and event.submitted_at > evidence.restricted_at:
            evidence.refused_since += event.dsn == REFUSED_AS_SPAM


def _observe_script(profile: MailboxProfile, host: HostTables, event: ScriptChange, now: float) -> None:
    source = profile.enter(event.mailbox, event.place, event.ip, "sieve", host, now)
    # Half a share for a new network of a familiar owner, and where the neighbour does not tell the client's address.
    half = not source.key or profile.is_familiar(source)
    share = 0.0 if source.by_network else 0.5 if half else 1.0
    evidence = profile.evidence
    outside = event.target.rpartition("@")[2].lower() != event.mailbox.rpartition("@")[2]
    if not share:
        return
    if event.change == "forward" and outside:
        evidence.forward_at, evidence.forward_weight = now, max(share, evidence.forward_weight)
        evidence.forward_target = event.target[:MAX_TARGET_CHARACTERS]
    elif event.change == "discard":
        evidence.discard_at, evidence.discard_weight = now, max(share, evidence.discard_weight)
