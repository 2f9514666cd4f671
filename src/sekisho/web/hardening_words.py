"""The words of the hardening advice: what an item is, and what to do while it is open (recovery.hardening)."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from sekisho.web.words import Words


class Advice(NamedTuple):
    title: Words
    # What to do, for the one who can.
    todo: Words


WORDS: dict[str, Advice] = {
    "new_password": Advice(
        _("A new password since the takeover"), _("Set a new password that was never used elsewhere.")
    ),
    "settings_gone": Advice(
        _("Forwards and filters of the third party are gone"),
        _("Decide about each setting on the incident's page: keep or delete."),
    ),
    "app_passwords": Advice(
        _("Devices use app passwords"),
        _("Give each phone and program a password of its own: one that leaks is revoked alone."),
    ),
    "contact": Advice(
        _("A contact outside is enrolled"), _("Enrol another mail address, for the day nobody can get in.")
    ),
    "second_factor": Advice(
        _("An app or passkey proves the owner"), _("Set up an authenticator app or a passkey on the owner's pages.")
    ),
    "no_pop3": Advice(
        _("No program fetched mail by POP3 within 30 days"),
        _("Change the mail program to IMAP: with POP3 nobody can tell after a takeover what was read or taken away."),
    ),
    "strong_scheme": Advice(
        _("The password is kept in a strong form"),
        _("Set a new password: the present one is stored in an old form that a thief of the database could undo."),
    ),
    "domain_contact": Advice(_("Somebody is told about incidents"), _("Name a contact for notices about this domain.")),
    "enforced": Advice(_("Takeovers are stopped, not only observed"), _("Switch the domain to enforcing.")),
    "strong_schemes": Advice(_("All passwords are kept in a strong form"), _("Have these owners set new passwords.")),
    "contacts": Advice(_("All owners have a contact outside"), _("Ask owners to enrol one on their pages.")),
}
