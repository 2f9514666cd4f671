"""What agents read back after a step, said in the viewer's language.

Agents write plain English into the step's row (containment.steps). The sentences here are theirs with the figures left
open; one that is not here, an error message above all, is shown as it was written.
"""

from __future__ import annotations

import re

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from sekisho.web.words import Words

_N, _M = r"(?P<n>\d+)", r"(?P<m>\d+)"
_TEXT = r"(?P<text>.+)"

SENTENCES: list[tuple[re.Pattern[str], Words]] = [
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"{_N} rows? of the barrier read back", _("%(n)s rows of the barrier read back")),
        (r"no row needed: the guard limits sending", _("no row needed: the guard limits sending")),
        (r"no row of the barrier is left", _("no row of the barrier is left")),
        (rf"cached answers for {_N} login names? forgotten", _("cached answers for %(n)s login names forgotten")),
        (rf"{_N} sessions? ended", _("%(n)s sessions ended")),
        (rf"{_N} webmail sessions? ended", _("%(n)s webmail sessions ended")),
        (
            rf"{_N} webmail sessions? ended, {_M} in the address book",
            _("%(n)s webmail sessions ended, %(m)s entries in the address book"),
        ),
        (
            r"the password in the site's table was changed; it opens nothing",
            _("the password in the site's table was changed; it opens nothing"),
        ),
        (r"no webmail is set up", _("no webmail is set up")),
        (
            rf"canary got in; {_N} doors? refused a valid secret, maps read back",
            _("canary got in; %(n)s doors refused a valid secret, maps read back"),
        ),
        (
            rf"{_N} doors? let a valid secret in, no row of the barrier is left",
            _("%(n)s doors let a valid secret in, no row of the barrier is left"),
        ),
        (r"shut again by a newer decision", _("shut again by a newer decision")),
        (r"Dovecot knows no such mailbox, so no script runs", _("Dovecot knows no such mailbox, so no script runs")),
        (r"Dovecot knows no such mailbox", _("Dovecot knows no such mailbox")),
        (r"the active script sends nothing outside", _("the active script sends nothing outside")),
        (r"no script is active", _("no script is active")),
        (rf"script '{_TEXT}' switched off", _("script '%(text)s' switched off")),
        (r"no script had been switched off", _("no script had been switched off")),
        (rf"script '{_TEXT}' active again", _("script '%(text)s' active again")),
        (r"the owner has chosen another script since", _("the owner has chosen another script since")),
        (r"the site has no such mailbox row", _("the site has no such mailbox row")),
        (r"mailbox\.active is 0", _("mailbox.active is 0")),
        (r"mailbox\.active is 1", _("mailbox.active is 1")),
        (r"mailbox\.active was not changed", _("mailbox.active was not changed")),
        (rf"{_N} messages? held, {_M} escaped in flight", _("%(n)s messages held, %(m)s escaped in flight")),
        (rf"{_N} messages? released", _("%(n)s messages released")),
        (
            rf"what comes back for {_N} messages? goes to {_TEXT}",
            _("what comes back for %(n)s messages goes to the folder %(text)s"),
        ),
        (r"nothing was sent that could come back", _("nothing was sent that could come back")),
        (
            r"no folder for returned mail is set up \(dovecot\.returned_mail_scripts\)",
            _("no folder for returned mail is set up (dovecot.returned_mail_scripts)"),
        ),
        (r"no app password is left in Dovecot's file", _("no app password is left in Dovecot's file")),
        (rf"{_N} app passwords? in force", _("%(n)s app passwords in force")),
        (r"a restriction leaves settings alone", _("a restriction leaves settings alone")),
        (r"no setting is newer than the first sign", _("no setting is newer than the first sign")),
        (rf"{_N} settings? switched off and read back", _("%(n)s settings switched off and read back")),
        (rf"{_N} of unknown age", _("%(n)s of unknown age")),
        (rf"{_N} listed only", _("%(n)s listed only")),
        (rf"{_N} settings? as before", _("%(n)s settings as before")),
        (r"no setting had been switched off", _("no setting had been switched off")),
        (r"not compiled", _("not compiled")),
        (
            rf"{_N} messages? kept until the queue manager forgets the address",
            _("%(n)s messages kept until the queue manager forgets the address"),
        ),
        (
            r"Dovecot told where the mailbox is; mailbox\.active is as before",
            _("Dovecot told where the mailbox is; mailbox.active is as before"),
        ),
        (
            r"mail is taken and delivered into the locked mailbox, personal filters are off \(read back from Dovecot\)",
            _("mail is taken and delivered into the locked mailbox, personal filters are off (read back from Dovecot)"),
        ),
        (
            r"senders wait again: every row of the barrier read back",
            _("senders wait again: every row of the barrier read back"),
        ),
        (rf"{_N} waiting messages? sent on", _("%(n)s waiting messages sent on")),
    )
]


def spell(text: str) -> str:
    """The outcome in the viewer's language; several in one row are told one by one."""
    if (get_language() or "ja").startswith("en"):
        return text
    parts, told = text.split("; "), []
    while parts:
        # A sentence may hold a semicolon itself: the longest run of parts that is one wins.
        length = next(
            (n for n in range(len(parts), 0, -1) if _sentence("; ".join(parts[:n])) != "; ".join(parts[:n])), 1
        )
        told.append(_sentence("; ".join(parts[:length])))
        parts = parts[length:]
    return "; ".join(told)


def _sentence(text: str) -> str:
    for pattern, words in SENTENCES:
        if found := pattern.fullmatch(text):
            return str(words) % found.groupdict()
    return text
