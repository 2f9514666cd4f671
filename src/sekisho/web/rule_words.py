"""What the rules of the judgement mean, for an operator who reads them without the code (see docs/detection.md)."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Finding -> what shows it, and whom it must leave alone.
MEANINGS: dict[str, str | Promise] = {
    "new_network": _("A login from a network whose owner this mailbox has hardly ever used, at home."),
    "new_country": _(
        "A login from a country this mailbox and its domain are not at home in. Alone it suspends nobody."
    ),
    "many_countries": _("Logins from several such countries within a day."),
    "many_networks": _("Many networks never seen before within a day, against the mailbox's own busiest day."),
    "password_guesser": _("The source failed at three or more other mailboxes within a day, then got in here."),
    "shared_stranger": _("The source is new to mailboxes of several customers at once, and got in everywhere."),
    "new_protocol": _("A stranger came by a way this mailbox has never used, such as POP."),
    "bulk_reading": _("A stranger fetched far more mail than the owner ever does in a day."),
    "forward_rule": _("A forward to outside, set from an unfamiliar source."),
    "discard_rule": _("A filter that throws mail away, set from an unfamiliar source."),
    "new_recipients": _(
        "More recipients never written to than the mailbox's own maxima allow, by the hour and by the day."
    ),
    "message_burst": _("More messages within an hour than ever, also to people it knows."),
    "bounces": _("More mail comes back than is usual, or others call it spam. Mail that arrives speaks for the owner."),
    "complaints": _("Readers report its mail as spam. Anybody can write a report, so it never restricts alone."),
    "burned_password": _("A password from before a suspension opened the mailbox again, or stands in its row again."),
    "hard_cap": _("One of the limits below was reached. No habit and no familiar place excuses more."),
}

# Field of detection.limits.Limits -> what it counts.
HARD_CAPS: dict[str, str | Promise] = {
    "strange_new_recipients_hour": _("New recipients within an hour, from an unfamiliar place"),
    "strange_new_recipients_day": _("New recipients within 24 hours, from an unfamiliar place"),
    "strange_messages_hour": _("Messages within an hour, from an unfamiliar place"),
    "own_new_recipients_hour": _("New recipients within an hour, from a familiar place"),
    "own_new_recipients_day": _("New recipients within 24 hours, from a familiar place"),
    "own_messages_hour": _("Messages within an hour, from a familiar place"),
    "listed_factor": _("Times as much, for a list the mailbox wrote to before and on a host that only learns"),
}

# Setting in sekisho.toml -> what it does.
SETTINGS: dict[str, str | Promise] = {
    "mode": _("Mode of domains that have none of their own"),
    "protected_local_parts": _(
        "Never suspended automatically, only kept from sending (beside the contacts of domains)"
    ),
    "probe_every_s": _("Seconds after which the doors of a suspended mailbox are tried again"),
    "guard.address_data": _("Data about countries and networks; without it the indicators of place are off"),
    "guard.own_networks": _("Own webmail and proxies: a login from there says nothing about the place"),
    "guard.reason_text": _("What the mail program of a suspended mailbox shows"),
    "inbound_text": _("What a sender's server is told while the mail waits"),
    "complaints.reporters": _("Whose reports about spam count"),
    "postfix.rescue_transport": _("The way of mail that is accepted and kept"),
    "notices.sender": _("Sender of notices by mail"),
}
