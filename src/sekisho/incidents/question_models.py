"""The question of a restriction ("did you start this mailing?"), its links, what a yes allows, and budgets in use."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Question(models.Model):
    """Asked once for each incident that restricts a mailbox by detection. It moves by compare-and-set only."""

    incident = models.OneToOneField("incidents.Incident", on_delete=models.CASCADE, related_name="question")
    asked_at = models.DateTimeField()
    # Who is asked: "domain" (its contacts), then "operator" as well.
    level = models.CharField(max_length=8, default="domain")
    escalated_at = models.DateTimeField(null=True)
    # open, yes, no
    state = models.CharField(max_length=4, default="open")
    answered_at = models.DateTimeField(null=True)
    # Account name, or the contact whose link was used.
    answered_by = models.CharField(max_length=255, blank=True, default="")


class QuestionLink(models.Model):
    """The one-tap link in one notice. The token itself is made when the mail leaves and kept nowhere."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="links")
    notice = models.OneToOneField("incidents.Notice", on_delete=models.CASCADE, related_name="link")
    # 128 random bits in hex that become the token under the installation's key, and SHA-256 of that token.
    seed = models.CharField(max_length=32)
    token_hash = models.CharField(max_length=64, unique=True)


class Allowance(models.Model):
    """What a yes allows: so many new recipients until a time, in the generation that the answer began."""

    mailbox = models.CharField(max_length=255)
    generation = models.PositiveIntegerField()
    granted_at = models.DateTimeField()
    until = models.DateTimeField()
    recipients = models.PositiveIntegerField()
    actor = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "generation"], name="one_allowance_per_generation"),
        ]


class NewRecipient(models.Model):
    """A new recipient that a mailbox with a budget asked for: let through, or told to wait."""

    mailbox = models.CharField(max_length=255)
    generation = models.PositiveIntegerField()
    at = models.DateTimeField()
    allowed = models.BooleanField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "at"], name="new_recipients_by_time")]
