"""Rows about single messages: who sent them, who called them unwanted, which of them are on hold (imported by
`incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class QueueIdLogin(models.Model):
    """Which login submitted a queue id: the only sound way to hold exactly the hijacker's mail (RELIABILITY F8)."""

    queue_id = models.CharField(max_length=40, primary_key=True)
    mailbox = models.CharField(max_length=255, db_index=True)
    at = models.DateTimeField(db_index=True)
    sender = models.CharField(max_length=320, blank=True, default="")
    recipients = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    # As cleanup logged it, with its angle brackets; the sender's text. Ties reports to a message, never to a person.
    message_id = models.CharField(max_length=255, blank=True, default="", db_index=True)
    # Where the session came from; "": not known.
    ip = models.CharField(max_length=45, blank=True, default="", db_default="")
    country = models.CharField(max_length=2, blank=True, default="", db_default="")
    asn = models.PositiveBigIntegerField(default=0, db_default=0)
    # Whether that was unfamiliar to the mailbox then; None: nobody said.
    strange = models.BooleanField(null=True)
    # The first queue id of the same message, when a content filter or a requeue gave it this one; "" for the first.
    origin = models.CharField(max_length=40, blank=True, default="", db_default="", db_index=True)
    # Its recipients are all known from its handing in; else the delivery results name them.
    listed = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "at"], name="messages_by_time")]


class SentRecipient(models.Model):
    """One recipient of a message that a login handed in, and what became of this copy (incidents.sent_mail)."""

    OUTCOMES: ClassVar = ["asked", "waiting", "delivered", "refused", "refused_as_spam"]

    # The message's first queue id (QueueIdLogin.origin leads there).
    queue_id = models.CharField(max_length=40)
    mailbox = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)
    # As SMTP carried it, in lower case.
    recipient = models.CharField(max_length=320)
    domain = models.CharField(max_length=255)
    # own, partner, stranger: whom it was to the mailbox when the message was handed in.
    relation = models.CharField(max_length=8)
    # asked: let through at RCPT, but Postfix has refused some recipients of this message and does not say which.
    outcome = models.CharField(max_length=16, default="waiting")
    dsn = models.CharField(max_length=12, blank=True, default="")
    reply = models.CharField(max_length=250, blank=True, default="")
    # When the outcome became known.
    result_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "at"], name="recipients_by_time")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["queue_id", "recipient"], name="one_row_per_recipient"),
        ]


class ForwardedMail(models.Model):
    """How many messages to a mailbox went on to an address elsewhere within an hour, by its script or by an alias."""

    mailbox = models.CharField(max_length=255)
    target = models.CharField(max_length=320)
    # sieve, alias
    via = models.CharField(max_length=5)
    # The hour's first second.
    hour = models.DateTimeField(db_index=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "target", "via", "hour"], name="one_row_per_forward_and_hour"),
        ]


class UnseenTime(models.Model):
    """A time in which the guard was not there: nothing was judged, and what happened is known from logs at best."""

    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["since", "until"], name="one_row_per_unseen_time"),
        ]


class ReportedMessage(models.Model):
    """A message that somebody called unwanted (ARF): one row however often it is reported, so that it counts once.

    Reports that name no message of ours are only counted, in one row a day without a mailbox: who writes a thousand
    of them makes one row.
    """

    # The queue id, or "untied YYYY-MM-DD".
    key = models.CharField(max_length=48, primary_key=True)
    mailbox = models.CharField(max_length=255, blank=True, default="", db_index=True)
    # When the message was handed in.
    submitted_at = models.DateTimeField(null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    reports = models.PositiveIntegerField(default=1)
    # The entry of complaints.reporters that vouches for one of the reports; "": nobody does, it counts nothing.
    vouched_by = models.CharField(max_length=255, blank=True, default="")


class HeldMessage(models.Model):
    """A message of an incident that a host put on hold, or meant to. What its agent read back last.

    state: held; escaped (delivered although it was being put on hold); released (off hold, still queued); left (gone
    from our queue since it was released); purged (deleted by a person's order); vanished (gone from hold without one).
    """

    STATES: ClassVar = ["held", "escaped", "released", "left", "purged", "vanished"]

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="held_messages")
    host = models.CharField(max_length=255)
    queue_id = models.CharField(max_length=40)
    state = models.CharField(max_length=8)
    at = models.DateTimeField()
    # The order that brought it there: its actor did it.
    order = models.ForeignKey("incidents.Order", on_delete=models.SET_NULL, null=True, related_name="+")
    # None and empty: it had left before anybody saw more than its queue id.
    arrived_at = models.DateTimeField(null=True)
    sender = models.CharField(max_length=320, blank=True, default="")
    # Octets.
    size = models.PositiveBigIntegerField(default=0)
    # How many recipients were still to be served, and the addresses of the first.
    recipients = models.PositiveIntegerField(default=0)
    addresses = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["incident", "state"], name="held_by_state")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "host", "queue_id"], name="one_row_per_held_message"),
        ]
