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
