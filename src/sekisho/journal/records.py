"""What the guard tells agent and worker, as typed records (JSON, one a line).

Times are epoch seconds (float), mailboxes are canonical addresses (lower case, no extension, alias domains
resolved). A reader ignores fields it does not know, so an older agent can follow a newer guard.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from sekisho.journal.read_records import SessionRead

Status = Literal["active", "restricted", "suspended", "probation"]
# Whom a recipient is to the mailbox: hosted here, somebody it had written to before today, nobody it knew.
Relation = Literal["own", "partner", "stranger"]


class RecordError(ValueError):
    """A line that is no record: torn, altered, or of an unknown kind."""


class IndicatorRecord(msgspec.Struct, frozen=True):
    """One finding: its name, its weight in nats, and one sentence of evidence in both languages."""

    name: str
    value: float
    evidence_ja: str
    evidence_en: str


class Thresholds(msgspec.Struct, frozen=True):
    """The scores (nats) from which a mailbox is alerted about, restricted, suspended; lower on probation."""

    alert: float
    restrict: float
    suspend: float


class DecisionRecord(msgspec.Struct, frozen=True, tag="decision"):
    """The guard changed (or in observe mode would have changed) a mailbox's status, or raised an alert.

    `action` is "alert", "restrict" or "suspend"; `before` and `after` are equal for an alert. (mailbox, generation)
    names the incident: a second decision of the same generation belongs to the same incident.
    """

    # Random, unique: the same record read twice is one decision.
    id: str
    t: float
    host: str
    mailbox: str
    generation: int
    action: Literal["alert", "restrict", "suspend"]
    before: Status
    after: Status
    # New recipients an hour while restricted; None otherwise.
    limit: int | None
    enforced: bool
    score: float
    indicators: tuple[IndicatorRecord, ...]
    ip: str = ""
    country: str = ""
    asn: int = 0
    # When the first event counted here happened: only mail submitted since then may be held.
    first_risk_at: float = 0.0
    # Queue ids this login has submitted since first_risk_at, as far as the guard knows (bounded, newest last).
    queue_ids: tuple[str, ...] = ()
    # The fuse is blown: this would have been a suspension, and the operator is to be called.
    fuse_blown: bool = False
    # What the score was measured by; None from an older guard.
    thresholds: Thresholds | None = None


class LoginSeen(msgspec.Struct, frozen=True, tag="login"):
    """One login attempt's outcome, from the auth policy's report. Failed ones say nothing against the mailbox."""

    t: float
    mailbox: str
    success: bool
    protocol: str
    ip: str
    country: str = ""
    asn: int = 0
    # First 12 bits of a keyed hash of the password, as Dovecot sends it: equal means "the same wrong password".
    # "" for an app password.
    pwhash: str = ""
    device: str = ""
    session: str = ""
    # The app password it was made with, as Dovecot names it (its number); "" for the mailbox's own password.
    app_password: str = ""
    # Whether its source was unfamiliar to the mailbox; None: nobody says.
    strange: bool | None = None


class MessageSubmitted(msgspec.Struct, frozen=True, tag="submitted"):
    """A message accepted from an authenticated session (END-OF-MESSAGE): queue id and login belong together."""

    t: float
    mailbox: str
    queue_id: str
    sender: str
    recipients: int
    size: int
    ip: str = ""
    country: str = ""
    asn: int = 0
    # Whether its source was unfamiliar to the mailbox; None: nobody says.
    strange: bool | None = None
    # The recipients that were let through at RCPT, each once, by what they are to the mailbox; Postfix may have refused
    # some of them itself: then there are more of them than `recipients`. Fewer: the guard was not asked about all.
    own: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


class QueueIdPaired(msgspec.Struct, frozen=True, tag="paired"):
    """The mail log names the login of a queue id (smtpd line), its Message-ID, or the new id a filter gave it."""

    t: float
    mailbox: str
    queue_id: str
    former_queue_id: str = ""
    # With its angle brackets; its text is the sender's.
    message_id: str = ""
    # Where the session came from, when the line said it.
    ip: str = ""
    country: str = ""
    asn: int = 0
    strange: bool | None = None


class DeliveryResult(msgspec.Struct, frozen=True, tag="delivery"):
    """The result of one recipient of a message that an authenticated login submitted."""

    t: float
    mailbox: str
    queue_id: str
    recipient: str
    status: str
    dsn: str
    # The address as it was handed in, where an alias changed it.
    original: str = ""
    relation: Relation | None = None
    # The other server's words, unless it took the message; at most 250 characters.
    reply: str = ""
    # The host name of the server that answered; "" where none did.
    relay: str = ""


class MailForwarded(msgspec.Struct, frozen=True, tag="forwarded"):
    """Mail to this mailbox went on to an address elsewhere: by its script, or by an alias that leads there."""

    t: float
    mailbox: str
    target: str
    via: Literal["sieve", "alias"]


class SenderDeferred(msgspec.Struct, frozen=True, tag="deferred"):
    """Mail to a suspended mailbox was deferred: refused with 450 at RCPT, or kept waiting in our own queue."""

    t: float
    mailbox: str
    sender: str
    # The address as the sender wrote it.
    recipient: str
    client: str
    where: Literal["sender", "ours"]
    queue_id: str = ""


class MailArrived(msgspec.Struct, frozen=True, tag="arrived"):
    """Mail was delivered into a mailbox somebody had been waiting for."""

    t: float
    mailbox: str
    sender: str
    queue_id: str


class ScriptChanged(msgspec.Struct, frozen=True, tag="script"):
    """A Sieve script was stored or activated over ManageSieve."""

    t: float
    mailbox: str
    change: Literal["forward", "discard", "vacation", "filter"]
    target: str = ""
    script: str = ""
    ip: str = ""


class ReturnFiled(msgspec.Struct, frozen=True, tag="return_filed"):
    """Mail that came back for a hijacker's message was put into the folder for it, not into the inbox."""

    t: float
    mailbox: str
    message_id: str = ""


class NoticeSeen(msgspec.Struct, frozen=True, tag="notice"):
    """One of our own notices passed the mail log: it was handed over, whatever the worker remembers."""

    t: float
    message_id: str
    queue_id: str


class NoticeArrived(msgspec.Struct, frozen=True, tag="notice_arrived"):
    """One of our own notices was put into a mailbox of ours."""

    t: float
    message_id: str
    mailbox: str


class ScoreSampled(msgspec.Struct, frozen=True, tag="score"):
    """One reading of a mailbox' score between decisions (a decision is a reading of its own): guard.sampling."""

    # Random, unique: the same record read twice is one reading.
    id: str
    t: float
    mailbox: str
    generation: int
    score: float
    # Finding -> nats. At a familiar source, or under a hard cap, they do not add up to the score.
    findings: dict[str, float]
    thresholds: Thresholds


class UsualSeen(msgspec.Struct, frozen=True, tag="usual"):
    """What has become usual for a mailbox, told with the first event of each of its days and with each decision.

    Fields as in detection.profile_words.Usual; `names` are those of its networks' owners that the guard has met.
    """

    t: float
    mailbox: str
    countries: tuple[str, ...]
    owners: tuple[int, ...]
    protocols: tuple[str, ...]
    busiest_day: int
    days: int
    names: tuple[tuple[int, str], ...] = ()
    clients: tuple[str, ...] = ()


class NewRecipientAsked(msgspec.Struct, frozen=True, tag="new_recipient"):
    """A mailbox with a budget (restricted, on probation) asked for a new recipient: let through, or told to wait.

    Each one let through is told; of those told to wait one a minute for a mailbox.
    """

    t: float
    mailbox: str
    generation: int
    allowed: bool


class AttemptSeen(msgspec.Struct, frozen=True, tag="attempt"):
    """One login attempt at a mailbox whose owner tries his mail program just now (settings test). It decides nothing.

    Never the name as it was typed: people type passwords into that field.
    """

    t: float
    mailbox: str
    # What is wrong with the name or the connection: detection.settings_slips.SLIPS; "" for nothing that the guard sees.
    slip: str
    # Which form of the name the hash was made with: "own", "alias", "local_part" or "other".
    form: str
    success: bool
    # imap, pop3, smtp, sieve; "" where the log does not say it.
    protocol: str
    ip: str
    country: str = ""
    pwhash: str = ""
    device: str = ""
    # Whether the connection was encrypted; None: nobody says.
    tls: bool | None = None
    # The server name that the program asked for by TLS SNI, "" for none.
    server_name: str = ""


class SentFromElsewhere(msgspec.Struct, frozen=True, tag="elsewhere"):
    """A mailbox was used to send from a country outside its rule: refused, or only noted (mode observe).

    Told once an hour for a mailbox, an address and an outcome.
    """

    t: float
    mailbox: str
    ip: str
    country: str
    asn: int
    refused: bool


class GuardGap(msgspec.Struct, frozen=True, tag="gap"):
    """The guard was not there between two times: nothing was judged, the barrier stood."""

    t: float
    since: float
    until: float


Event = (
    LoginSeen
    | MessageSubmitted
    | QueueIdPaired
    | DeliveryResult
    | MailForwarded
    | SenderDeferred
    | MailArrived
    | ScriptChanged
    | ReturnFiled
    | NoticeSeen
    | NoticeArrived
    | ScoreSampled
    | UsualSeen
    | NewRecipientAsked
    | AttemptSeen
    | SentFromElsewhere
    | SessionRead
    | GuardGap
)


class ComplaintMade(msgspec.Struct, frozen=True, tag="complaint"):
    """A trusted reporter calls a message unwanted that this mailbox is known to have submitted. Not a spool event: it
    goes from `sekisho complaint` to the guard, through a log of its own."""

    t: float
    mailbox: str
    # The message: the same one reported twice is one complaint.
    queue_id: str
    submitted_at: float
    # The entry of complaints.reporters that vouches for it.
    reporter: str


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_encoder = msgspec.json.Encoder()
_decision_decoder = msgspec.json.Decoder(DecisionRecord)
_event_decoder = msgspec.json.Decoder(Event)
_complaint_decoder = msgspec.json.Decoder(ComplaintMade)


def format_record(record: DecisionRecord | Event | ComplaintMade) -> bytes:
    """The record as one line of JSON without the line end.

    Raises RecordError for a decision that could not be read back (a score that is no number, half a character): better
    here, where it is made, than in the agent that must act on it.
    """
    line = _encode(record)
    if isinstance(record, DecisionRecord):
        parse_decision(line)
    return line


def _encode(record: DecisionRecord | Event | ComplaintMade) -> bytes:
    try:
        return _encoder.encode(record)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise RecordError(str(error)) from error


def parse_decision(line: bytes) -> DecisionRecord:
    """The decision in a journal line; raises RecordError."""
    try:
        return _decision_decoder.decode(line)
    except _UNREADABLE as error:
        raise RecordError(str(error)) from error


def parse_event(line: bytes) -> Event:
    """The event in a spool line; raises RecordError."""
    try:
        event: Event = _event_decoder.decode(line)
        return event
    except _UNREADABLE as error:
        raise RecordError(str(error)) from error


def parse_complaint(line: bytes) -> ComplaintMade:
    """The complaint in a line of the complaints' log; raises RecordError."""
    try:
        return _complaint_decoder.decode(line)
    except _UNREADABLE as error:
        raise RecordError(str(error)) from error
