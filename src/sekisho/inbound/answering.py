"""Who gets a diagnosis by mail: mailboxes of ours that proved it was they who wrote, some times a day."""

from __future__ import annotations

import logging
import re
import smtplib
from datetime import date, datetime
from email.message import Message

from django.db import transaction
from django.db.models import F

from sekisho.config import Settings
from sekisho.directory.mapping import is_mapped
from sekisho.directory.models import SiteAlias, SiteMailbox
from sekisho.directory.names import alias_domains, canonical
from sekisho.inbound import forwarded, mail_reading, sender_check
from sekisho.inbound.forwarded import Envelope
from sekisho.inbound.models import DiagnosisCount
from sekisho.inbound.sender_check import Ours

log = logging.getLogger(__name__)

# Our own Postfix on the same host answers in milliseconds; what it does not take, Postfix' queue brings again.
SMTP_DEADLINE_S = 20


def ours_of(settings: Settings, domain: str = "") -> Ours:
    """Our names as the settings have them; `domain`: the reader's own mail domain, "" for none."""
    hosts = {settings.host, settings.mail_server.name, *settings.complaints.own_hosts, *settings.diagnosis.own_hosts}
    own = {domain, *(alias for alias, target in alias_domains().items() if target == domain)} if domain else set()
    return Ours(
        frozenset(host.lower() for host in hosts if host),
        frozenset(name.lower() for name in settings.diagnosis.authserv_ids),
        frozenset(own),
    )


def take(data: bytes, envelope: Envelope, settings: Settings, now: datetime) -> str:
    """Answers one mail to the diagnosis address, or leaves it: what became of it, in one word.

    answered, program, stranger, limit. Raises OSError where our Postfix does not take the answer (every smtplib error
    is one), and the database's errors: the caller has the mail brought again.
    """
    head = forwarded.head_of(data)
    own = settings.diagnosis.address
    if forwarded.by_a_program(head, envelope.sender, own):
        return "program"
    mailbox = proven_mailbox(head, envelope, settings)
    if not mailbox:
        return "stranger"
    limit = settings.diagnosis.answers_a_day
    language = forwarded.language_of(head)
    number = _count(mailbox, now.date(), 1)
    if number > limit + 1:
        return "limit"
    if number > limit:
        words = forwarded.too_many(limit, language)
    else:
        words = forwarded.answer(data, ours_of(settings, mailbox.rpartition("@")[2]), language)
    message = forwarded.compose(head, envelope.sender, own, words)
    try:
        with smtplib.SMTP(settings.notices.smtp_host, settings.notices.smtp_port, timeout=SMTP_DEADLINE_S) as smtp:
            smtp.send_message(message, from_addr="", to_addrs=[envelope.sender])
    except OSError:
        # It will be brought again, and was no answer.
        _count(mailbox, now.date(), -1)
        raise
    return "answered"


def proven_mailbox(head: Message, envelope: Envelope, settings: Settings) -> str:
    """The mailbox of ours that wrote this, "" where nothing proves it.

    Proof is the login that Postfix names, or else what our own server wrote into the mail: that this login handed it
    in (auth=pass), or that it came by a server of the sender's domain (SPF, DKIM or DMARC). The answer goes to the
    envelope sender, which must be the mailbox or an alias of it.
    """
    login = canonical(envelope.login) if envelope.login else _login_in_results(head, settings)
    sender = canonical(envelope.sender)
    if sender is None:
        return ""
    if not login and _domain_is_proved(head, envelope.sender, settings):
        login = sender
    if not login or not SiteMailbox.objects.filter(username=login).exists():
        return ""
    return login if sender == login or _is_alias_of(envelope.sender, login) else ""


_auth = re.compile(r"\bauth\s{0,3}=\s{0,3}pass\b[^;]{0,200}?\bsmtp\.auth\s{0,3}=\s{0,3}([^\s;]{3,255})", re.IGNORECASE)


def _login_in_results(head: Message, settings: Settings) -> str | None:
    if (results := _own_results(head, settings)) is None:
        return None
    found = _auth.search(results)
    return canonical(found[1]) if found else None


def _own_results(head: Message, settings: Settings) -> str | None:
    mail = mail_reading.Mail((), tuple(mail_reading.raw_headers(head)))
    return sender_check.own_results(mail, ours_of(settings))


def _domain_is_proved(head: Message, sender: str, settings: Settings) -> bool:
    mail = mail_reading.Mail((), tuple(mail_reading.raw_headers(head)))
    domain = sender.rpartition("@")[2].lower()
    return sender_check.check(mail, domain, ours_of(settings)).state == "proved"


def _is_alias_of(address: str, mailbox: str) -> bool:
    if is_mapped():
        return False
    row = SiteAlias.objects.filter(address=address.lower(), active=True).values_list("goto", flat=True).first()
    return row is not None and mailbox in {target.strip().lower() for target in row.split(",")}


def _count(mailbox: str, day: date, more: int) -> int:
    """Counts an answer for this mailbox today, or takes one back; how many it has had."""
    with transaction.atomic(using="default"):
        row, created = DiagnosisCount.objects.select_for_update().get_or_create(mailbox=mailbox, defaults={"day": day})
        if not created and row.day != day:
            DiagnosisCount.objects.filter(pk=row.pk).update(day=day, answers=0)
        rows = DiagnosisCount.objects.filter(pk=row.pk)
        (rows if more > 0 else rows.filter(answers__gt=0)).update(answers=F("answers") + more)
        return rows.values_list("answers", flat=True).get()
