"""Rows about who saw a report's correspondents and why, and about the duty to report (imported by `impact.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from sekisho.incidents.models import Incident


class Disclosure(models.Model):
    """Somebody looked at, or took away, whom the people of one incident wrote to: who, why, until when."""

    KINDS: ClassVar = ["unmask", "package"]
    BASES: ClassVar = ["reason", "legal", "owner"]

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="disclosures")
    kind = models.CharField(max_length=7)
    # reason: what the work needs; legal: a law, a warrant, a consent; owner: the mailbox's own owner.
    basis = models.CharField(max_length=6)
    # In the words of the one who asked.
    text = models.CharField(max_length=1000)
    actor = models.CharField(max_length=255)
    # The panel's account; None: the owner.
    account = models.PositiveBigIntegerField(null=True)
    at = models.DateTimeField()
    # Of an unmasking: it holds until then.
    until = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["incident", "account", "until"], name="disclosures_open")]


class KnownSince(models.Model):
    """When the customer, or the provider for him, came to know of an incident: a person's word; days count from it."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, primary_key=True, related_name="known_since")
    knew_at = models.DateTimeField()
    set_by = models.CharField(max_length=255)
    set_at = models.DateTimeField()


class DutySwitch(models.Model):
    """A domain that has its fact sheets switched off or on again; without a row they are on (impact.duty)."""

    domain = models.CharField(max_length=255, primary_key=True)
    on = models.BooleanField()
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=255)
