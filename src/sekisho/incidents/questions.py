"""The question of a restriction: did you start this mailing? Asked once, with a link in each notice, and one level up
after hours of silence. Answering is `question_answers`' matter; silence never lifts anything.

A link may lie in a mailbox for days, and scanners open it. So its token opens one page and lets one answer be given:
a yes lifts the restriction under an allowance, a no suspends. Both are bounded, told and can be undone in the panel;
no link opens a suspended mailbox. The token is HMAC of a random seed under the installation's key: the outbox can
write the same link again after a kill, and whoever reads our database alone cannot.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac

from sekisho.config import settings
from sekisho.incidents import notices
from sekisho.incidents.changes import current_status
from sekisho.incidents.models import Incident, Notice, Question, QuestionLink, Transition
from sekisho.incidents.timeline import add_entry

log = logging.getLogger(__name__)

# Half a working day: the admin of a small company reads his mail by then; a mailing that is stopped costs him the day.
ESCALATE_AFTER = timedelta(hours=4)
# 128 bits (RFC 6749 10.10 asks for a chance of guessing below 2^-128).
TOKEN_BYTES = 16
KINDS = ("restricted", "unanswered")


def ask(incident: Incident, now: datetime) -> None:
    """Asks about a restriction by detection, in the caller's transaction; the same question again asks nobody twice.

    Each of its notices gets a link. Where the domain has no contact the operator is asked at once.
    """
    if not by_detection(incident):
        return
    question, _ = Question.objects.get_or_create(incident=incident, defaults={"asked_at": now})
    if not _give_links(question, "restricted"):
        _ask_operator(question, now)


def by_detection(incident: Incident) -> bool:
    """Whether the incident's last status change was the guard's; a person's own restriction asks nobody."""
    last = Transition.objects.filter(incident=incident).order_by("-id").first()
    return last is not None and last.cause == "detection"


def _give_links(question: Question, kind: str) -> int:
    """A link for each notice of this kind that has none; how many notices there are."""
    found = list(Notice.objects.filter(incident_id=question.incident_id, kind=kind))
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


def token_of(seed: str) -> str:
    """The token of a seed, in hex."""
    return salted_hmac("sekisho.question-link", seed, algorithm="sha256").digest()[:TOKEN_BYTES].hex()


def hash_token(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def link_address(notice: Notice) -> str:
    """The address of the page that a notice's link opens, "" for a notice without one. A secret of its reader."""
    link = QuestionLink.objects.filter(notice=notice).first()
    return f"{settings().web.panel_url}/question/{token_of(link.seed)}" if link else ""


def find_link(token: str) -> QuestionLink | None:
    """The link of a token, whether its question is still open or not; None for one that we never made."""
    rows = QuestionLink.objects.select_related("question__incident", "notice")
    return rows.filter(token_hash=hash_token(token)).first()
