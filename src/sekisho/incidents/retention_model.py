"""What a domain keeps for another time than the host (imported by `incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class RetentionRule(models.Model):
    """How long one kind of row (incidents.retention) is kept for one domain's mailboxes."""

    domain = models.CharField(max_length=255)
    kind = models.CharField(max_length=20)
    days = models.PositiveIntegerField()

    class Meta:
        app_label = "incidents"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["domain", "kind"], name="one_rule_per_domain_and_kind"),
        ]
