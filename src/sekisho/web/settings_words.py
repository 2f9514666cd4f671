"""What people read about each attempt of the settings test: what is wrong, and what to do in the mail program."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from sekisho.web.words import Words


class Fault(NamedTuple):
    """What is wrong, in one line, and what to do about it."""

    what: Words
    todo: Words


_COPY_ANEW = _("Empty the password field, copy the new password again, without the blank, and paste it.")

FAULTS: dict[str, Fault] = {
    "old": Fault(
        _("The old password"),
        _("The program still uses the password from before. Enter the new one and save the settings."),
    ),
    "blank_before": Fault(_("A blank before the password"), _COPY_ANEW),
    "blank_behind": Fault(_("A blank behind the password"), _COPY_ANEW),
    "blank_around": Fault(_("A blank before and behind the password"), _COPY_ANEW),
    "wide": Fault(
        _("The password in full-width characters"),
        _("Switch the Japanese input off (half-width) and enter the password again."),
    ),
    "caps": Fault(
        _("Capital and small letters are the wrong way round"),
        _("Caps Lock is on. Switch it off and enter the password again."),
    ),
    "first_capital": Fault(
        _("The first letter of the password is a capital"),
        _("The telephone has made it large by itself. Enter the password again, with a small first letter."),
    ),
    "wrong": Fault(
        _("Another password"),
        _("It is neither the new password nor one of the usual slips. Copy the new password again and paste it."),
    ),
    "refused": Fault(
        _("User name and password are right, but the mailbox did not let it in"),
        _("It is closed, or may not be used from this place. Please ask the domain admin."),
    ),
    "local_part": Fault(
        _("The user name is only the part before the @"),
        _("Enter the full mail address as the user name."),
    ),
    "domain": Fault(
        _("The part of the user name behind the @ is not right"),
        _("Compare the user name with the mail address above, letter by letter."),
    ),
    "extension": Fault(
        _("The user name is another form of the mail address"),
        _("Enter the mail address as it stands above, without additions."),
    ),
    "name_blank": Fault(
        _("A blank in the user name"),
        _("Delete the blank before, in or behind the user name."),
    ),
    "name_wide": Fault(
        _("Full-width characters in the user name"),
        _("Switch the Japanese input off (half-width) and enter the user name again."),
    ),
    "name_letters": Fault(
        _("The user name has a character that no address has"),
        _("Enter the mail address as it stands above as the user name."),
    ),
    "no_tls": Fault(
        _("The connection is not encrypted"),
        _("Choose SSL/TLS as the security of this server, with the port shown in the table."),
    ),
    "certificate": Fault(
        _("The program did not accept the server's certificate"),
        _("Most often the server name is not the right one. Enter it exactly as in the table."),
    ),
    "server_name": Fault(
        _("The server name is not the right one"),
        _("Replace it by the name in the table, for receiving and for sending."),
    ),
}

PROTOCOLS: dict[str, Words] = {
    "imap": _("Receiving (IMAP)"),
    "pop3": _("Receiving (POP)"),
    "smtp": _("Sending (SMTP)"),
    "sieve": _("Filter rules (ManageSieve)"),
    "": _("Login"),
}

DOORS: dict[str, Words] = {
    "waiting": pgettext_lazy("settings test", "waiting for the program"),
    "bad": pgettext_lazy("settings test", "not yet right"),
    "calm": pgettext_lazy("settings test", "not yet right"),
    "warn": pgettext_lazy("settings test", "works, with a remark"),
    "good": pgettext_lazy("settings test", "OK"),
}
