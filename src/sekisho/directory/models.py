"""The site's tables as PostfixAdmin 3.3 made them (unmanaged, database `site`) and our own (database `default`).

Column types and defaults: PostfixAdmin 3.3.13's upgrade.php, schema version 1847, read on SQLite, PostgreSQL 15 and
MariaDB 10.11. `active` is compared as text or boolean by Django according to the database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings as django_settings
from django.db import models

from sekisho.directory.key_models import ApiKey as ApiKey
from sekisho.directory.place_models import CountryPin as CountryPin
from sekisho.directory.place_models import SendingChoice as SendingChoice
from sekisho.directory.place_models import SendingCountries as SendingCountries
from sekisho.directory.place_models import TravelPass as TravelPass
from sekisho.directory.site_rows import SiteNameField, SiteRow

# PostfixAdmin's default for every time it has not set.
PAST = datetime(2000, 1, 1, tzinfo=UTC)


class SiteDomain(SiteRow):
    """PostfixAdmin's `domain`: a mail domain hosted here."""

    domain = SiteNameField(max_length=255, primary_key=True)
    description = models.CharField(max_length=255, default="")
    aliases = models.IntegerField(default=0)
    mailboxes = models.IntegerField(default=0)
    maxquota = models.BigIntegerField(default=0)
    quota = models.BigIntegerField(default=0)
    transport = models.CharField(max_length=255, default="")
    backupmx = models.BooleanField(default=False)
    created = models.DateTimeField(default=PAST)
    modified = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)
    password_expiry = models.IntegerField(default=0)

    class Meta:
        managed = False
        db_table = "domain"


class SiteAliasDomain(SiteRow):
    """PostfixAdmin's `alias_domain`: every address of one domain also exists in another."""

    alias_domain = SiteNameField(max_length=255, primary_key=True)
    target_domain = SiteNameField(max_length=255)
    created = models.DateTimeField(default=PAST)
    modified = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)

    class Meta:
        managed = False
        db_table = "alias_domain"


class SiteAlias(SiteRow):
    """PostfixAdmin's `alias`: address -> comma list of targets; a catch-all is `@domain`."""

    address = SiteNameField(max_length=255, primary_key=True)
    goto = models.TextField()
    domain = SiteNameField(max_length=255)
    created = models.DateTimeField(default=PAST)
    modified = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)

    class Meta:
        managed = False
        db_table = "alias"


class SiteMailbox(SiteRow):
    """PostfixAdmin's `mailbox`. `active` is copied last, for display; it decides nothing (DESIGN §3)."""

    username = SiteNameField(max_length=255, primary_key=True)
    password = models.CharField(max_length=255)
    name = models.CharField(max_length=255, default="")
    maildir = SiteNameField(max_length=255)
    quota = models.BigIntegerField(default=0)
    local_part = SiteNameField(max_length=255)
    domain = SiteNameField(max_length=255)
    created = models.DateTimeField(default=PAST)
    modified = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)
    phone = models.CharField(max_length=30, default="")
    email_other = models.CharField(max_length=255, default="")
    token = models.CharField(max_length=255, default="")
    token_validity = models.DateTimeField(default=PAST)
    password_expiry = models.DateTimeField(default=PAST)

    class Meta:
        managed = False
        db_table = "mailbox"


class SiteAdmin(SiteRow):
    """PostfixAdmin's `admin`: an account of PostfixAdmin itself; its name is an address."""

    username = SiteNameField(max_length=255, primary_key=True)
    password = models.CharField(max_length=255)
    superadmin = models.BooleanField(default=False)
    created = models.DateTimeField(default=PAST)
    modified = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)
    phone = models.CharField(max_length=30, default="")
    email_other = models.CharField(max_length=255, default="")
    token = models.CharField(max_length=255, default="")
    token_validity = models.DateTimeField(default=PAST)

    class Meta:
        managed = False
        db_table = "admin"


class SiteDomainAdmin(SiteRow):
    """PostfixAdmin's `domain_admins`: which admin may touch which domain.

    Compatibility: on SQLite the table has no key at all, so rows are only ever created and filtered, never saved
    again or deleted one by one; `username` is a key for Django's eyes only.
    """

    username = SiteNameField(max_length=255, primary_key=True)
    domain = SiteNameField(max_length=255)
    created = models.DateTimeField(default=PAST)
    active = models.BooleanField(default=True)

    class Meta:
        managed = False
        db_table = "domain_admins"


class SiteVacation(SiteRow):
    """PostfixAdmin's `vacation`: the automatic answer of one mailbox; a site may lack the table (site_settings)."""

    email = SiteNameField(max_length=255, primary_key=True)
    subject = models.CharField(max_length=255)
    body = models.TextField()
    active = models.BooleanField(default=True)

    class Meta:
        managed = False
        db_table = "vacation"


class SiteLog(SiteRow):
    """PostfixAdmin's `log`: who did what to which address; only read. Its `id` is younger than the table."""

    # A key for Django's eyes only: nothing here is ever fetched as a row.
    timestamp = models.DateTimeField(primary_key=True)
    username = SiteNameField(max_length=255)
    domain = SiteNameField(max_length=255)
    action = models.CharField(max_length=255)
    data = models.TextField()

    class Meta:
        managed = False
        db_table = "log"


class SiteFetchmail(SiteRow):
    """PostfixAdmin's `fetchmail`: a job that fetches mail from elsewhere into a mailbox. Its secret is never read."""

    id = models.AutoField(primary_key=True)
    mailbox = SiteNameField(max_length=255)
    src_server = models.CharField(max_length=255)
    src_user = models.CharField(max_length=255)
    active = models.BooleanField(default=False)

    class Meta:
        managed = False
        db_table = "fetchmail"


class MailHost(models.Model):
    """The true server name of a domain (`mx01…`) and its ports: what owners type into their mail program."""

    domain = models.CharField(max_length=255, primary_key=True)
    server_name = models.CharField(max_length=255)
    imap_port = models.PositiveIntegerField(default=993)
    pop3_port = models.PositiveIntegerField(default=995)
    smtp_port = models.PositiveIntegerField(default=465)
    tls = models.BooleanField(default=True)


class DomainMode(models.Model):
    """A domain whose mode differs from the host's: observe only, or enforce."""

    domain = models.CharField(max_length=255, primary_key=True)
    mode = models.CharField(max_length=8, choices=[("observe", "observe"), ("enforce", "enforce")])


class Role(models.Model):
    """What an account of our panel may do: everything (operator), a domain's mailboxes (domain admin; a reseller has a
    row for each of several), or look at a domain's and change nothing (helpdesk, which goes with no other role)."""

    OPERATOR = "operator"
    RESELLER = "reseller"
    DOMAIN_ADMIN = "domain_admin"
    HELPDESK = "helpdesk"
    ALL: ClassVar = (OPERATOR, RESELLER, DOMAIN_ADMIN, HELPDESK)

    account = models.ForeignKey(django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=16, choices=[(name, name) for name in ALL])
    # Empty for an operator.
    domain = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "role", "domain"], name="one_row_per_role"),
        ]


class Contact(models.Model):
    """Where a domain's admin is told about an incident: an address outside the mailboxes it is about."""

    domain = models.CharField(max_length=255, db_index=True)
    address = models.CharField(max_length=255)
    language = models.CharField(max_length=2, default="ja")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["domain", "address"], name="one_row_per_contact"),
        ]
