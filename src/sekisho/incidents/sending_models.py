"""Rows about mail sent from outside a mailbox' countries (imported by `incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SentElsewhere(models.Model):
    """A mailbox was used to send from outside its countries: one row a day, an address and an outcome."""

    mailbox = models.CharField(max_length=255, db_index=True)
    day = models.DateField()
    ip = models.CharField(max_length=45)
    country = models.CharField(max_length=2)
    asn = models.PositiveBigIntegerField(default=0)
    # Or only noted, while the rule was being observed.
    refused = models.BooleanField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    # Hours of the day in which it was tried: the guard tells once an hour.
    hours = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "day", "ip", "refused"], name="one_row_per_day_elsewhere"),
        ]
