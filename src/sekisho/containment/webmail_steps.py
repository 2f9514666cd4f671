"""The steps on webmail sessions: they end with a suspension, and with a new password while the doors stay open."""

from __future__ import annotations

from sekisho.containment.roundcube import WebmailError
from sekisho.containment.work import StepFailed, Work, counted


def _is_mine(work: Work, login: str) -> bool:
    # Roundcube may keep the name as it was typed (`login_lc`), with the domain in upper case or under an alias domain.
    name = login.strip().lower()
    return name in work.entry.login_names or work.tools.names.canonical(login) == work.entry.mailbox


def end_webmail_sessions(work: Work) -> bool:
    """Ends the mailbox' sessions in every webmail; raises StepFailed when one does not answer (the others are done)."""
    ended, troubles = 0, []
    for webmail in work.tools.webmails:
        try:
            ended += webmail.end_sessions(lambda login: _is_mine(work, login))
        except WebmailError as error:
            troubles.append(str(error))
    work.notes["webmail_sessions"] = ended
    if troubles:
        raise StepFailed("; ".join(troubles))
    return ended > 0


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
    return f"{counted(work.notes.get('webmail_sessions', 0), 'webmail session')} ended"


def present_webmail_sessions_ended(work: Work) -> str:
    """Of a new password with open doors: somebody with the new one may have come in since, so none is counted."""
    if not work.tools.webmails:
        return "no webmail is set up"
    return f"{counted(work.notes.get('webmail_sessions', 0), 'webmail session')} ended"
