"""The steps on webmail sessions: they end with a suspension, and with a new password while the doors stay open."""

from __future__ import annotations

import logging

from sekisho.containment.roundcube import WebmailError
from sekisho.containment.webmail import KeepsContacts, Webmail
from sekisho.containment.work import StepFailed, Work, counted

log = logging.getLogger(__name__)

# A page of Roundcube that took less than half a second writes its session over ours; nothing later does (roundcube.py).
AGAIN_S = 0.6
# Pages one after another may each do so once; somebody who hammers is a failed step, tried again.
MOST_LOOKS = 5


def _is_mine(work: Work, login: str) -> bool:
    # Roundcube may keep the name as it was typed (`login_lc`), with the domain in upper case or under an alias domain.
    name = login.strip().lower()
    return name in work.entry.login_names or work.tools.names.canonical(login) == work.entry.mailbox


def end_webmail_sessions(work: Work) -> bool:
    """Ends the mailbox' sessions in every webmail; raises StepFailed when one does not answer (the others are done)."""
    troubles = []
    work.notes["webmail_sessions"] = work.notes["webmail_left"] = 0
    for webmail in work.tools.webmails:
        try:
            _end(work, webmail)
        except WebmailError as error:
            troubles.append(str(error))
    if troubles:
        raise StepFailed("; ".join(troubles))
    return work.notes["webmail_sessions"] > 0


def _end(work: Work, webmail: Webmail) -> None:
    most = ended = 0
    for _ in range(MOST_LOOKS):
        ended = webmail.end_sessions(lambda login: _is_mine(work, login))
        # The same session may come twice.
        most = max(most, ended)
        if not ended:
            break
        work.tools.sleep(AGAIN_S)
    work.notes["webmail_sessions"] += most
    work.notes["webmail_left"] += ended


def webmail_sessions_ended(work: Work) -> str:
    """Reads back that none is left."""
    if not work.tools.webmails:
        return "no webmail is set up"
    try:
        left = sum(webmail.count_sessions(lambda login: _is_mine(work, login)) for webmail in work.tools.webmails)
    except WebmailError as error:
        raise StepFailed(str(error)) from error
    if left:
        raise StepFailed(f"{counted(left, 'webmail session')} still there")
    ended = f"{counted(work.notes.get('webmail_sessions', 0), 'webmail session')} ended"
    contacts = _contacts(work)
    return ended if contacts is None else f"{ended}, {contacts} in the address book"


def _contacts(work: Work) -> int | None:
    """How many people the mailbox' address books name, for the report of what a hijacker could see (impact.report).

    None where no webmail knows the mailbox, or none lets us read it: nothing depends on it.
    """
    found = []
    for webmail in work.tools.webmails:
        if not isinstance(webmail, KeepsContacts):
            continue
        try:
            found.append(webmail.count_contacts(lambda login: _is_mine(work, login)))
        except WebmailError as error:
            log.info("the address book cannot be counted: %s", error)
    known = [number for number in found if number is not None]
    return sum(known) if known else None


def present_webmail_sessions_ended(work: Work) -> str:
    """Of a new password with open doors: somebody with the new one may have come in since, so none is counted.

    Sessions that were found at the last look, too, do not end: raises StepFailed.
    """
    if not work.tools.webmails:
        return "no webmail is set up"
    if left := work.notes.get("webmail_left", 0):
        raise StepFailed(f"{counted(left, 'webmail session')} still there")
    return f"{counted(work.notes.get('webmail_sessions', 0), 'webmail session')} ended"
