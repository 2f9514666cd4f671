"""The words people read for statuses, phases, plans, steps and timeline lines; docs/vocabulary.md is their source."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = str | Promise


class Badge(NamedTuple):
    """A word and the tone it is painted in (good, warn, bad, calm); the word alone says it."""

    text: Words
    tone: str


STATUSES: dict[str, Badge] = {
    "active": Badge(pgettext_lazy("status", "Active"), "good"),
    "restricted": Badge(pgettext_lazy("status", "Sending restricted"), "warn"),
    "suspended": Badge(pgettext_lazy("status", "Suspended"), "bad"),
    "probation": Badge(pgettext_lazy("status", "On probation"), "calm"),
}

# What each of the four states means for the people who use the mailbox.
STATUS_SENTENCES: dict[str, Words] = {
    "active": _("Receiving, sending and logging in work as usual."),
    "restricted": _("Receiving and logging in work; sending to people it has never written to is limited."),
    "suspended": _("Nobody can log in, send or receive. Mail to it is not lost: it waits at the senders' servers."),
    "probation": _("Everything works. After a recovery it is watched closely for a week; this ends by itself."),
}
# Restricted with limit 0 (detection.breaker, rule 6).
NOTHING_LEAVES: Words = _("Receiving and logging in work; nothing can be sent, also not to people it has written to.")

PHASES: dict[str, Badge] = {
    "detected": Badge(pgettext_lazy("phase", "Detected"), "bad"),
    "contained": Badge(pgettext_lazy("phase", "Contained"), "warn"),
    "eradicated": Badge(pgettext_lazy("phase", "Eradicated"), "warn"),
    "recovered": Badge(pgettext_lazy("phase", "Recovered"), "good"),
    "closed": Badge(pgettext_lazy("phase", "Closed"), "calm"),
    "dismissed": Badge(pgettext_lazy("phase", "Not a takeover"), "calm"),
}
OPEN_PHASES = ("detected", "contained", "eradicated")

ACTIONS: dict[str, Badge] = {
    "alert": Badge(pgettext_lazy("action", "Alert only"), "calm"),
    "restrict": Badge(pgettext_lazy("action", "Sending restricted"), "warn"),
    "suspend": Badge(pgettext_lazy("action", "Suspended"), "bad"),
}

# The thresholds of the score, by what happens from there on.
THRESHOLDS: dict[str, Words] = {
    "alert": pgettext_lazy("threshold", "Alert"),
    "restrict": pgettext_lazy("threshold", "Restrict"),
    "suspend": pgettext_lazy("threshold", "Suspend"),
}

# What a blocklist's own test says (impact.blocklists).
BLOCKLISTS: dict[str, Badge] = {
    "works": Badge(pgettext_lazy("blocklist", "Works"), "good"),
    "unfit": Badge(pgettext_lazy("blocklist", "Has no such entries"), "calm"),
    "refused": Badge(pgettext_lazy("blocklist", "Refuses to answer us"), "warn"),
    "unanswered": Badge(pgettext_lazy("blocklist", "No answer"), "warn"),
    "broken": Badge(pgettext_lazy("blocklist", "Broken"), "warn"),
}

# The findings of detection.assessment in a word or two; their sentences are the evidence.
FINDINGS: dict[str, Words] = {
    "new_country": _("New country"),
    "many_countries": _("Several new countries"),
    "new_network": _("New network"),
    "many_networks": _("Many new networks"),
    "password_guesser": _("Source that guesses passwords"),
    "shared_stranger": _("Source new to several customers"),
    "new_protocol": _("Way of access never used before"),
    "bulk_reading": _("Mail read in bulk"),
    "forward_rule": _("Planted forward"),
    "discard_rule": _("Planted rule that discards mail"),
    "new_recipients": _("Recipients never written to"),
    "message_burst": _("Burst of messages"),
    "bounces": _("Returned mail"),
    "complaints": _("Complaints about spam"),
    "burned_password": _("Password from before the suspension"),
    "hard_cap": _("Limit that holds for every mailbox"),
}

MODES: dict[str, Badge] = {
    "observe": Badge(pgettext_lazy("mode", "Only observed"), "calm"),
    "enforce": Badge(pgettext_lazy("mode", "Enforced"), "good"),
}

SENDING: dict[str, Badge] = {
    "off": Badge(pgettext_lazy("sending", "Not looked at"), "calm"),
    "observe": Badge(pgettext_lazy("sending", "Only noted"), "calm"),
    "enforce": Badge(pgettext_lazy("sending", "Refused"), "good"),
}

STEP_STATES: dict[str, Badge] = {
    "pending": Badge(pgettext_lazy("step", "Waiting"), "calm"),
    "done": Badge(pgettext_lazy("step", "Done"), "good"),
    "already": Badge(pgettext_lazy("step", "Nothing to do"), "good"),
    "failed": Badge(pgettext_lazy("step", "Failed, will be tried again"), "bad"),
}

# What became of a message that an incident put on hold (incidents.models.HeldMessage).
HELD_STATES: dict[str, Badge] = {
    "held": Badge(pgettext_lazy("held mail", "On hold"), "warn"),
    "escaped": Badge(pgettext_lazy("held mail", "Escaped in flight"), "bad"),
    "released": Badge(pgettext_lazy("held mail", "Sent on, not yet delivered"), "calm"),
    "left": Badge(pgettext_lazy("held mail", "Sent on, has left"), "calm"),
    "purged": Badge(pgettext_lazy("held mail", "Deleted"), "good"),
    "vanished": Badge(pgettext_lazy("held mail", "Gone, not by Sekisho"), "warn"),
}

ORDER_STATES: dict[str, Badge] = {
    "open": Badge(pgettext_lazy("order", "Waiting for the mail host"), "warn"),
    "claimed": Badge(pgettext_lazy("order", "In progress"), "calm"),
    "done": Badge(pgettext_lazy("order", "Done"), "good"),
    "failed": Badge(pgettext_lazy("order", "Failed"), "bad"),
    "obsolete": Badge(pgettext_lazy("order", "Overtaken"), "calm"),
}

CAUSES: dict[str, Words] = {
    "detection": _("Detected automatically"),
    "operator": _("By an operator"),
    "recovery": _("New password set"),
    "dismissal": _("Dismissed: it was not a takeover"),
    "answer": _("The question was answered"),
    "expiry": _("The restriction ran out"),
    "clean_days": _("Nothing unusual for some days"),
}

SETTING_STATES: dict[str, Badge] = {
    "found": Badge(pgettext_lazy("setting", "Being switched off"), "warn"),
    "frozen": Badge(pgettext_lazy("setting", "Switched off"), "warn"),
    "listed": Badge(pgettext_lazy("setting", "Left as it is"), "warn"),
    "to_keep": Badge(pgettext_lazy("setting", "Being put back"), "calm"),
    "to_delete": Badge(pgettext_lazy("setting", "Being deleted"), "calm"),
    "kept": Badge(pgettext_lazy("setting", "Kept"), "good"),
    "deleted": Badge(pgettext_lazy("setting", "Deleted"), "good"),
}

SETTINGS: dict[str, Words] = {
    "forward": _("Forward to"),
    "catch_all": _("Catch-all of the whole domain to"),
    "vacation": _("Automatic answer"),
    "fetchmail": _("Mail fetched from"),
    "script": _("Mail filter"),
}

PLANS: dict[str, Words] = {
    "contain": _("Suspension"),
    "restrict": _("Restriction"),
    "release": _("Reinstatement"),
    "dismiss": _("Undoing (not a takeover)"),
    "rescue_on": _("Accept and keep the mail"),
    "rescue_off": _("Let senders wait again"),
    "planted": _("Decisions about planted settings"),
}

STEPS: dict[str, Words] = {
    "raise_barrier": _("Shut every door: login, sending, receiving"),
    "lower_barrier": _("Open the doors again"),
    "flush_auth_cache": _("Make the server forget the old password"),
    "flush_auth_cache_again": _("Make sure the old password is forgotten"),
    "kick_sessions": _("End the sessions that are still open"),
    "hold_queue": _("Hold the mail the intruder has queued"),
    "release_held": _("Release the held mail"),
    "freeze_redirects": _("Stop planted forwards"),
    "revoke_app_passwords": _("Switch the app passwords off"),
    "end_webmail_sessions": _("End the webmail sessions"),
    "restore_app_passwords": _("Switch the app passwords on again"),
    "write_app_passwords": _("Bring the app passwords up to date"),
    "freeze_planted": _("Switch off what was planted in the settings"),
    "restore_planted": _("Put the settings back"),
    "file_returned": _("Give returned mail a folder of its own"),
    "restore_redirects": _("Restore the forwards"),
    "probe_doors": _("Try every door from outside: all must be shut"),
    "probe_open": _("Check that the new password gets in"),
    "mirror_active": _("Show Active: No in the mailbox list"),
    "restore_active": _("Show Active: Yes in the mailbox list"),
    "notify": _("Tell the domain admin"),
    "sweep_5": _("Look again after 5 seconds"),
    "sweep_30": _("Look again after 30 seconds"),
    "watch_doors": _("Try every door again, each hour"),
    "find_home": _("Ask the server where the mailbox is"),
    "accept_mail": _("Accept mail, past all filters and forwards of the mailbox"),
    "refuse_mail": _("Ask senders to wait again"),
    "watch_password": _("Watch the stored password"),
    "retry_waiting": _("Fetch the mail that was waiting"),
    "retry_waiting_31": _("Fetch waiting mail once more (after 31 seconds)"),
}

# The same step is another thing to people in another plan: a restriction shuts no door.
STEPS_OF_PLAN: dict[tuple[str, str], Words] = {
    ("restrict", "raise_barrier"): _("Limit sending to new recipients"),
}

NOTICES: dict[str, Words] = {
    "suspended": _("Notice of the suspension"),
    "restricted": _("Notice of the restriction"),
    "fuse": _("Call to the operator: the fuse is blown"),
    "planted": _("Notice of a setting found after the reinstatement"),
    "owner_asked": _("Question to the owner"),
    "owner_told": _("Notice to the owner, outside the mailbox"),
    "unanswered": _("Question to the operator: nobody has answered"),
    "waiting_low": _("Notice that waiting mail may soon be returned"),
    "waiting_low_op": _("Notice to the operator: waiting mail may soon be returned"),
    "rescued": _("Notice that mail is accepted and kept"),
    "rescued_op": _("Notice to the operator: mail is accepted and kept"),
    "relapse": _("Call to the operator: taken over again while on probation"),
}

# What a reinstatement does, in order, so that the page can show the steps before an agent has reported one.
RELEASE_STEPS = (
    "restore_active",
    "flush_auth_cache",
    "freeze_redirects",
    "revoke_app_passwords",
    "freeze_planted",
    "file_returned",
    "lower_barrier",
    "flush_auth_cache_again",
    "retry_waiting",
    "probe_open",
)

PROCESSES: dict[str, Words] = {
    "guard": _("Checkpoint (guard)"),
    "agent": _("Agent"),
    "worker": _("Worker"),
    "web": _("Panel"),
}


# What an app password may open.
SCOPES: dict[str, Words] = {
    "imap": _("Receiving (IMAP)"),
    "pop3": _("Receiving (POP)"),
    "smtp": _("Sending (SMTP)"),
    "sieve": _("Filter rules (ManageSieve)"),
}

# How a program came in, for people who know programs rather than protocols.
WAYS_IN: dict[str, Words] = {
    "imap": _("Receiving (IMAP)"),
    "pop3": _("Receiving (POP)"),
    "smtp": _("Sending (SMTP)"),
    "submission": _("Sending (SMTP)"),
    "sieve": _("Filter rules (ManageSieve)"),
}


def badge(table: dict[str, Badge], key: str) -> Badge:
    """The word for a value; one we have no word for is shown as it is rather than hidden."""
    return table.get(key, Badge(key, "calm"))


def word(table: dict[str, Words], key: str) -> Words:
    """The words for a value, or the value itself with its underscores as blanks."""
    return table.get(key, key.replace("_", " "))


# What a line of an import does (recovery.new_mailboxes).
ROW_OUTCOMES: dict[str, Badge] = {
    "create": Badge(pgettext_lazy("import", "New"), "good"),
    "update": Badge(pgettext_lazy("import", "Changed"), "warn"),
    "same": Badge(pgettext_lazy("import", "As it is"), "calm"),
    "refuse": Badge(pgettext_lazy("import", "Refused"), "bad"),
}

ROW_REASONS: dict[str, Words] = {
    "": "",
    "address": _("This is not an address a mailbox can have."),
    "domain": _("This domain is not one that you look after."),
    "alias": _("This address exists already."),
    "site": _("Mailboxes are made in the site's own administration."),
    "suspended": _("A mailbox of this address was stopped. It comes back by a recovery only."),
    "name": _("The name is too long."),
    "quota": _("The quota is no number of MB, or not one that this domain allows."),
    "too_many": _("The domain has as many mailboxes as it may have."),
    "password": _("This password cannot be used."),
    "password_given": _("The mailbox exists; an import changes no passwords. Leave the password empty."),
    "twice": _("This address stands in several lines."),
}

UNREADABLE: dict[str, Words] = {
    "empty": _("There is no line to read."),
    "columns": _("The first line must name the columns; one of them is address."),
    "long": _("The file is too long. Please divide it."),
}

ROLES: dict[str, Words] = {
    "operator": pgettext_lazy("role", "Operator"),
    "reseller": pgettext_lazy("role", "Reseller"),
    "domain_admin": pgettext_lazy("role", "Domain admin"),
    "helpdesk": pgettext_lazy("role", "Helpdesk (only looks)"),
}
