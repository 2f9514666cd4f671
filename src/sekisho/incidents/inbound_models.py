"""What a domain wants to be done about inbound mail with a warning; a part of `models`."""

from __future__ import annotations

from django.db import models


class InboundRule(models.Model):
    """A domain's choice (inbound.rules); without a row nothing is done. The agents write it where rspamd and Dovecot
    read it."""

    domain = models.CharField(max_length=255, unique=True)
    # "observe": rspamd logs what it would have said; "warn": the header, and what follows from it.
    level = models.CharField(max_length=8)
    # 【なりすまし注意】 before the subject.
    tag = models.BooleanField(default=False)
    # "inbox", "folder", "quarantine".
    place = models.CharField(max_length=10, default="inbox")
    # The domain's own names, and senders it wants in spite of everything: a line each.
    names = models.TextField(blank=True, default="")
    allowed = models.TextField(blank=True, default="")
    # The names as rspamd compares them (JSON, inbound.brands.Brand).
    compared = models.TextField()
