"""A domain's own texts for its owners: a short message (whom to call) and the advice page, in two languages.

Plain text, escaped wherever it is shown. The message also goes below the mails to an owner, which say that
they hold no link: so it may hold none, and nobody learns here to expect one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from sekisho.detection.password import PasswordProblem as Problem
from sekisho.incidents import audit
from sekisho.incidents.models import Notice, OwnText

# PostfixAdmin's row for its super admins, here as for contacts: the operator's word for every domain.
ALL = "ALL"
MESSAGE, ADVICE = "message", "advice"
LANGUAGES = ("ja", "en")
# A message is a card on a phone's first page and the foot of a mail: name, telephone, hours. The original advice has
# some 1,500 characters in Japanese and 3,000 in English; three times that is more than anybody reads in a fright.
LONGEST = {MESSAGE: 300, ADVICE: 9000}
MOST_LINES = {MESSAGE: 8, ADVICE: 200}
_LINK = re.compile(r"://|\bwww\.|\bhttps?:", re.I)
# What says something invisible: control characters, and those that turn the direction of writing.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

_LINKED = Problem(
    "link",
    "お知らせのメールは「リンクは書かれていません」と伝えています。案内文にもリンクは入れられません。電話番号などを書いてください。",
    "Our mails say that they hold no link, so this text may hold none. Give a telephone number instead.",
)


class TextRefused(Exception):
    """The text may not stand there; `problem` says why, in both languages."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def checked(kind: str, typed: str) -> str:
    """The text without what nobody sees and without blanks at its ends; raises TextRefused."""
    text = _INVISIBLE.sub("", typed.replace("\r\n", "\n").replace("\r", "\n")).strip()
    most, lines = LONGEST[kind], MOST_LINES[kind]
    if len(text) > most or text.count("\n") >= lines:
        raise TextRefused(
            Problem("long", f"{most} 文字・{lines} 行までです。", f"At most {most} characters in {lines} lines.")
        )
    if kind == MESSAGE and _LINK.search(text):
        raise TextRefused(_LINKED)
    return text


def written(domain: str) -> dict[tuple[str, str], OwnText]:
    """The texts written for exactly this domain, by kind and language."""
    return {(row.kind, row.language): row for row in OwnText.objects.filter(domain=domain)}


def text_for(domain: str, kind: str, language: str) -> str:
    """What the domain's owners read: its own text, else the operator's, "" for the original.

    A message that was written in the other language only is better than none: a telephone number reads the same.
    """
    rows = {(row.domain, row.language): row.text for row in OwnText.objects.filter(domain__in=(domain, ALL), kind=kind)}
    languages = LANGUAGES if kind == MESSAGE else (language,)
    ordered = sorted(languages, key=lambda one: one != language)
    return next((rows[whose, one] for whose in (domain, ALL) for one in ordered if (whose, one) in rows), "")


def write(
    domain: str,
    kind: str,
    language: str,
    typed: str,
    actor: str,
    now: datetime,
    account: AbstractBaseUser | None = None,
) -> None:
    """Keeps a text; an empty one restores the original. Raises TextRefused."""
    text = checked(kind, typed)
    if not text:
        restore(domain, kind, language, actor, account)
        return
    with transaction.atomic(using="default"):
        OwnText.objects.update_or_create(
            domain=domain,
            kind=kind,
            language=language,
            defaults={"text": text, "changed_at": now, "changed_by": actor},
        )
        _record("own_text_written", domain, kind, language, actor, account, length=len(text))


def restore(domain: str, kind: str, language: str, actor: str, account: AbstractBaseUser | None = None) -> None:
    """Removes the domain's text: the operator's, or the original, holds again."""
    with transaction.atomic(using="default"):
        gone, _ = OwnText.objects.filter(domain=domain, kind=kind, language=language).delete()
        if gone:
            _record("own_text_restored", domain, kind, language, actor, account)


def _record(
    verb: str, domain: str, kind: str, language: str, actor: str, account: AbstractBaseUser | None, **more: int
) -> None:
    details = {"text": kind, "language": language, **more}
    audit.record(actor, verb, domain, domain="" if domain == ALL else domain, details=details, account=account)


# --- below a mail

# Notices to the owner; letters (those without an incident) are all about one mailbox and go to its owner's contacts.
OWNERS_NOTICES = ("owner_told", "owner_asked")
_FOOT = {"ja": "\n■ {domain} のメール管理者から\n{text}\n", "en": "\nFrom the mail administrator of {domain}\n{text}\n"}


@dataclass(frozen=True)
class _Whose:
    mailbox: str
    is_owners: bool


def _whose(notice: Notice) -> _Whose:
    if notice.incident is None:
        return _Whose(notice.mailbox, True)
    return _Whose(notice.incident.mailbox, notice.kind in OWNERS_NOTICES)


def foot(notice: Notice) -> str:
    """What stands below a mail to an owner: the domain's message, or nothing."""
    whose, language = _whose(notice), "en" if notice.language == "en" else "ja"
    domain = whose.mailbox.rpartition("@")[2]
    text = text_for(domain, MESSAGE, language) if whose.is_owners else ""
    return _FOOT[language].format(domain=domain, text=text) if text else ""
