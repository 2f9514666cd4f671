"""The settings test while it runs: what is remembered when a password is set, and what each attempt is said to be.

What is wrong with a password is said from memory at the moment the page is shown (web.slips_memory): no table, journal
or spool says of an attempt that it was the new password with a blank.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from sekisho.config import ConfigError, read_secret, settings
from sekisho.detection.settings_slips import password_slips
from sekisho.directory.names import login_names
from sekisho.incidents import settings_test
from sekisho.incidents.changes import current_status
from sekisho.incidents.models import SettingsAttempt, SettingsWatch
from sekisho.recovery import mail_settings
from sekisho.recovery.mail_settings import MailSettings
from sekisho.web import throttle
from sekisho.web.slips_memory import MEMORY
from sekisho.wire.dovecot_policy import password_hash

log = logging.getLogger("sekisho.web")

RECEIVING = ("imap", "pop3")
SENDING = ("smtp",)
# The latest are what somebody at a mail program looks at.
SHOWN = 20


@sensitive_variables("password")
def begin(request: HttpRequest, mailbox: str, password: str) -> None:
    """A new password was set in this browser: its slips are remembered, and the mailbox is watched."""
    now = timezone.now()
    row = settings_test.watch(mailbox, throttle.client_address(request), now, password_set=True)
    MEMORY.wipe_ended(now.timestamp())
    MEMORY.remember(mailbox, _meanings(mailbox, password), row.until.timestamp(), now.timestamp())


def go_on(request: HttpRequest, mailbox: str) -> None:
    """Watches for another half hour; the slips of a password keep their own time."""
    settings_test.watch(mailbox, throttle.client_address(request), timezone.now(), password_set=False)


@sensitive_variables("password", "wrong")
def _meanings(mailbox: str, password: str) -> dict[tuple[str, str], str]:
    """What the hashes of the password and its slips mean, by the form of the name they are made with."""
    nonce = _nonce()
    if not nonce:
        return {}
    own, *others = login_names(mailbox)
    names = [("own", own), ("local_part", own.rpartition("@")[0]), *(("alias", name) for name in others)]
    slips = password_slips(password)
    found: dict[tuple[str, str], str] = {}
    for form, name in names:
        found.setdefault((form, _hash(name, password, nonce)), "right")
        for wrong, slip in slips.items():
            found.setdefault((form, _hash(name, wrong, nonce)), slip)
    return found


@sensitive_variables("password")
def _hash(name: str, password: str, nonce: str) -> str:
    dovecot = settings().dovecot
    return _short(password_hash(name, password, nonce, dovecot.policy_hash_mech, dovecot.policy_hash_bits))


def _short(pwhash: str) -> str:
    """What is kept of a hash: 16 bits at most, where a site's has more than Dovecot's usual 12."""
    return pwhash[:16][-4:]


def _nonce() -> str:
    """Dovecot's nonce. Robustness: without it a slip is called a wrong password; nobody is kept out."""
    place = settings().dovecot.policy_hash_nonce_file
    try:
        return read_secret(place) if place else ""
    except ConfigError as error:
        log.error("the settings test cannot read dovecot.policy_hash_nonce_file: %s", error)
        return ""


@dataclass(frozen=True)
class Attempt:
    """One attempt as the page shows it; `faults` are the keys of web.settings_words, none: all is right."""

    at: datetime
    protocol: str
    success: bool
    faults: list[str]
    ip: str
    country: str
    device: str
    # From the browser's own network: most likely the program beside it.
    near: bool
    # Programs try again by themselves: the same attempt in a row is one, this often.
    count: int = 1

    @property
    def tone(self) -> str:
        if not self.success:
            return "bad" if self.near else "calm"
        return "warn" if self.faults else "good"


@dataclass(frozen=True)
class Door:
    """Receiving or sending: "waiting", "bad", "warn" (it went in, but not as it should) or "good"."""

    state: str

    @property
    def tone(self) -> str:
        return "calm" if self.state == "waiting" else self.state


@dataclass(frozen=True)
class LiveTest:
    """Everything the page shows."""

    until: datetime
    running: bool
    # The mailbox is shut (again): no program can come in.
    shut: bool
    attempts: list[Attempt]
    receiving: Door
    sending: Door
    # Changes when anything of the above does.
    version: str

    @property
    def done(self) -> bool:
        return self.receiving.state == self.sending.state == "good"


def of_mailbox(request: HttpRequest, mailbox: str) -> LiveTest | None:
    """The test of a mailbox as it stands; None when nobody ever watched it."""
    row = SettingsWatch.objects.filter(pk=mailbox).first()
    if row is None:
        return None
    now, source = timezone.now(), throttle.client_address(request)
    running = row.until > now
    if running:
        settings_test.note_source(row, source)
    expected = mail_settings.for_domain(mailbox.rpartition("@")[2])
    known = MEMORY.known(mailbox, now.timestamp())
    rows = settings_test.attempts(row)
    near = [*row.sources, source]
    shown = _in_a_row([_shown(row, attempt, known, expected, near) for attempt in rows])[:SHOWN]
    shut = current_status(mailbox).status == "suspended"
    marks = [f"{attempt.pk}" for attempt in rows] + [str(running), str(shut), str(bool(known))]
    return LiveTest(
        until=row.until,
        running=running,
        shut=shut,
        attempts=shown,
        receiving=_door(shown, RECEIVING),
        sending=_door(shown, SENDING),
        version=hashlib.sha256(" ".join(marks).encode()).hexdigest()[:16],
    )


def _shown(
    row: SettingsWatch,
    attempt: SettingsAttempt,
    known: dict[tuple[str, str], str],
    expected: MailSettings,
    near: list[str],
) -> Attempt:
    return Attempt(
        at=attempt.at,
        protocol=attempt.protocol,
        success=attempt.success,
        faults=faults(row, attempt, known, expected),
        ip=attempt.ip,
        country=attempt.country,
        device=attempt.device,
        near=settings_test.is_near(attempt.ip, near),
    )


def _in_a_row(attempts: list[Attempt]) -> list[Attempt]:
    """Like attempts that follow each other as one, with the time of the latest."""
    found: list[Attempt] = []
    for attempt in attempts:
        if found and replace(found[-1], at=attempt.at, count=1) == attempt:
            found[-1] = replace(found[-1], count=found[-1].count + 1)
        else:
            found.append(attempt)
    return found


def faults(
    row: SettingsWatch, attempt: SettingsAttempt, known: dict[tuple[str, str], str], expected: MailSettings
) -> list[str]:
    """Everything that is wrong with an attempt, what must be changed first in front."""
    found = [attempt.slip] if attempt.slip else []
    if expected.tls and attempt.tls is False:
        found.append("no_tls")
    if attempt.server_name and attempt.server_name != expected.server_name.lower():
        found.append("server_name")
    if not attempt.success and attempt.pwhash and attempt.form in ("own", "alias", "local_part"):
        found += _of_password(row, attempt, known, bool(found))
    if not attempt.success and not found:
        found.append("wrong")
    return found


def _of_password(
    row: SettingsWatch, attempt: SettingsAttempt, known: dict[tuple[str, str], str], is_explained: bool
) -> list[str]:
    pwhash = _short(attempt.pwhash)
    # A site's query may turn an alias domain's form into the mailbox's own name before Dovecot makes the hash.
    meaning = known.get((attempt.form, pwhash)) or (known.get(("own", pwhash)) if attempt.form == "alias" else None)
    if meaning == "right":
        return [] if is_explained else ["refused"]
    if meaning is not None:
        return [meaning]
    return ["old"] if settings_test.is_from_before(row, attempt.pwhash) else ["wrong"]


def _door(shown: list[Attempt], protocols: tuple[str, ...]) -> Door:
    """What the latest attempts at a door say. A stranger's wrong guess says nothing about the owner's program."""
    for attempt in shown:
        if attempt.protocol in protocols and (attempt.near or attempt.success):
            return Door(attempt.tone)
    return Door("waiting")
