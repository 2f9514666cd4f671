"""How big receivers take our mail: counts of a day. No correspondent is in it, only whose servers they are."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ReceiverDay(models.Model):
    """What one receiver (incidents.receivers) said to the mail of one sender domain on one day (UTC).

    Attempts that were put off are counted each: a server that says 4.7 all day is asked many times.
    """

    day = models.DateField()
    receiver = models.CharField(max_length=16)
    domain = models.CharField(max_length=255, db_index=True)
    # Refused for good with 5.7.x (RFC 3463: security or policy) or in words that say spam; put off with 4.7.x.
    refused_57 = models.PositiveIntegerField(default=0)
    deferred_47 = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "receiver", "domain"], name="one_row_per_day_receiver_and_domain"),
        ]
