"""What the mail log tells the guard: whose message a queue id is, how deliveries ended, who waits, what arrived.

Each line goes through the same `take_line`, live or read again after a gap. Messages whose END-OF-MESSAGE request the
guard never saw because it was away are learnt from the log instead: their recipients from the delivery lines, with the
log's time. Only then: where syslog collects the log, any local user can write lines into it with logger(1), and nobody
may shoot a mailbox with lines (DESIGN P3). While the guard answers, a login it was not asked about says nothing but
whose a queue id is said to be.
"""

from __future__ import annotations

import asyncio
import logging
import time

from sekisho.detection import Delivery as DeliveryEvent
from sekisho.detection import Recipient, Submission
from sekisho.guard.checkpoint import MAX_ADDRESS, Checkpoint
from sekisho.guard.dovecot_tail import DovecotTail
from sekisho.guard.log_clock import LineClock
from sekisho.guard.log_file import LogFile, Position
from sekisho.guard.recent import Recent
from sekisho.guard.submissions import REMEMBERED_IDS, Pair
from sekisho.journal import (
    DeliveryResult,
    Event,
    MailArrived,
    MailForwarded,
    NoticeArrived,
    NoticeSeen,
    QueueIdPaired,
    SenderDeferred,
)
from sekisho.wire import maillog

log = logging.getLogger("sekisho.guard")

POLL_SECONDS = 0.2
# A pause between two looks at the log that is longer than this: the guard stood still, and Postfix went on without it.
STALLED_SECONDS = 2.0
# Postfix lets a message pass 7 s after its question (twice our timeout of 3 s, and one second between).
UNANSWERED_SECONDS = 10.0
# logrotate has made the new file within a second or two; one that cannot be read for longer is somebody's mistake.
TROUBLE_SECONDS = 5.0
# Message-IDs of our own notices; deterministic, so that a worker killed after sending finds them again.
NOTICE_PREFIX = "<sekisho.notice."
# Messages between cleanup and qmgr at a time: a second's mail of the busiest host.
UNQUEUED_MESSAGES = 1000
# RFC 5322, section 2.1.1: a line has 998 characters; nobody's Message-ID comes near a quarter of that.
MAX_MESSAGE_ID = 250
# A chunk takes some 5 ms to read; between two the loop answers Postfix and Dovecot.
CHUNK_PAUSE_SECONDS = 0.0
# What is kept of another server's words: a refusal's reason stands in its first line.
MAX_REPLY = 250
# RFC 1035, section 2.3.4.
MAX_HOST_NAME = 255

# Daemons that put mail into a mailbox of ours.
_INTO_MAILBOXES = frozenset({"lmtp", "virtual", "local", "pipe"})


class LogTail:
    """Reads the log's lines into events."""

    def __init__(self, checkpoint: Checkpoint, notice_sender: str) -> None:
        self._checkpoint = checkpoint
        self._notice_sender = notice_sender.lower()
        self._senders: Recent[str] = Recent(REMEMBERED_IDS)
        # Message-IDs between cleanup's line and qmgr's: by then we know the login, and of our notices the sender.
        self._message_ids: Recent[str] = Recent(UNQUEUED_MESSAGES)
        # Our notices in the queue: one for a mailbox of ours (a test mail) is told when it has arrived.
        self._notices: Recent[str] = Recent(UNQUEUED_MESSAGES)
        # Ids whose message went on under another one: a content filter's "sent" is no delivery.
        self._handed_on: Recent[bool] = Recent(REMEMBERED_IDS)
        self._clock = LineClock()
        # Off while lines are read again whose events the spool already has.
        self.spooling = True
        # On while lines are read that were written when we did not answer: only those teach of messages we never saw.
        self.catching_up = True

    def _spool(self, event: Event) -> None:
        if self.spooling:
            self._checkpoint.spool(event)

    def take_line(self, line: str, now: float) -> None:
        """Acts on one log line; lines that say nothing we use change nothing."""
        found = maillog.parse_line(line)
        if found is None:
            return
        t = self._clock.read(found.stamp, now)
        if isinstance(found, maillog.Delivery):
            self._delivery(found, t, now)
        elif isinstance(found, maillog.SmtpdLogin):
            self._login(found, t)
        elif isinstance(found, maillog.QueueSender):
            self._queue_sender(found, t, now)
        elif isinstance(found, maillog.RcptDeferred):
            self._refused(found, t)
        elif isinstance(found, maillog.Requeued):
            self._requeued(found, t)
        elif isinstance(found, maillog.MessageIdSeen):
            self._message_ids.put(found.queue_id, found.message_id[:MAX_MESSAGE_ID])

    def _login(self, found: maillog.SmtpdLogin, t: float) -> None:
        mailbox = self._checkpoint.mailbox(found.sasl_username)
        if mailbox is None or self._checkpoint.accepted.owner(found.queue_id) is not None:
            return
        generation = self._checkpoint.standing.generation(mailbox)
        if self.catching_up:
            self._checkpoint.accepted.pair(found.queue_id, Pair(mailbox, t, generation, found.ip, live=False))
        _, place = self._checkpoint.places.source(found.ip)
        strange = self._checkpoint.is_strange(mailbox, place)
        self._spool(QueueIdPaired(t, mailbox, found.queue_id, "", "", found.ip, place.country, place.asn, strange))

    def _queue_sender(self, found: maillog.QueueSender, t: float, now: float) -> None:
        if self._senders.get(found.queue_id) is None:
            self._first_in_queue(found, t, now)
        self._senders.put(found.queue_id, found.sender)
        message_id = self._message_ids.get(found.queue_id)
        if message_id is None:
            return
        self._message_ids.forget(found.queue_id)
        # Robustness: anybody can write our Message-IDs; only mail from our own sender is a notice of ours.
        if message_id.startswith(NOTICE_PREFIX) and found.sender.lower() == self._notice_sender:
            self._spool(NoticeSeen(t, message_id, found.queue_id))
            self._notices.put(found.queue_id, message_id)
        pair = self._checkpoint.accepted.owner(found.queue_id)
        if pair is not None:
            self._spool(QueueIdPaired(t, pair.mailbox, found.queue_id, message_id=message_id))

    def _first_in_queue(self, found: maillog.QueueSender, t: float, now: float) -> None:
        """qmgr takes a message up for the first time: one that passed without us is learnt now."""
        pair = self._checkpoint.accepted.owner(found.queue_id)
        if pair is None or pair.live:
            return
        checkpoint = self._checkpoint
        checkpoint.accepted.add(found.queue_id, pair)
        ip, place = checkpoint.places.source(pair.ip)
        checkpoint.observe(Submission(t, pair.mailbox, ip, place, found.queue_id, found.recipients, found.size), t)

    def _delivery(self, found: maillog.Delivery, t: float, now: float) -> None:
        pair = self._checkpoint.accepted.owner(found.queue_id)
        if pair is not None:
            is_handed_on = self._went_on(found, pair, t)
            self._result(found, pair, t, is_handed_on)
        if found.original and found.status == "sent":
            self._forwarded(found, t)
        recipient = self._checkpoint.mailbox(found.recipient)
        if recipient is None:
            return
        standing = self._checkpoint.standing
        if found.waits_here and standing.of(recipient).status == "suspended":
            self._spool(self._deferred(t, recipient, found, self._senders.get(found.queue_id) or ""))
        elif found.status == "sent" and found.daemon in _INTO_MAILBOXES:
            if (notice := self._notices.get(found.queue_id)) is not None:
                self._spool(NoticeArrived(t, notice, recipient))
            elif recipient in standing.watched:
                self._spool(MailArrived(t, recipient, self._senders.get(found.queue_id) or "", found.queue_id))

    @staticmethod
    def _deferred(t: float, mailbox: str, found: maillog.Delivery, sender: str) -> SenderDeferred:
        return SenderDeferred(t, mailbox, sender, found.original or found.recipient, "", "ours", found.queue_id)

    def _went_on(self, found: maillog.Delivery, pair: Pair, t: float) -> bool:
        """Whether a content filter of ours has taken the message and handed it back under a new id.

        With XFORWARD smtpd has told the new id (`_requeued`); without, the filter's answer does (docs/neighbours.md).
        Only an answer from this machine about an id that our own log has seen counts: other servers choose their words
        freely.
        """
        if found.status != "sent" or not found.stays_here:
            return False
        if self._handed_on.get(found.queue_id):
            return True
        new = found.queued_as
        if not new or (self._senders.get(new) is None and self._message_ids.get(new) is None):
            return False
        if self._checkpoint.accepted.owner(new) is None:
            self._go_on(new, found.queue_id, pair, t)
        return True

    def _forwarded(self, found: maillog.Delivery, t: float) -> None:
        """Mail to a mailbox of ours that an alias sends elsewhere. A filter's "sent" is told under the new id."""
        if found.stays_here or found.daemon in _INTO_MAILBOXES:
            return
        mailbox = self._checkpoint.mailbox(found.original)
        if mailbox is not None and self._checkpoint.leaves(mailbox, found.recipient):
            self._spool(MailForwarded(t, mailbox, found.recipient.lower()[:MAX_ADDRESS], "alias"))

    def _result(self, found: maillog.Delivery, pair: Pair, t: float, is_handed_on: bool) -> None:
        checkpoint = self._checkpoint
        ip, place = checkpoint.places.source(pair.ip)
        recipient = found.recipient.lower()
        if not pair.live:
            checkpoint.observe(Recipient(t, pair.mailbox, ip, place, recipient, found.queue_id), t)
        if is_handed_on:
            # How it ends is told under the new id.
            return
        # Late bounces of an incident that is over never count again (DESIGN §4).
        if pair.generation == checkpoint.standing.generation(pair.mailbox):
            event = DeliveryEvent(t, pair.mailbox, recipient, found.status, found.dsn, ip, place, pair.at)
            checkpoint.observe(event, t)
        original = found.original.lower()
        self._spool(
            DeliveryResult(
                t, pair.mailbox, found.queue_id, recipient, found.status, found.dsn, original,
                checkpoint.relation(pair.mailbox, original or recipient),
                "" if found.status == "sent" else found.text[:MAX_REPLY],
                found.relay.partition("[")[0][:MAX_HOST_NAME].lower() if "[" in found.relay else "",
            )
        )  # fmt: skip

    def _refused(self, found: maillog.RcptDeferred, t: float) -> None:
        mailbox = self._checkpoint.mailbox(found.recipient)
        if mailbox is not None:
            client = f"{found.client}[{found.ip}]"
            self._spool(SenderDeferred(t, mailbox, found.sender, found.recipient, client, "sender"))

    def _requeued(self, found: maillog.Requeued, t: float) -> None:
        pair = self._checkpoint.accepted.owner(found.former_queue_id)
        if pair is None:
            return
        if (sender := self._senders.get(found.former_queue_id)) is not None:
            self._senders.put(found.queue_id, sender)
        self._go_on(found.queue_id, found.former_queue_id, pair, t)

    def _go_on(self, queue_id: str, former: str, pair: Pair, t: float) -> None:
        """The message of `former` is under way as `queue_id`; it was counted under the former id already."""
        self._handed_on.put(former, True)
        self._checkpoint.accepted.add(queue_id, pair._replace(live=True))
        self._spool(QueueIdPaired(t, pair.mailbox, queue_id, former))


class TailReader:
    """Feeds the tails from a file of Postfix, Dovecot or both; `paused` holds it still while a snapshot is packed."""

    def __init__(
        self,
        tail: LogTail,
        file: LogFile,
        spooled: Position,
        dovecot: DovecotTail | None = None,
        paused: asyncio.Lock | None = None,
    ) -> None:
        self._tail = tail
        self._dovecot = dovecot
        self.file = file
        # What the last run had read: the spool has the events of the lines before it.
        self._spooled = spooled
        self.paused = paused or asyncio.Lock()
        self.lines = 0
        # What an operator must look at; empty when all is well.
        self.alarm = ""
        self._troubled_since = 0.0
        # The last look, and until when lines may be of messages that passed without us; 0: never looked.
        self._looked_at = 0.0
        self._unanswered_until = 0.0
        self._is_behind = True

    async def follow(self) -> None:
        """Reads for ever; a chunk at a time, with the loop's other work in between."""
        while True:
            async with self.paused:
                read = self.read_chunk(time.time())
            await asyncio.sleep(CHUNK_PAUSE_SECONDS if read or self.file.is_skipping else POLL_SECONDS)

    def read_chunk(self, now: float) -> int:
        """Takes the next chunk's lines; how many there were. A line we fail on is logged and passed over."""
        if now - self._looked_at > STALLED_SECONDS:
            self._is_behind, self._unanswered_until = True, now + UNANSWERED_SECONDS
        self._looked_at = now
        self._tail.catching_up = self._is_behind or now < self._unanswered_until
        lines = self.file.read_lines()
        self._is_behind = self._is_behind and (bool(lines) or self.file.is_skipping)
        self._watch(now)
        position = self.file.position
        is_old_file = position.is_in_file_of(self._spooled)
        offset = position.offset - sum(len(line) + 1 for line in lines)
        for line in lines:
            self._tail.spooling = not is_old_file or offset >= self._spooled.offset
            offset += len(line) + 1
            self._take(line.decode("utf-8", "backslashreplace"), now)
        return len(lines)

    def _take(self, line: str, now: float) -> None:
        self.lines += 1
        try:
            if self._dovecot is None or maillog.is_postfix(line):
                self._tail.take_line(line, now)
            else:
                self._dovecot.take_line(line, now)
        except Exception:
            log.exception("mail log: a line could not be taken")

    def _watch(self, now: float) -> None:
        """Raises the alarm when the file cannot be read for longer than a rotation takes; one log line each way."""
        trouble = self.file.trouble
        if not trouble:
            if self.alarm:
                log.info("%s is read again, from where reading stopped", self.file.path)
            self.alarm, self._troubled_since = "", 0.0
        elif not self._troubled_since:
            self._troubled_since = now
        elif now - self._troubled_since >= TROUBLE_SECONDS and trouble != self.alarm:
            self.alarm = trouble
            log.error("%s", trouble)
