"""Who watches for the next logins of a mailbox, and what came (incidents.settings_test). Gone within an hour."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SettingsWatch(models.Model):
    """Somebody tries the mail program of this mailbox: its login attempts are told until then."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)
    # When the password was set that is being tried; None: nobody knows, an old one cannot be told.
    password_set_at = models.DateTimeField(null=True)
    # Addresses of the browsers that watch (IPv6: their /64).
    sources = models.JSONField(default=list)


class SettingsAttempt(models.Model):
    """One attempt at a watched mailbox, as the guard told it (journal.AttemptSeen)."""

    mailbox = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)
    slip = models.CharField(max_length=16, blank=True, default="")
    form = models.CharField(max_length=16)
    success = models.BooleanField()
    protocol = models.CharField(max_length=16, blank=True, default="")
    ip = models.CharField(max_length=45)
    country = models.CharField(max_length=2, blank=True, default="")
    # 12 bits, as in SignIn.
    pwhash = models.CharField(max_length=16, blank=True, default="")
    device = models.CharField(max_length=200, blank=True, default="")
    tls = models.BooleanField(null=True)
    server_name = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "-id"], name="settings_attempts_latest")]
