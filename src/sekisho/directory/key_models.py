"""API keys (database `default`)."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as django_settings
from django.db import models


class ApiKey(models.Model):
    """A bearer key of the REST API: it acts as its account, within its scopes and domains, until it expires."""

    # Shown in lists and in the audit log; the key begins with it.
    prefix = models.CharField(max_length=8, unique=True)
    # Keyed hash of the whole key; the key itself is kept nowhere.
    hash = models.CharField(max_length=64)
    # What it is for, in its maker's words.
    name = models.CharField(max_length=100)
    account = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    # Of api_keys.SCOPES.
    scopes = models.JSONField(default=list)
    # Only these of its account's domains; empty: all of them, also those to come.
    domains = models.JSONField(default=list)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=255)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
