"""The outbox: one mail per incident and contact, sent exactly once also when the worker is killed in between.
Rows for channels besides mail are written here, too, and sent by channel_outbox.

A notice is written in the transaction of the decision. Sending: open -> sending (compare-and-set), SMTP, sent. A
worker killed between the last two does not know whether the mail left. Its Message-ID is fixed by the row, and the
guard reports every notice it sees in our mail log (NoticeSeen): the successor waits until that report must have come,
and sends again only if it did not.
"""

from __future__ import annotations

import hashlib
import logging
import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sekisho.config import Channel, NoticeSettings, Settings, settings
from sekisho.directory.models import Contact
from sekisho.directory.names import canonical
from sekisho.incidents import channels, letters, own_texts
from sekisho.incidents.channel_texts import compose_test
from sekisho.incidents.models import Incident, Notice
from sekisho.incidents.notice_texts import compose
from sekisho.incidents.timeline import add_entry
from sekisho.incidents.waiting_texts import LOW_OPERATOR, RESCUED_OPERATOR
from sekisho.journal.failpoint import failpoint

log = logging.getLogger(__name__)

# Our own Postfix on the same host answers in milliseconds; recording decisions must not wait long for a broken one: at
# most this deadline for each step of the dialogue, then a pause for all notices.
SMTP_DEADLINE_S = 5
POSTFIX_AWAY = timedelta(seconds=10)
# From the 250 to the guard's line in the spool: Postfix logs at once, the guard reads the log within 1 s.
SETTLING = timedelta(seconds=10)
# A restriction is often followed by a suspension within seconds, and nobody needs two mails about it: this one waits.
RESTRICTED_WAITS = timedelta(seconds=30)
# First retry after 10 s, then doubling up to an hour; after five days the text is history.
RETRY_FIRST_S, RETRY_LONGEST_S = 10, 3600
GIVE_UP_AFTER = timedelta(days=5)
# Contacts of this "domain" (PostfixAdmin's row for its super admins) are the operator's.
OPERATOR = "ALL"
# Calls to the operator; his addresses are none of the domain admin's business.
OPERATOR_KINDS = ("fuse", "unanswered", "relapse", LOW_OPERATOR, RESCUED_OPERATOR)
# About a restriction.
RESTRICTION_KINDS = ("restricted", "owner_asked")
# The fuse counts ten minutes (detection.fuse): one call for each such time says all there is to say.
CALLED_AGAIN_AFTER = timedelta(minutes=10)


def enqueue(incident: Incident, kind: str, now: datetime) -> None:
    """Writes the notices of a restriction or suspension ("restricted", "suspended"), one per contact of the domain.

    A contact that is the mailbox itself gets none: nobody but the hijacker could read it. A notice of the weaker kind
    that has not been sent yet is dropped.
    """
    if kind == "suspended":
        Notice.objects.filter(incident=incident, kind__in=RESTRICTION_KINDS, state="open").delete()
    _enqueue_for(Contact.objects.filter(domain=incident.domain), incident, kind, now)
    _enqueue_channels(channels.for_domain(incident.domain), incident, kind, now)


def call_operator(incident: Incident, host: str, now: datetime) -> None:
    """Writes the call that a host's fuse is blown ("fuse") to the operator's contacts, once in ten minutes for a host.

    `incident` is the one that the fuse turned into a restriction. Without contacts the log says it.
    """
    since = now - CALLED_AGAIN_AFTER
    if Notice.objects.filter(kind="fuse", created_at__gt=since, incident__decisions__host=host).exists():
        return
    contacts = Contact.objects.filter(domain=OPERATOR)
    if not contacts.exists():
        log.error("the fuse of %s is blown, and domain %s has no contact to be called", host, OPERATOR)
    _enqueue_for(contacts, incident, "fuse", now)
    _enqueue_channels(channels.for_operator(), incident, "fuse", now)


def ask_owner(incident: Incident, recipient: str, language: str, now: datetime) -> None:
    """Writes the question to a contact of the owner's own, unless he is told as a contact of the domain."""
    _tell_owner(incident, "owner_asked", "restricted", recipient, language, now)


def tell_owner(incident: Incident, recipient: str, language: str, now: datetime) -> None:
    """Writes the notice of a suspension to a contact of the owner's own, unless he is told as one of the domain."""
    _tell_owner(incident, "owner_told", "suspended", recipient, language, now)


def _tell_owner(incident: Incident, kind: str, same_as: str, recipient: str, language: str, now: datetime) -> None:
    if Notice.objects.filter(incident=incident, kind=same_as, recipient=recipient).exists():
        return
    _enqueue_one(incident, kind, recipient, language, now)


def tell_operator(incident: Incident, kind: str, now: datetime) -> None:
    """Writes a notice of this kind to each of the operator's contacts and channels, once for each incident."""
    _enqueue_for(Contact.objects.filter(domain=OPERATOR), incident, kind, now)
    _enqueue_channels(channels.for_operator(), incident, kind, now)


def tell_both(incident: Incident, kind: str, operators_kind: str, now: datetime) -> None:
    """Writes a notice to the contacts and channels of the domain, and one to the operator's contacts who are none of
    them; each once for an incident."""
    _enqueue_for(Contact.objects.filter(domain=incident.domain), incident, kind, now)
    _enqueue_channels(channels.for_domain(incident.domain), incident, kind, now)
    told = list(Notice.objects.filter(incident=incident, kind=kind).values_list("recipient", flat=True))
    others = Contact.objects.filter(domain=OPERATOR).exclude(address__in=told)
    _enqueue_for(others, incident, operators_kind, now)


def _enqueue_for(contacts: QuerySet[Contact], incident: Incident, kind: str, now: datetime) -> None:
    for contact in contacts:
        if canonical(contact.address) != incident.mailbox:
            _enqueue_one(incident, kind, contact.address, contact.language, now)


def _enqueue_channels(found: Iterable[Channel], incident: Incident, kind: str, now: datetime) -> None:
    for channel in found:
        _enqueue_one(incident, kind, channels.recipient_of(channel), channel.language, now)


def _enqueue_one(incident: Incident, kind: str, recipient: str, language: str, now: datetime) -> None:
    Notice.objects.get_or_create(
        incident=incident,
        kind=kind,
        recipient=recipient,
        defaults={"language": language, "message_id": message_id(incident, kind, recipient), "created_at": now},
    )


def message_id(incident: Incident, kind: str, recipient: str) -> str:
    """The Message-ID of a notice: the same whenever it is asked for, and telling a stranger nothing."""
    key = f"{incident.mailbox}\0{incident.generation}\0{kind}\0{recipient}\0{incident.detected_at.timestamp():.6f}"
    return f"<sekisho.notice.{hashlib.sha256(key.encode()).hexdigest()[:32]}@{settings().host}>"


def mark_seen(seen_message_id: str, at: datetime) -> None:
    """The mail log shows this notice: it was handed over, whatever we remember."""
    identifier = seen_message_id if seen_message_id.startswith("<") else f"<{seen_message_id}>"
    Notice.objects.filter(message_id=identifier).exclude(state="sent").update(state="sent", sent_at=at)


def is_due(notice: Notice, now: datetime) -> bool:
    """Whether an open notice is to be tried now; restrictions wait a little, failed tries longer each time."""
    if notice.claimed_at is None:
        return notice.kind not in RESTRICTION_KINDS or now >= notice.created_at + RESTRICTED_WAITS
    pause = min(RETRY_LONGEST_S, RETRY_FIRST_S * 2 ** max(0, notice.attempts - 1))
    return now >= notice.claimed_at + timedelta(seconds=pause)


def _relay(notices: NoticeSettings, message: EmailMessage, recipient: str, sender: str = "") -> None:
    with smtplib.SMTP(notices.smtp_host, notices.smtp_port, timeout=SMTP_DEADLINE_S) as smtp:
        smtp.send_message(message, from_addr=sender or notices.sender, to_addrs=[recipient])


def send_test(notices: NoticeSettings, recipient: str, language: str) -> None:
    """Sends a test mail now; raises OSError (every smtplib error is one) when our Postfix does not take it."""
    if not notices.sender:
        raise OSError("notices.sender is not set")
    text = compose_test("", language)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = notices.sender, recipient, text.title
    message["Auto-Submitted"] = "auto-generated"
    message["Date"] = format_datetime(timezone.localtime())
    message.set_content(text.text)
    _relay(notices, message, recipient)


class Outbox:
    """Sends what is open; one per worker (there is one worker per installation)."""

    def __init__(self, configuration: Settings, started_at: datetime) -> None:
        self._notices = configuration.notices
        self._host = configuration.host
        self._started_at = started_at
        self._looked_for_interrupted = False
        self._not_before = started_at

    def send_due(self, now: datetime, spool_is_read: bool) -> int:
        """Sends every notice that is due; how many left. `spool_is_read`: the worker has read all the guard wrote."""
        if not self._notices.sender:
            return 0
        if not self._looked_for_interrupted and spool_is_read and now >= self._started_at + SETTLING:
            self._reopen_interrupted()
        left = 0
        mails = Notice.objects.filter(state="open").exclude(recipient__startswith=channels.PREFIX)
        # An owner's letters wait for their hour and must not stand before everybody else's.
        ours = mails.exclude(kind__in=letters.kinds_from_owners())
        for notice in [*ours.order_by("id")[:20], *letters.due_from_owners(now)]:
            if now < self._not_before:
                break
            left += self._send(notice, now)
        return left

    def _reopen_interrupted(self) -> None:
        """Once after the start: what a killed predecessor had in hand, and the mail log has not shown since."""
        interrupted = Notice.objects.filter(state="sending", claimed_at__lt=self._started_at)
        interrupted.exclude(recipient__startswith=channels.PREFIX).update(state="open", claimed_at=None)
        self._looked_for_interrupted = True

    def _send(self, notice: Notice, now: datetime) -> bool:
        if not is_due(notice, now):
            return False
        claimed = Notice.objects.filter(pk=notice.pk, state="open").update(
            state="sending", claimed_at=now, attempts=notice.attempts + 1
        )
        if claimed != 1:
            return False
        failpoint("worker.notice.before_send")
        try:
            self._hand_over(notice)
        except letters.Stale as reason:  # also of a notice
            log.info("notice %s is not sent any more: %s", notice.message_id, reason)
            Notice.objects.filter(pk=notice.pk, state="sending").update(state="dropped")
            return False
        except OSError as error:  # every smtplib error is one
            self._put_back(notice, error, now)
            return False
        failpoint("worker.notice.after_send")
        self._mark_sent(notice)
        failpoint("worker.notice.after_mark")
        return True

    def _hand_over(self, notice: Notice) -> None:
        owner = letters.sender_of(notice)
        # What cannot be delivered goes back to the owner, in whose name it was sent.
        envelope = owner.addr_spec if owner else self._notices.sender
        _relay(self._notices, self._message(notice, owner), notice.recipient, envelope)

    def _message(self, notice: Notice, owner: Address | None) -> EmailMessage:
        subject, body = letters.compose(notice) if notice.incident is None else compose(notice)
        message = EmailMessage()
        message["From"] = owner or self._notices.sender
        message["To"] = notice.recipient
        message["Subject"] = subject
        message["Date"] = format_datetime(timezone.localtime(notice.created_at))
        message["Message-ID"] = notice.message_id
        if owner:
            message["Reply-To"] = owner
        else:
            # RFC 3834 5: nobody's vacation program shall answer. What an owner sends is a person's mail.
            message["Auto-Submitted"] = "auto-generated"
        message.set_content(body if owner else body + own_texts.foot(notice))
        return message

    def _put_back(self, notice: Notice, error: OSError, now: datetime) -> None:
        """A refusal for good (5xx) or five days of trying end a notice; anything else is tried again."""
        refused = isinstance(error, smtplib.SMTPRecipientsRefused) and all(
            500 <= code < 600 for code, _ in error.recipients.values()
        )
        state = "failed" if refused or now > notice.created_at + GIVE_UP_AFTER else "open"
        refusals = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)
        if not isinstance(error, refusals):
            self._not_before = now + POSTFIX_AWAY
        log.warning("notice %s to %s not sent (%s): %s", notice.message_id, notice.recipient, state, error)
        Notice.objects.filter(pk=notice.pk, state="sending").update(state=state)

    def _mark_sent(self, notice: Notice) -> None:
        at = timezone.now()
        with transaction.atomic(using="default"):
            Notice.objects.filter(pk=notice.pk).update(state="sent", sent_at=at)
            if notice.incident_id is None:
                return
            incident = Incident.objects.get(pk=notice.incident_id)
            details: dict[str, object] = {"kind": notice.kind}
            if notice.kind not in OPERATOR_KINDS:
                # The domain's admin reads the timeline; the operator's address is none of his.
                details["recipient"] = notice.recipient
            add_entry(incident, at, "notice", f"notice-{notice.pk}", details)
