"""The audit log's rows: one chain. `audit.record` makes them; nothing changes or deletes them (audit_seal)."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.db import models, transaction

from sekisho.incidents.audit_seal import chain_hash


class AuditHead(models.Model):
    """The end of the chain, one row (id 1). Whoever appends holds it until the transaction ends, so there is one order;
    rows cut off at the end are missed by it."""

    number = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")


class Audit(models.Model):
    """Who did what: every act of a person, and every automatic status change. Saving a new row chains it."""

    # Its place in the chain: 1, 2, 3 … without gaps.
    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=255)
    # Where the act came in: panel, api, cli, worker (detection, duties), agent; "" for rows older than the chain.
    via = models.CharField(max_length=6, blank=True, default="")
    verb = models.CharField(max_length=32)
    subject = models.CharField(max_length=255, blank=True, default="")
    domain = models.CharField(max_length=255, blank=True, default="", db_index=True)
    details = models.JSONField(default=dict)
    # No constraint and nothing set to NULL: the row stays as it was written when the account is deleted.
    account = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    # Of the row before; "" for the first.
    previous = models.CharField(max_length=64, blank=True, default="")
    hash = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["verb", "at"], name="audit_by_verb")]

    def save(self, *arguments: Any, **options: Any) -> None:
        """Appends a new row to the chain; raises TypeError for one that is there already."""
        if not self._state.adding:
            raise TypeError("a row of the audit log is never changed")
        with transaction.atomic(using="default"):
            head, _ = AuditHead.objects.using("default").select_for_update().get_or_create(pk=1)
            # As JSON gives it back, or the hash of the stored row would differ.
            self.details = json.loads(json.dumps(self.details))
            self.number, self.previous = head.number + 1, head.hash
            self.hash = self.proper_hash()
            super().save(*arguments, **options)
            # Compare-and-set: where the lock above does nothing, the second of two writers fails here or at `number`.
            moved = AuditHead.objects.filter(pk=1, number=head.number).update(number=self.number, hash=self.hash)
            if moved != 1:
                raise RuntimeError("two writers at the end of the audit log")

    def delete(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError("a row of the audit log is never deleted")

    def proper_hash(self) -> str:
        """The hash of everything in the row but the hash itself."""
        words = [self.actor, self.via, self.verb, self.subject, self.domain]
        return chain_hash(self.number, self.at, words, self.details, self.account_id, self.previous)
