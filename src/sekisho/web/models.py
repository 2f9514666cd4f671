"""What the sign-in page must remember between processes (database `default`): tries, and addresses known to be good."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as django_settings
from django.db import models


class SignInTries(models.Model):
    """Sign-in tries of one window under one key. The key is a keyed hash: people type passwords into the name field."""

    key = models.CharField(max_length=64)
    # Number of the window since 1970 (throttle.WINDOW long).
    window = models.PositiveBigIntegerField()
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "window"], name="one_row_per_key_and_window"),
        ]


class KnownAddress(models.Model):
    """An address from which this account has signed in; wrong tries from elsewhere do not shut it out."""

    account = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "address"], name="one_row_per_known_address"),
        ]


class CacheEntry(models.Model):
    """The table of Django's DatabaseCache (settings.CACHES), made by a migration like every other."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "sekisho_cache"


class SignOnAccount(models.Model):
    """An account that a hoster's single sign-on has made: only that issuer opens it and names its domains."""

    account = models.OneToOneField(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=255)


class UsedStatement(models.Model):
    """A statement of single sign-on that has been used, until it would have expired anyway."""

    # SHA-256 of issuer and jti.
    key = models.CharField(max_length=64, primary_key=True)
    expires = models.DateTimeField(db_index=True)
