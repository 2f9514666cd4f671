"""Rules about the places a mailbox is used from: countries opened for a journey, and countries it is kept to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class TravelPass(models.Model):
    """A country that counts as known for a time: the owner said in advance that he goes there."""

    mailbox = models.CharField(max_length=255, db_index=True)
    # ISO 3166-1, upper case.
    country = models.CharField(max_length=2)
    since = models.DateTimeField()
    until = models.DateTimeField()
    made_at = models.DateTimeField()
    actor = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "country"], name="one_pass_per_country"),
        ]


class CountryPin(models.Model):
    """The only countries a mailbox may be used from, always or while it is on probation."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    # ISO 3166-1, upper case, sorted.
    countries = models.JSONField()
    only_on_probation = models.BooleanField(default=False)
    made_at = models.DateTimeField()
    actor = models.CharField(max_length=255)


class SendingCountries(models.Model):
    """From which countries a domain's mailboxes send by SMTP AUTH; one without a row follows the host's setting."""

    domain = models.CharField(max_length=255, primary_key=True)
    # off, observe, enforce
    mode = models.CharField(max_length=8)
    # ISO 3166-1, upper case, sorted.
    countries = models.JSONField()
    # Networks that count as there wherever the address data put them.
    exceptions = models.JSONField(default=list)
    # When it got its present mode: how long it has been observed.
    since = models.DateTimeField()
    made_at = models.DateTimeField()
    actor = models.CharField(max_length=255)


class SendingChoice(models.Model):
    """A mailbox whose mode differs from its domain's; its countries are the domain's."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    mode = models.CharField(max_length=8)
    made_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
