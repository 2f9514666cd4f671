"""What was read in sessions that may be a third party's (imported by `incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SessionReading(models.Model):
    """One session of a source that is not the mailbox' usual one, or that a decision named (guard.session_reads).

    Folder names, UIDs, words of searches and counts; never a subject, a sender or a text.
    """

    # The guard's own, random: the same record read twice is one row.
    id = models.CharField(max_length=64, primary_key=True)
    mailbox = models.CharField(max_length=255)
    # Dovecot's word for the session; a guard that was started anew meanwhile made two rows of it.
    session = models.CharField(max_length=128)
    protocol = models.CharField(max_length=8)
    ip = models.CharField(max_length=45)
    country = models.CharField(max_length=2, blank=True, default="")
    asn = models.PositiveBigIntegerField(default=0)
    # When this part of the session was first and last heard of.
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)
    told_at = models.DateTimeField()
    ended = models.BooleanField(default=False)
    # As in journal.FolderRead and journal.SearchMade.
    folders = models.JSONField(default=list)
    searches = models.JSONField(default=list)
    # Out of the line that Dovecot logs at the end; None: no such line was seen.
    octets = models.PositiveBigIntegerField(null=True)
    logged_fetches = models.PositiveBigIntegerField(null=True)
    # There was more than is kept of one session.
    more = models.BooleanField(default=False)

    class Meta:
        app_label = "incidents"
        indexes: ClassVar = [models.Index(fields=["mailbox", "until"], name="session_readings_by_time")]
