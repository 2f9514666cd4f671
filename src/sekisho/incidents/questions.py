"""The question of a restriction: did you start this mailing? Asked once, with a link in each notice, and one level up
after hours of silence. Answering is `question_answers`' matter; silence never lifts anything.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import DatabaseError, transaction

from sekisho.incidents import channels, notices
from sekisho.incidents.changes import current_status
from sekisho.incidents.models import Incident, Notice, Question, QuestionLink, Transition
from sekisho.incidents.question_links import ESCALATE_AFTER, TOKEN_BYTES, hash_token, token_of
from sekisho.incidents.timeline import add_entry

log = logging.getLogger(__name__)


def ask(incident: Incident, now: datetime) -> None:
    """Asks about a restriction by detection, in the caller's transaction; the same question again asks nobody twice.

    Each of its notices gets a link, and so does the owner outside the mailbox, as far as such a contact counts. Where
    nobody is there to be asked, the operator is asked at once.
    """
    if not by_detection(incident):
        return
    question, _ = Question.objects.get_or_create(incident=incident, defaults={"asked_at": now})
    for recipient, language in _owners(incident.mailbox, now):
        notices.ask_owner(incident, recipient, language, now)
    asked = [_give_links(question, kind) for kind in notices.RESTRICTION_KINDS]
    if not any(asked):
        _ask_operator(question, now)


def tell_owners(incident: Incident, now: datetime) -> None:
    """Tells the owner outside the mailbox, as far as such a contact counts, that it is suspended."""
    for recipient, language in _owners(incident.mailbox, now):
        notices.tell_owner(incident, recipient, language, now)


# Addresses, with their languages, at which the owner of a mailbox is asked.
OwnerFinder = Callable[[str, datetime], Iterable[tuple[str, str]]]
_owner_finders: list[OwnerFinder] = []


def ask_owners_found_by(find: OwnerFinder) -> None:
    """Names a room's way to the owners' contacts; a room above this one does this when Django starts."""
    if find not in _owner_finders:
        _owner_finders.append(find)


def by_detection(incident: Incident) -> bool:
    """Whether the incident's last status change was the guard's; a person's own restriction asks nobody."""
    last = Transition.objects.filter(incident=incident).order_by("-id").first()
    return last is not None and last.cause == "detection"


def _owners(mailbox: str, now: datetime) -> list[tuple[str, str]]:
    """The owner's contacts. Robustness: the site's database may be away, and a restriction does not wait for it."""
    try:
        return [found for find in _owner_finders for found in find(mailbox, now)]
    except DatabaseError as error:
        log.warning("the owner of %s is neither asked nor told: %s", mailbox, error)
        return []


def _give_links(question: Question, kind: str) -> int:
    """A link for each notice of this kind that has none; how many notices there are."""
    # Not in a channel: everybody in the room could answer.
    notices_of_it = Notice.objects.filter(incident_id=question.incident_id, kind=kind)
    found = list(notices_of_it.exclude(recipient__startswith=channels.PREFIX))
    for notice in found:
        seed = secrets.token_hex(TOKEN_BYTES)
        QuestionLink.objects.get_or_create(
            notice=notice, defaults={"question": question, "seed": seed, "token_hash": hash_token(token_of(seed))}
        )
    return len(found)


def escalate(now: datetime) -> int:
    """Asks the operator where nobody has answered for hours and the restriction still stands; how many questions."""
    asked = 0
    for question in Question.objects.filter(state="open", level="domain", asked_at__lte=now - ESCALATE_AFTER):
        with transaction.atomic(using="default"):
            if is_open(question):
                asked += _ask_operator(question, now)
    return asked


def is_open(question: Question) -> bool:
    """Whether it waits for an answer: nobody has given one, and its incident still restricts the mailbox."""
    incident = question.incident
    status = current_status(incident.mailbox)
    return (
        question.state == "open"
        and status.status == "restricted"
        and status.generation == incident.generation
        and by_detection(incident)
    )


def _ask_operator(question: Question, now: datetime) -> bool:
    moved = Question.objects.filter(pk=question.pk, state="open", level="domain").update(
        level="operator", escalated_at=now
    )
    if moved != 1:
        return False
    incident = question.incident
    notices.tell_operator(incident, "unanswered", now)
    if not _give_links(question, "unanswered"):
        log.error("nobody has answered about incident %d, and the operator has no contact", incident.pk)
    add_entry(incident, now, "asked_operator", f"asked-operator-{incident.pk}", {})
    return True


def note_answer(incident: Incident, state: str, actor: str, now: datetime) -> bool:
    """Notes the answer "yes" or "no" to the incident's question; False when it has none or was answered before."""
    answered = Question.objects.filter(incident=incident, state="open").update(
        state=state, answered_by=actor[:255], answered_at=now
    )
    if answered:
        add_entry(incident, now, f"answered_{state}", f"answered-{incident.pk}", {"actor": actor})
    return answered == 1
