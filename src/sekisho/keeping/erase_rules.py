"""What becomes of each table's rows when a domain is erased. A table that is named nowhere here turns a test red.

Incidents take what hangs on them along (CASCADE); rows that protect their incident go before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import Q, QuerySet


class Rule(NamedTuple):
    """Which rows of a table ("app.Model") are of a domain."""

    table: str
    of: Callable[[str], Q]

    def rows(self, domain: str) -> QuerySet[Any]:
        rows: QuerySet[Any] = apps.get_model(self.table)._default_manager.filter(self.of(domain))
        return rows


def _mailbox(domain: str) -> Q:
    return Q(mailbox__endswith=f"@{domain}")


def _domain(domain: str) -> Q:
    return Q(domain=domain)


def _subject(domain: str) -> Q:
    # What blocklists were asked about: an address of the host, a domain.
    return Q(subject=domain) | Q(subject__endswith=f"@{domain}")


def _incident(domain: str) -> Q:
    return Q(mailbox__endswith=f"@{domain}") | Q(incident__mailbox__endswith=f"@{domain}")


def _notice(domain: str) -> Q:
    # Without incident and mailbox: a letter of ours to one of their addresses.
    letter = Q(incident=None, mailbox="", recipient__endswith=f"@{domain}")
    return _incident(domain) | letter


# Removed first, in batches: many rows, and nobody decides by them.
MANY = [
    Rule(f"incidents.{name}", _mailbox)
    for name in (
        "SignIn",
        "QueueIdLogin",
        "SentRecipient",
        "ForwardedMail",
        "ReportedMessage",
        "ScorePoint",
        "NewRecipient",
        "SettingsAttempt",
        "DeferredPair",
        "KnownSetting",
        "SettingsLook",
        "SentElsewhere",
        "SessionReading",
    )
]
# Removed in one transaction, in this order.
REST = [
    Rule("incidents.Notice", _notice),
    Rule("incidents.Order", _incident),
    Rule("incidents.Transition", _incident),
    Rule("incidents.Incident", _mailbox),
    *(
        Rule(f"incidents.{name}", _mailbox)
        for name in (
            "MailboxStatus",
            "UsualUse",
            "AppPassword",
            "BurnedPassword",
            "KnownPassword",
            "Allowance",
            "SettingsWatch",
        )
    ),
    *(
        Rule(f"incidents.{name}", _domain)
        for name in ("RescueRule", "RetentionRule", "OwnText", "InboundRule", "ReceiverDay")
    ),
    *(
        Rule(f"recovery.{name}", _mailbox)
        for name in ("OwnerContact", "PaperCode", "OwnerFactor", "RecoveryRequest", "SiteWatch")
    ),
    Rule("inbound.DiagnosisCount", _mailbox),
    Rule("incidents.RenewalCampaign", _domain),
    Rule("impact.DutySwitch", _domain),
    *(Rule(f"impact.{name}", _subject) for name in ("ListLook", "Listing")),
    *(Rule(f"directory.{name}", _mailbox) for name in ("TravelPass", "CountryPin", "SendingChoice")),
    *(Rule(f"directory.{name}", _domain) for name in ("MailHost", "DomainMode", "Contact", "Role", "SendingCountries")),
]
RULES = [*MANY, *REST]

# Goes with the row it hangs on.
WITH_ANOTHER = {
    "incidents.Decision": "incidents.Incident",
    "incidents.Indicator": "incidents.Decision",
    "incidents.RenewalMailbox": "incidents.RenewalCampaign",
    "incidents.Step": "incidents.Incident",
    "incidents.TimelineEntry": "incidents.Incident",
    "incidents.HeldMessage": "incidents.Incident",
    "incidents.IncidentNote": "incidents.Incident",
    "incidents.PlantedItem": "incidents.Incident",
    "impact.Disclosure": "incidents.Incident",
    "impact.KnownSince": "incidents.Incident",
    "incidents.Question": "incidents.Incident",
    "incidents.QuestionLink": "incidents.Question",
    "directory.ApiKey": "auth.User",
    "web.KnownAddress": "auth.User",
    "web.SignOnAccount": "auth.User",
    "account.EmailAddress": "auth.User",
    "account.EmailConfirmation": "account.EmailAddress",
    "mfa.Authenticator": "auth.User",
    "usersessions.UserSession": "auth.User",
}
# Done by `erase` in its own way.
BY_HAND = {
    "auth.User": "accounts whose every role was of the domain",
    "sessions.Session": "those of these accounts and of the domain's owners",
    "incidents.Audit": "stays, marked (incidents.audit_erasure)",
}
# Says nothing of a tenant's people.
OF_NOBODY = {
    "incidents.AuditHead": "a number and a hash",
    "incidents.ChannelTest": "the host's channels, tried by an operator",
    "incidents.HostHeartbeat": "a process's state now, written anew every few seconds",
    "incidents.NetworkOwner": "names of networks",
    "incidents.ReadPosition": "places in files",
    "incidents.UnseenTime": "times in which a guard was not there",
    "web.SignInTries": "keyed hashes, gone after a quarter of an hour",
    "web.CacheEntry": "what is to be computed anew, gone within minutes",
    "web.UsedStatement": "hashes of used statements",
    "auth.Group": "unused",
    "auth.Permission": "Django's names of tables",
    "contenttypes.ContentType": "Django's names of tables",
}
