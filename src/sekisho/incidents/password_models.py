"""Passwords that may not come back, and those we know to be fresh (incidents.burned): never a plain text."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class BurnedPassword(models.Model):
    """A password a hijacker may know: it never becomes this mailbox's password again (incidents.burned)."""

    mailbox = models.CharField(max_length=255, db_index=True)
    # "hmac:" and HMAC-SHA256 in hex where we saw the plain text; "policy:" and Dovecot's few bits of a keyed hash where
    # we saw it open the mailbox; else the site's own hash of it.
    verifier = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        app_label = "incidents"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "verifier"], name="one_row_per_burned_password"),
        ]


class KnownPassword(models.Model):
    """The present password of a mailbox as far as we can vouch for it: set by us, or confirmed by a dismissal."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    # A part of a hash of the site's stored hash: another one there means that somebody else set the password.
    mark = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        app_label = "incidents"
