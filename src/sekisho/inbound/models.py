"""How many diagnoses by mail a mailbox had; of the mails themselves nothing is kept (database `default`)."""

from __future__ import annotations

from django.db import models


class DiagnosisCount(models.Model):
    """Answers by mail for one mailbox on its latest day; the row of a day before is used anew."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    day = models.DateField()
    answers = models.PositiveIntegerField(default=0)
