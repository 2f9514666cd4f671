"""What blocklists say about us (database `default`). No row is about a person: addresses and domains are the host's."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from sekisho.incidents.models import Incident


class ListLook(models.Model):
    """The latest answer of a blocklist about one of our addresses or domains, or about itself (`subject` "")."""

    zone = models.CharField(max_length=253)
    # ipv4, ipv6, domain
    kind = models.CharField(max_length=6)
    subject = models.CharField(max_length=253, blank=True, default="")
    # clean, listed, refused, unanswered, broken (sekisho.dns_questions.Verdict); of a list itself also works, unfit.
    verdict = models.CharField(max_length=10)
    codes = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField()
    # When this verdict was given first, without another between.
    since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["zone", "kind", "subject"], name="one_look_per_list_and_subject"),
        ]


class Listing(models.Model):
    """A time during which a list named an address or a domain of ours, and what was done about it."""

    zone = models.CharField(max_length=253)
    kind = models.CharField(max_length=6)
    subject = models.CharField(max_length=253, db_index=True)
    # The list's answers, as "127.0.0.2, 127.0.0.4".
    codes = models.CharField(max_length=200)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    # Ended because nobody asks any more: the address, domain or list is not in the settings.
    is_unwatched = models.BooleanField(default=False)
    # A person has asked the list for removal.
    asked_at = models.DateTimeField(null=True)
    asked_by = models.CharField(max_length=255, blank=True, default="")
    # Incidents that were open or recent while it stood.
    incidents: models.ManyToManyField[Incident, models.Model] = models.ManyToManyField(
        Incident, related_name="listings"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["zone", "subject"], condition=Q(gone_at=None), name="one_open_listing_per_list_and_subject"
            ),
        ]
