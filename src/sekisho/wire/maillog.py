r"""Lines of Postfix' mail log (postlogd's file, or rsyslog's), read without believing what strangers put into them.

Read: Postfix 3.7 to 3.10, time stamps `Nov 24 02:27:52` or RFC 3339. Attacker-controlled are envelope addresses,
Message-IDs, HELO names and remote servers' replies. What keeps them from forging another meaning:
- the daemon's name and the queue id stand before any of it, and each daemon has patterns of its own;
- Postfix writes addresses in quoted form (`info_log_addr_form=quoted`, the default), so `<>` and blanks occur only
  inside "quoted strings"; `_ADDRESS` reads exactly that and cannot stop early or run on;
- a HELO name has its `<>()\";@ ` replaced by "?" (NEUTER_CHARACTERS in smtpd.c); a reply text is read only after
  every other attribute, anchored at the start, or before every other, anchored at the end of the line.
Known weak point: where syslog collects the log, any local user can write whole lines with logger(1); postlogd's file
(`maillog_file`) has no such door. So the guard lets lines accuse a mailbox of messages only where it was away itself.

Not supported: `info_log_addr_form=internal`; such lines with special characters are not read (None).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from sekisho.wire.errors import WireError

# Postfix' longest lines carry two addresses and a reply (each at most line_length_limit 2048); the rest is no log.
MAX_LINE = 8 * 1024


class SmtpdLogin(msgspec.Struct, frozen=True):
    """smtpd accepted a message from an authenticated session: queue id and login belong together."""

    stamp: str
    queue_id: str
    ip: str
    sasl_username: str


class QueueSender(msgspec.Struct, frozen=True):
    """qmgr took a message up; the envelope sender is empty for a bounce."""

    stamp: str
    queue_id: str
    sender: str
    size: int
    recipients: int


class Delivery(msgspec.Struct, frozen=True):
    """The result of one attempt for one recipient."""

    stamp: str
    # smtp, lmtp, local, virtual, pipe, error (also the service "retry").
    daemon: str
    queue_id: str
    recipient: str
    # The address before alias expansion; empty when it was the same.
    original: str
    relay: str
    dsn: str
    # sent, bounced, deferred, expired, deliverable, undeliverable.
    status: str
    # The reason; for remote deliveries the other server's own words.
    text: str
    # The id the next server gave it ("queued as"), its word only; empty otherwise.
    queued_as: str

    @property
    def stays_here(self) -> bool:
        """True when the next server is one of this machine's own, as a content filter is."""
        return bool(_loopback(self.relay))

    @property
    def waits_here(self) -> bool:
        """True for mail our own queue keeps because the barrier's transport says `retry:4.2.1`."""
        return self.daemon in ("error", "retry") and self.status == "deferred" and self.dsn == "4.2.1"


class QueueExpired(msgspec.Struct, frozen=True):
    """qmgr gave a message up at the end of its lifetime and returned it to the sender."""

    stamp: str
    queue_id: str
    sender: str


class RcptDeferred(msgspec.Struct, frozen=True):
    """smtpd refused a recipient with 450 4.2.1, as the barrier does for a suspended mailbox: the sender keeps it."""

    stamp: str
    client: str
    ip: str
    sender: str
    # As the client typed it: case, extension and alias domain are not resolved.
    recipient: str


class MessageIdSeen(msgspec.Struct, frozen=True):
    """cleanup saw this Message-ID header; its text is the sender's."""

    stamp: str
    queue_id: str
    message_id: str


class Requeued(msgspec.Struct, frozen=True):
    """A message got a new queue id: after `postsuper -r`, or handed back by a content filter."""

    stamp: str
    queue_id: str
    former_queue_id: str


LogLine = SmtpdLogin | QueueSender | Delivery | QueueExpired | RcptDeferred | MessageIdSeen | Requeued

# Hexadecimal, or Postfix' long form in base 52 without vowels (enable_long_queue_ids).
_ID = r"(?:[0-9A-F]{6,20}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24})"
# An address in quoted form. Possessive (*+): there is one way to read it, so none is tried after it failed.
_ADDRESS = r'((?:"(?:[^"\\]|\\.)*+"|[^"<>\\])*+)'
# name[address], and :port with smtpd_client_port_logging.
_CLIENT = r"([^\[\]\s]+)\[([0-9A-Fa-f.:]+|unknown)\](?::\d+)?"

_head = re.compile(
    r"((?:[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d)|(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)))"
    r" \S+ [^\s\[\]]+/([a-z0-9_-]+)\[\d+\]: (.*)"
).fullmatch
_login = re.compile(
    rf"({_ID}): client={_CLIENT}, sasl_method=[A-Za-z0-9_-]+, sasl_username=([^\s,]+)(?:, sasl_sender=.*)?"
).fullmatch
_handed_back = re.compile(rf"({_ID}): client={_CLIENT}, orig_queue_id=({_ID}), orig_client=.*").fullmatch
_deferred = re.compile(
    rf"(?:NOQUEUE|{_ID}): reject: RCPT from {_CLIENT}: 450 4\.2\.1 .*"
    rf"; from=<{_ADDRESS}> to=<{_ADDRESS}> proto=[A-Z]+(?: helo=<[^<>\" ]*>)?(?: sasl_[a-z]+=[^\s<>\",]+,?)*"
).fullmatch
_active = re.compile(rf"({_ID}): from=<{_ADDRESS}>, size=(\d{{1,18}}), nrcpt=(\d{{1,9}}) \(queue [a-z]+\)").fullmatch
_expired = re.compile(rf"({_ID}): from=<{_ADDRESS}>, status=(?:force-)?expired, returned to sender").fullmatch
_message_id = re.compile(rf"({_ID}): message-id=(.+)").fullmatch
_picked_up = re.compile(rf"({_ID}): uid=\d+ from=<{_ADDRESS}> orig_id=({_ID})").fullmatch
# Between relay and dsn stand conn_use, delay, delays, and in later versions more of the same form.
_delivery = re.compile(
    rf"({_ID}): to=<{_ADDRESS}>,(?: orig_to=<{_ADDRESS}>,)? relay=([^\s,]+),(?: [a-z_]+=[^\s,<>\"]*,)*"
    r" dsn=(\d\.\d{1,3}\.\d{1,3}), status=([a-z-]+) \((.*)\)"
).fullmatch
_loopback = re.compile(r"[^\[\]]*\[(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)\](?::\d+)?").fullmatch
_queued_as = re.compile(rf"2\d\d .*\bqueued as ({_ID})").fullmatch

_DELIVERING = frozenset({"smtp", "lmtp", "local", "virtual", "pipe", "error", "retry", "discard", "relay"})


def is_postfix(line: str) -> bool:
    """Whether a line's head is that of a Postfix daemon (`mx01 postfix/smtpd[123]: `): what stands before the first
    ": " is no stranger's text."""
    end = line.find(": ")
    return line[end - 1 : end] == "]" and "/" in line[:end]


def parse_line(line: str) -> LogLine | None:
    """What a line (without its end) says, None for lines that say nothing we use or that are not Postfix'."""
    if len(line) > MAX_LINE:
        return None
    head = _head(line)
    if head is None:
        return None
    stamp, daemon, rest = head.groups()
    if daemon == "smtpd":
        return _smtpd(stamp, rest)
    if daemon in _DELIVERING:
        return _delivered(stamp, daemon, rest)
    if daemon == "qmgr":
        return _qmgr(stamp, rest)
    if daemon == "cleanup" and (found := _message_id(rest)):
        return MessageIdSeen(stamp, found[1], found[2])
    if daemon == "pickup" and (found := _picked_up(rest)):
        return Requeued(stamp, found[1], found[3])
    return None


def _smtpd(stamp: str, rest: str) -> SmtpdLogin | RcptDeferred | Requeued | None:
    if found := _login(rest):
        return SmtpdLogin(stamp, queue_id=found[1], ip=found[3], sasl_username=found[4])
    if found := _deferred(rest):
        return RcptDeferred(stamp, client=found[1], ip=found[2], sender=found[3], recipient=found[4])
    if found := _handed_back(rest):
        return Requeued(stamp, queue_id=found[1], former_queue_id=found[4])
    return None


def _qmgr(stamp: str, rest: str) -> QueueSender | QueueExpired | None:
    if found := _active(rest):
        return QueueSender(stamp, found[1], found[2], size=int(found[3]), recipients=int(found[4]))
    if found := _expired(rest):
        return QueueExpired(stamp, found[1], found[2])
    return None


def _delivered(stamp: str, daemon: str, rest: str) -> Delivery | None:
    found = _delivery(rest)
    if found is None:
        return None
    queue_id, recipient, original, relay, dsn, status, text = found.groups()
    queued = _queued_as(text) if status == "sent" else None
    return Delivery(
        stamp=stamp,
        daemon=daemon,
        queue_id=queue_id,
        recipient=recipient,
        original=original or "",
        relay=relay,
        dsn=dsn,
        status=status,
        text=text,
        queued_as=queued[1] if queued else "",
    )


def seconds_of(stamp: str, now: datetime) -> float:
    """The epoch seconds of a record's stamp; raises WireError.

    `now` has a zone: the traditional stamp has neither year nor zone, so it is read in now's zone, in the latest year
    that does not put it more than a day ahead (a log of December read in January).
    """
    try:
        if stamp[:1].isdigit():
            return datetime.fromisoformat(stamp).timestamp()
        for year in (now.year + 1, now.year, now.year - 1):
            moment = _in_year(stamp, year, now)
            if moment is not None and moment <= now + timedelta(days=1):
                return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise WireError("mail log: time stamp cannot be read") from error
    raise WireError("mail log: time stamp cannot be read")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _in_year(stamp: str, year: int, now: datetime) -> datetime | None:
    hour, minute, second = map(int, stamp[7:].split(":"))
    try:
        return now.replace(
            year=year,
            month=_MONTHS.index(stamp[:3]) + 1,
            day=int(stamp[4:6]),
            hour=hour,
            minute=minute,
            second=second,
            microsecond=0,
        )
    except ValueError:
        # 29 February exists in some of the years only.
        return None
