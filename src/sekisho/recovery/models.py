"""What proves an owner without the mailbox's password (database `default`): contacts outside, codes on paper, requests.

No secret is in a row: a link and its code are made from the row and Django's SECRET_KEY when they are needed
(recovery.requests), a paper code is kept as a keyed hash.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class OwnerContact(models.Model):
    """An address of the owner outside the mailbox's domain; when it counts says recovery.contacts."""

    mailbox = models.CharField(max_length=255, db_index=True)
    address = models.CharField(max_length=254)
    language = models.CharField(max_length=2, default="ja")
    # admin: the domain admin or operator; paper: the owner with a paper code; owner: the owner at the owner's pages;
    # site: PostfixAdmin's email_other.
    source = models.CharField(max_length=5)
    enrolled_at = models.DateTimeField()
    enrolled_by = models.CharField(max_length=255)
    # Kept after its removal: mails about it name it, and an enrolment can be looked up later.
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mailbox", "address"], condition=Q(removed_at=None), name="one_row_per_owner_contact"
            ),
        ]


class PaperCode(models.Model):
    """One code of a printed sheet, as a keyed hash. It opens the recovery page once."""

    mailbox = models.CharField(max_length=255, db_index=True)
    digest = models.CharField(max_length=64, unique=True)
    printed_at = models.DateTimeField()
    printed_by = models.CharField(max_length=255)
    used_at = models.DateTimeField(null=True)


class OwnerFactor(models.Model):
    """An authenticator app or a passkey of a mailbox's owner; when it opens what says recovery.owner_factors."""

    APP, PASSKEY = "app", "passkey"

    mailbox = models.CharField(max_length=255, db_index=True)
    kind = models.CharField(max_length=7)
    name = models.CharField(max_length=60)
    # App: its key, encrypted by the panel (a copy of the database opens nothing). Passkey: its number and public key,
    # as WebAuthn's attested credential data in base64.
    secret = models.TextField()
    enrolled_at = models.DateTimeField()
    enrolled_by = models.CharField(max_length=255)
    removed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    # App: the latest counter (RFC 6238: half minutes since 1970) a code was taken for; an older code is worth nothing.
    counter = models.PositiveBigIntegerField(default=0)
    # App: codes typed since `tries_since` that were not right.
    tries = models.PositiveIntegerField(default=0)
    tries_since = models.DateTimeField(null=True)


class RecoveryRequest(models.Model):
    """One attempt to recover a mailbox, whether such a mailbox exists or not; it serves once.

    state: asked (the worker has not looked yet), nothing (no mail went out), live (a link is on its way or shown),
    proved (the browser that asked has typed a right code), used, ended (another one was used).
    """

    mailbox = models.CharField(max_length=255, db_index=True)
    # owner: asked without signing in; admin: started in the panel or at the command line. These two make a new
    # password; login (the second factor of the owner's pages) and setup (an invitation to set one up) never do.
    origin = models.CharField(max_length=5)
    actor = models.CharField(max_length=255, blank=True, default="")
    state = models.CharField(max_length=7, default="asked", db_index=True)
    asked_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()
    # With SECRET_KEY it makes the link's token and the code; alone it says nothing.
    nonce = models.CharField(max_length=32)
    # SHA-256 of the token: what a link that comes in is looked up by.
    token_hash = models.CharField(max_length=64, unique=True)
    with_code = models.BooleanField(default=False)
    # Codes typed so far, each counted before it is looked at.
    tries = models.PositiveIntegerField(default=0)
    # link, code, paper, app, passkey: what the new password rests on.
    proof = models.CharField(max_length=7, blank=True, default="")


class SiteWatch(models.Model):
    """What the site's tables said of a suspended mailbox at the last look (recovery.site_edits).

    state: watching; noticed (another password stands there since the last look); asked (nobody knows whose it is);
    kept_shut (a person said: not ours).
    """

    mailbox = models.CharField(max_length=255, primary_key=True)
    generation = models.IntegerField()
    # Parts of hashes: of the stored password; of the columns that PostfixAdmin writes with every edit, and with a
    # password.
    password_mark = models.CharField(max_length=16)
    edit_mark = models.CharField(max_length=16)
    expiry_mark = models.CharField(max_length=16, default="")
    # Rows of PostfixAdmin's log by administrators.
    edits = models.IntegerField()
    # Rows of it in which somebody changed the mailbox' password as its owner.
    own_changes = models.IntegerField(default=0, db_default=0)
    # Whether the alias row of the mailbox itself was switched on; null: there was none.
    alias_active = models.BooleanField(null=True)
    state = models.CharField(max_length=9, default="watching")
    seen_at = models.DateTimeField()
