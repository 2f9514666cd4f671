"""The record of incidents (database `default`). Mailboxes are canonical addresses, not foreign keys: the mailbox tables
are another database. Times are aware datetimes. A status changes only in `incidents.decisions`, by compare-and-set,
with one Transition row each."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from sekisho.incidents.app_password_model import AppPassword as AppPassword
from sekisho.incidents.audit_models import Audit as Audit
from sekisho.incidents.audit_models import AuditHead as AuditHead
from sekisho.incidents.channel_test_models import ChannelTest as ChannelTest
from sekisho.incidents.inbound_models import InboundRule as InboundRule
from sekisho.incidents.message_models import ForwardedMail as ForwardedMail
from sekisho.incidents.message_models import HeldMessage as HeldMessage
from sekisho.incidents.message_models import QueueIdLogin as QueueIdLogin
from sekisho.incidents.message_models import ReportedMessage as ReportedMessage
from sekisho.incidents.message_models import SentRecipient as SentRecipient
from sekisho.incidents.message_models import UnseenTime as UnseenTime
from sekisho.incidents.note_models import IncidentNote as IncidentNote
from sekisho.incidents.password_models import BurnedPassword as BurnedPassword
from sekisho.incidents.password_models import KnownPassword as KnownPassword
from sekisho.incidents.planted_models import KnownSetting as KnownSetting
from sekisho.incidents.planted_models import PlantedItem as PlantedItem
from sekisho.incidents.planted_models import SettingsLook as SettingsLook
from sekisho.incidents.question_models import Allowance as Allowance
from sekisho.incidents.question_models import NewRecipient as NewRecipient
from sekisho.incidents.question_models import Question as Question
from sekisho.incidents.question_models import QuestionLink as QuestionLink
from sekisho.incidents.reading_models import SessionReading as SessionReading
from sekisho.incidents.receiver_models import ReceiverDay as ReceiverDay
from sekisho.incidents.renewal_models import RenewalCampaign as RenewalCampaign
from sekisho.incidents.renewal_models import RenewalMailbox as RenewalMailbox
from sekisho.incidents.retention_model import RetentionRule as RetentionRule
from sekisho.incidents.sending_models import SentElsewhere as SentElsewhere
from sekisho.incidents.settings_test_models import SettingsAttempt as SettingsAttempt
from sekisho.incidents.settings_test_models import SettingsWatch as SettingsWatch
from sekisho.incidents.text_models import OwnText as OwnText


class MailboxStatus(models.Model):
    """Our word on a mailbox; one without a row is active in generation 0. `mailbox.active` only mirrors it."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    domain = models.CharField(max_length=255, db_index=True)
    status = models.CharField(max_length=12, default="active")
    # Raised by every reinstatement and dismissal: older evidence never counts again.
    generation = models.PositiveIntegerField(default=0)
    # New recipients an hour (restricted) or a day (probation).
    limit = models.PositiveIntegerField(null=True)
    since = models.DateTimeField()
    # Why, in the words shown to people ("" for active).
    reason = models.CharField(max_length=500, blank=True, default="")
    # The site's `mailbox.active` before we wrote 0 there; None: not written.
    former_active = models.BooleanField(null=True)
    # Suspended, but its mail is accepted and kept since then (incidents.rescue); None: senders wait.
    rescue_since = models.DateTimeField(null=True)


class RescueRule(models.Model):
    """A domain whose suspended mailboxes accept mail so many hours before the first sender may give up."""

    domain = models.CharField(max_length=255, primary_key=True)
    hours_before = models.PositiveIntegerField()


class Incident(models.Model):
    """One suspected takeover of one mailbox: at most one per generation, at most one open per mailbox."""

    PHASES: ClassVar = ["detected", "contained", "eradicated", "recovered", "closed", "dismissed"]

    mailbox = models.CharField(max_length=255, db_index=True)
    domain = models.CharField(max_length=255, db_index=True)
    generation = models.PositiveIntegerField()
    # "detection" or "operator".
    cause = models.CharField(max_length=12)
    phase = models.CharField(max_length=12, default="detected")
    # The strongest answer so far: alert, restrict, suspend.
    action = models.CharField(max_length=10)
    enforced = models.BooleanField(default=True)
    score = models.FloatField(default=0)
    reason = models.CharField(max_length=500, blank=True, default="")
    ip = models.CharField(max_length=45, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    asn = models.PositiveBigIntegerField(default=0)
    first_risk_at = models.DateTimeField()
    detected_at = models.DateTimeField()
    contained_at = models.DateTimeField(null=True)
    recovered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    # Close watch after it, ended before its time by an operator (incidents.close_watch).
    watch_ended_at = models.DateTimeField(null=True)
    watch_ended_by = models.CharField(max_length=255, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "generation"], name="one_incident_per_generation"),
            models.UniqueConstraint(
                fields=["mailbox"],
                condition=Q(phase__in=["detected", "contained", "eradicated"]),
                name="one_open_incident_per_mailbox",
            ),
        ]


class Decision(models.Model):
    """One record of the journal, kept whole; its id makes a second reading harmless."""

    id = models.CharField(max_length=64, primary_key=True)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="decisions")
    t = models.DateTimeField()
    host = models.CharField(max_length=255)
    action = models.CharField(max_length=10)
    score = models.FloatField()
    record = models.JSONField()


class Indicator(models.Model):
    """One finding of a decision with its evidence, as people read it."""

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="indicators")
    name = models.CharField(max_length=64)
    value = models.FloatField()
    evidence_ja = models.CharField(max_length=500)
    evidence_en = models.CharField(max_length=500)


class Transition(models.Model):
    """One status change: who, why, from, to. Written in the transaction of the change; the audit trail of statuses."""

    mailbox = models.CharField(max_length=255, db_index=True)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, related_name="transitions")
    at = models.DateTimeField()
    before = models.CharField(max_length=12)
    after = models.CharField(max_length=12)
    generation = models.PositiveIntegerField()
    # detection, operator, recovery, dismissal, answer, expiry, clean_days
    cause = models.CharField(max_length=12)
    # Account name, "guard@host" or "worker".
    actor = models.CharField(max_length=255)
    reason = models.CharField(max_length=500, blank=True, default="")
    # Client addresses that the actor called the owner's ("this was me"); None: nobody was asked about single ones.
    sources = models.JSONField(null=True, default=None)


class Order(models.Model):
    """Work for one mail host's agent: claimed once (compare-and-set on `state`, lease), finished when verified.

    kind: contain (suspend), restrict, release (reinstate), dismiss; (incident, kind, generation, host) is unique.
    planted carries out what was decided about planted settings. refresh (a new password while the doors are open)
    belongs to no incident; at most one waits per mailbox and host. purge_held, requeue_held and hold_held are about the
    queue ids in their details; an incident may have many.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, related_name="orders")
    mailbox = models.CharField(max_length=255)
    kind = models.CharField(max_length=16)
    # The generation that ends (contain, restrict), begins (release, dismiss) or is present (refresh, rescue_…).
    generation = models.PositiveIntegerField()
    host = models.CharField(max_length=255)
    # open, claimed, done, failed; obsolete: overtaken by a later order before it was done
    state = models.CharField(max_length=8, default="open", db_index=True)
    claimed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    # Nobody claims it earlier: until then it can be taken back.
    not_before = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=255)
    # Plain data the plan needs: limit, hold_since (epoch s), queue ids …; never a secret.
    details = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["incident", "kind", "generation", "host"],
                condition=~Q(kind__in=["purge_held", "requeue_held", "hold_held"]),
                name="one_order_per_host",
            ),
            models.UniqueConstraint(
                fields=["mailbox", "host"], condition=Q(kind="refresh", state="open"), name="one_refresh_waiting"
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=False) | Q(kind="refresh"), name="only_a_refresh_without_incident"
            ),
        ]

    @property
    def its_incident(self) -> Incident:
        """The incident of an order of any kind but refresh; raises ValueError for that one."""
        if self.incident is None:
            raise ValueError(f"order {self.pk} ({self.kind}) belongs to no incident")
        return self.incident


class Step(models.Model):
    """One step's outcome on one host; key (incident, generation, host, name). Done only when read back."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="steps")
    # contain, restrict, release, dismiss, rescue_on, rescue_off: which plan it belongs to.
    plan = models.CharField(max_length=10)
    generation = models.PositiveIntegerField()
    host = models.CharField(max_length=255)
    name = models.CharField(max_length=32)
    # Place in its plan, for the page.
    position = models.PositiveIntegerField()
    # pending, done, already, failed
    state = models.CharField(max_length=8, default="pending")
    attempts = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(null=True)
    # What was read back ("3 sessions ended", "47 messages held, 2 escaped in flight"); plain words, no secrets.
    outcome = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "plan", "generation", "host", "name"], name="one_row_per_step"),
        ]


class TimelineEntry(models.Model):
    """One line of an incident's story. `kind` is a word of docs/vocabulary.md, `details` the data."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)
    details = models.JSONField(default=dict)
    # A second ingest of the same record must not repeat the line.
    key = models.CharField(max_length=100, unique=True)


class SignIn(models.Model):
    """Logins of a mailbox, for people to look at; failed ones are counted per source and hour."""

    mailbox = models.CharField(max_length=255, db_index=True)
    at = models.DateTimeField(db_index=True)
    success = models.BooleanField()
    protocol = models.CharField(max_length=16)
    # By address: where the browsers of the panel's accounts are (sign_ins.place_of).
    ip = models.CharField(max_length=45, db_index=True)
    country = models.CharField(max_length=2, blank=True, default="")
    asn = models.PositiveBigIntegerField(default=0)
    device = models.CharField(max_length=200, blank=True, default="")
    count = models.PositiveIntegerField(default=1)
    # Of successful logins: Dovecot's 12 bits of a keyed hash, which tell one password from another.
    pwhash = models.CharField(max_length=16, blank=True, default="")
    # Of failed ones: the password opened the mailbox before its last suspension (incidents.knocking).
    old_password = models.BooleanField(default=False)
    # Of successful ones: the number of the app password, "" for the mailbox's own.
    app_password = models.CharField(max_length=18, blank=True, default="")
    # Of successful ones: whether the source was unfamiliar to the mailbox then; None: nobody said.
    strange = models.BooleanField(null=True)


class UsualUse(models.Model):
    """What is usual for a mailbox, as its guard told it last (detection.profile_words.Usual)."""

    mailbox = models.CharField(max_length=255, primary_key=True)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)


class NetworkOwner(models.Model):
    """The name of an autonomous system, from the operator's address data."""

    asn = models.PositiveBigIntegerField(primary_key=True)
    name = models.CharField(max_length=100)


class DeferredPair(models.Model):
    """A sender who waits for a suspended mailbox: at least this many, since retries look like new messages at RCPT."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="deferred")
    mailbox = models.CharField(max_length=255, db_index=True)
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    client = models.CharField(max_length=255, blank=True, default="")
    # "sender": at the sender's server; "ours": in our own queue.
    where = models.CharField(max_length=6)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=1)
    # Seconds between the last tries, the newest last (incidents.giving_up).
    gaps = models.JSONField(default=list)
    # The earliest time at which the sender's server may return it; None: it waits in our own queue, which returns none.
    give_up_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "sender"], name="waiting_by_sender")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["incident", "sender", "recipient", "where"], name="one_row_per_waiting_pair"
            ),
        ]


class Notice(models.Model):
    """The outbox: one mail to one contact about one incident. `message_id` finds it again in the mail log.

    A letter (incidents.letters) is about a mailbox without an incident: `mailbox` and `about` say what it is about.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, null=True, related_name="notices")
    mailbox = models.CharField(max_length=255, blank=True, default="")
    # "request 17": what a letter's text is made of; the kind's composer knows. Never a secret.
    about = models.CharField(max_length=64, blank=True, default="")
    kind = models.CharField(max_length=16)
    recipient = models.CharField(max_length=255)
    language = models.CharField(max_length=2, default="ja")
    message_id = models.CharField(max_length=255, unique=True)
    # open, sending, sent, failed; dropped: a letter whose matter was over before it left
    state = models.CharField(max_length=8, default="open")
    created_at = models.DateTimeField()
    # When a worker took it in hand (state sending).
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    # When the mail log showed it in the recipient's mailbox, where that is one of ours (recovery.test_mail).
    arrived_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["incident", "kind", "recipient"], name="one_notice_per_contact"),
            models.UniqueConstraint(
                fields=["kind", "about", "recipient"], condition=Q(incident=None), name="one_letter_per_contact"
            ),
        ]

    @property
    def its_incident(self) -> Incident:
        """The incident a notice is about; raises ValueError for a letter."""
        if self.incident is None:
            raise ValueError(f"notice {self.pk} ({self.kind}) is about no incident")
        return self.incident


class ReadPosition(models.Model):
    """How far the worker has read a host's journal or spool. It moves in the transaction of the rows it stands for:
    a record counts once, wherever the worker is killed."""

    # "journal@host" or "spool@host".
    name = models.CharField(max_length=300, primary_key=True)
    segment = models.PositiveBigIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)


class HostHeartbeat(models.Model):
    """The last sign of life of each process on each host, and its alarms, for `status` and the dashboard."""

    host = models.CharField(max_length=255)
    process = models.CharField(max_length=8)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "process"], name="one_heartbeat_per_process"),
        ]


class ScorePoint(models.Model):
    """One reading of a mailbox' score, or a decision's (incidents.scores); the id is the record's."""

    id = models.CharField(max_length=64, primary_key=True)
    mailbox = models.CharField(max_length=255)
    generation = models.PositiveIntegerField()
    t = models.DateTimeField(db_index=True)
    score = models.FloatField()
    # Finding -> nats.
    findings = models.JSONField(default=dict)
    # The thresholds then in force; None where an older guard did not say them.
    alert = models.FloatField(null=True)
    restrict = models.FloatField(null=True)
    suspend = models.FloatField(null=True)
    # "" for a reading between decisions, else the decision's action.
    action = models.CharField(max_length=10, blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "t"], name="score_points_by_time")]
