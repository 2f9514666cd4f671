"""What people write down about an incident (imported by `incidents.models`)."""

from __future__ import annotations

from django.conf import settings as django_settings
from django.db import models


class IncidentNote(models.Model):
    """One note; never changed and never deleted, so that nobody answers what no longer stands there."""

    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE, related_name="notes")
    at = models.DateTimeField()
    # The account's name then; it stays when the account is deleted.
    author = models.CharField(max_length=255)
    account = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.CharField(max_length=2000)
