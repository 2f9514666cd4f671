"""The table of test notices; a part of `models`, which names it for everybody else."""

from __future__ import annotations

from django.db import models


class ChannelTest(models.Model):
    """The latest test of one channel ("mail": to the operator's contacts). The audit log has the others."""

    channel = models.CharField(max_length=32, primary_key=True)
    asked_at = models.DateTimeField()
    actor = models.CharField(max_length=255)
    # waiting, sending, sent, failed
    state = models.CharField(max_length=8, default="waiting")
    # Why it failed, in a channel's own words: no address and no secret (incidents.channel_failures).
    failure = models.CharField(max_length=300, blank=True, default="")
    done_at = models.DateTimeField(null=True)
