"""Rows of what a mailbox' settings were, and of what an intruder left in them (incidents.planted)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SettingsLook(models.Model):
    """When a mailbox' settings were looked at: its scripts, or (mailbox "") everybody's rows in the site's tables."""

    mailbox = models.CharField(max_length=255)
    # scripts, tables
    part = models.CharField(max_length=8)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "part"], name="one_row_per_look"),
        ]


class KnownSetting(models.Model):
    """One forward, script, automatic answer or fetchmail job that a look has seen, and since when without a break."""

    mailbox = models.CharField(max_length=255, db_index=True)
    # forward, catch_all, vacation, fetchmail, script
    kind = models.CharField(max_length=10)
    # Of its identity (directory.site_settings.FoundSetting.key); a script's is a hash of its text.
    key = models.CharField(max_length=64)
    what = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "key"], name="one_row_per_known_setting"),
        ]


class PlantedItem(models.Model):
    """A setting that was not there before an incident's first sign, or whose age nobody knows; a person decides.

    state: found (about to be switched off), frozen (read back), listed (concerns others too: left as it is), to_keep
    and to_delete (decided, the host's agent has yet to read it back), kept, deleted.
    """

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="planted")
    # The mail host that found it carries out what is decided about it.
    host = models.CharField(max_length=255)
    kind = models.CharField(max_length=10)
    key = models.CharField(max_length=64)
    what = models.JSONField(default=dict)
    state = models.CharField(max_length=9, default="found")
    found_at = models.DateTimeField()
    # The last look that did not see it; None: nobody had looked, or a look after the first sign saw it (known_since).
    absent_at = models.DateTimeField(null=True)
    known_since = models.DateTimeField(null=True)
    # Found on probation, after the doors were opened again.
    after_release = models.BooleanField(default=False)
    # What undoing needs: {"added_self": true} for a forward that had left no copy here, {"active": true} for a script.
    former = models.JSONField(default=dict)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "key"], name="one_row_per_planted_item"),
        ]
