"""The table of app passwords; a part of `models`, which names it for everybody else."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class AppPassword(models.Model):
    """A password of one device, beside the mailbox's own (incidents.app_passwords). The agents write those in force
    into a file that Dovecot reads; none of its other columns is needed to log in."""

    mailbox = models.CharField(max_length=255, db_index=True)
    # The device, in its owner's words.
    name = models.CharField(max_length=64)
    # Doors it opens, Dovecot's service names, comma-separated: imap, pop3, smtp, sieve.
    scope = models.CharField(max_length=32)
    # First 12 bits of its SHA-256, by which Dovecot finds the row; then all of it, "" once it was revoked.
    selector = models.CharField(max_length=4)
    verifier = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255)
    # `created` of the site's mailbox then: one deleted and made again is another mailbox.
    mailbox_made_at = models.DateTimeField()
    # Switched off by the suspension of this generation; only a dismissal switches it on again.
    disabled_at = models.DateTimeField(null=True)
    disabled_in = models.PositiveIntegerField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_protocol = models.CharField(max_length=16, blank=True, default="")
    last_ip = models.CharField(max_length=45, blank=True, default="")
    last_country = models.CharField(max_length=2, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mailbox", "selector"],
                condition=Q(revoked_at__isnull=True),
                name="one_app_password_per_selector",
            ),
            models.UniqueConstraint(
                fields=["mailbox", "name"], condition=Q(revoked_at__isnull=True), name="one_app_password_per_name"
            ),
        ]
