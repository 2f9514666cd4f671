"""Texts that people write for the owners of a domain (imported by `incidents.models`)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class OwnText(models.Model):
    """One text in one language; without a row the original holds (incidents.own_texts)."""

    # "ALL": for every domain that has none of its own, written by the operator.
    domain = models.CharField(max_length=255)
    # message: a short one to the domain's owners; advice: the advice page.
    kind = models.CharField(max_length=7)
    language = models.CharField(max_length=2)
    text = models.TextField()
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["domain", "kind", "language"], name="one_row_per_own_text"),
        ]
