"""Campaigns that ask owners for a new password by a day (incidents.renewal; imported by `incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class RenewalCampaign(models.Model):
    """One domain's campaign. `due`: from when on the new recipients of those who are left wait."""

    domain = models.CharField(max_length=255, db_index=True)
    due = models.DateTimeField()
    # What was asked for: old_scheme, age, chosen.
    criterion = models.CharField(max_length=10)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=255)
    # Ended by a person, or by itself once all have renewed.
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        app_label = "incidents"


class RenewalMailbox(models.Model):
    """One mailbox of a campaign."""

    campaign = models.ForeignKey(RenewalCampaign, on_delete=models.CASCADE, related_name="mailboxes")
    mailbox = models.CharField(max_length=255, db_index=True)
    # A part of a hash of the site's stored hash at the start: another one there means that the password was set anew.
    mark = models.CharField(max_length=16)
    renewed_at = models.DateTimeField(null=True)
    # A device that cannot be changed at once: why, and until when it is left alone.
    excepted_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")
    # Since when its new recipients wait, if they ever did; set only after every reminder has left.
    enforced_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "incidents"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "mailbox"], name="one_row_per_renewal"),
        ]
