"""App passwords: one for each device, limited to the doors it needs, taken away without touching the others.

The secret is drawn here and handed out once; kept are its SHA-256 and 12 bits of that, by which Dovecot finds the row.
A fast hash is enough for a secret of 118 random bits that nobody chose (NIST SP 800-63B-4 §3.1.2.2 asks a slow one of
look-up secrets below 112 bits). A suspension switches all of a mailbox's off (the agents have emptied their file by
then), its dismissal on again; after a recovery each stays off until a person renews or revokes it. The mailbox
password makes none: callers are accounts of the panel and the terminal.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sekisho.directory.access import NotFound
from sekisho.directory.models import SiteMailbox
from sekisho.incidents import orders
from sekisho.incidents.changes import NotAllowed, current_status, write_audit
from sekisho.incidents.models import AppPassword, MailboxStatus

# Dovecot's service names (2.3) of the doors a password may open.
SCOPES = ("imap", "pop3", "smtp", "sieve")
# Six groups of four: log2(31) * 24 = 118.9 bits. Without i, l, o, 0 and 1, which look alike.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 6, 4
# More devices than a person has. With 12-bit selectors, 30 of them leave one draw in 137 to be drawn again.
MOST = 30
LONGEST_NAME = 64
# Revoked ones are kept as long as the sign-ins made with them (incidents.worker): a takeover may be noticed a month
# late. The audit trail keeps who made and revoked which.
REVOKED_KEPT = timedelta(days=90)
_REFUSALS = {
    "name": (
        f"端末の名前を1~{LONGEST_NAME}文字で入力してください(例: 仕事用のiPhone)。",
        f"Name the device in 1 to {LONGEST_NAME} characters (for example: iPhone at work).",
    ),
    "taken": (
        "この名前のアプリパスワードはもうあります。別の名前にするか、そのアプリパスワードを作り直してください。",
        "There is an app password of this name already. Choose another name, or renew that one.",
    ),
    "scope": ("使う用途を1つ以上選んでください。", "Choose at least one thing that it is for."),
    "many": (
        f"アプリパスワードは1つのメールアドレスに{MOST}個までです。使っていないものを削除してください。",
        f"A mailbox has at most {MOST} app passwords. Delete those that nobody uses.",
    ),
    "shut": (
        "停止中のメールアドレスにはアプリパスワードを作れません。先に新しいパスワードで再開してください。",
        "A suspended mailbox gets no app password. Reinstate it with a new password first.",
    ),
}


class AppPasswordRefused(Exception):
    """No such app password can be made; `code` says why: name, taken, scope, many, shut; `ja` and `en` in words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.ja, self.en = _REFUSALS[code]


class InForce(NamedTuple):
    """One that opens doors now. `generation`: the mailbox's, read before the row."""

    mailbox: str
    generation: int
    id: int
    selector: str
    verifier: str
    scope: tuple[str, ...]


def selector_of(secret: str) -> str:
    """What Dovecot's `%{sha256;truncate=12:password}` makes of it: 12 bits as four hex digits."""
    return "0" + verifier_of(secret)[:3]


def verifier_of(secret: str) -> str:
    """Its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _draw() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))


def held(mailbox: str) -> QuerySet[AppPassword]:
    """A mailbox's app passwords that were not revoked, also those switched off; by name."""
    return AppPassword.objects.filter(mailbox=mailbox, revoked_at__isnull=True).order_by("name")


def named(mailbox: str, name: str) -> AppPassword:
    """The mailbox's app password of this name; raises NotFound."""
    row = held(mailbox).filter(name=name).first()
    if row is None:
        raise NotFound(name)
    return row


def numbered(mailbox: str, number: int) -> AppPassword:
    """The mailbox's app password of this id; raises NotFound."""
    row = held(mailbox).filter(pk=number).first()
    if row is None:
        raise NotFound(str(number))
    return row


def add(
    mailbox: str,
    name: str,
    scope: Collection[str],
    actor: str,
    *,
    account: AbstractBaseUser | None = None,
    now: datetime | None = None,
) -> tuple[AppPassword, str]:
    """A new app password and its secret, which nobody can read again. It works once the agents have fetched it.

    Raises AppPasswordRefused, and NotFound for a mailbox the site does not have.
    """
    at = now or timezone.now()
    wanted = tuple(service for service in SCOPES if service in scope)
    if not wanted or len(wanted) != len(set(scope)):
        raise AppPasswordRefused("scope")
    device = " ".join(name.split())
    if not device or len(device) > LONGEST_NAME or not device.isprintable():
        raise AppPasswordRefused("name")
    with transaction.atomic(using="default"):
        if current_status(mailbox).status == "suspended":
            raise AppPasswordRefused("shut")
        present = held(mailbox)
        if present.count() >= MOST:
            raise AppPasswordRefused("many")
        if present.filter(name=device).exists():
            raise AppPasswordRefused("taken")
        return _make(mailbox, device, wanted, actor, account, at)


def _make(
    mailbox: str, name: str, scope: Sequence[str], actor: str, account: AbstractBaseUser | None, at: datetime
) -> tuple[AppPassword, str]:
    site = SiteMailbox.objects.filter(username=mailbox).first()
    if site is None:
        raise NotFound(mailbox)
    taken = set(held(mailbox).values_list("selector", flat=True))
    secret = _draw()
    while selector_of(secret) in taken:
        secret = _draw()
    row = AppPassword.objects.create(
        mailbox=mailbox,
        name=name,
        scope=",".join(scope),
        selector=selector_of(secret),
        verifier=verifier_of(secret),
        created_at=at,
        created_by=actor[:255],
        mailbox_made_at=site.created,
    )
    write_audit(actor, "app_password", mailbox, {"name": name, "scope": list(scope)}, at=at, account=account)
    return row, secret


def renew(
    row: AppPassword, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> tuple[AppPassword, str]:
    """A new secret under the same name and scope; the old one is revoked. Raises AppPasswordRefused ("shut") and
    NotAllowed when somebody revoked it meanwhile."""
    at = now or timezone.now()
    with transaction.atomic(using="default"):
        if current_status(row.mailbox).status == "suspended":
            raise AppPasswordRefused("shut")
        _revoke([row], actor, account, at)
        return _make(row.mailbox, row.name, row.scope.split(","), actor, account, at)


def revoke(
    row: AppPassword, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> None:
    """Takes one away for good: within seconds it opens no door, and the mailbox's sessions have ended (programs with
    another password come back by themselves). Raises NotAllowed when it is revoked already."""
    with transaction.atomic(using="default"):
        _revoke([row], actor, account, now or timezone.now())


def revoke_all(
    mailbox: str, actor: str, *, account: AbstractBaseUser | None = None, now: datetime | None = None
) -> int:
    """Takes all of a mailbox's away, as `revoke` does one; how many."""
    with transaction.atomic(using="default"):
        rows = list(held(mailbox))
        if rows:
            _revoke(rows, actor, account, now or timezone.now())
    return len(rows)


def _revoke(rows: Sequence[AppPassword], actor: str, account: AbstractBaseUser | None, at: datetime) -> None:
    mailbox = rows[0].mailbox
    for row in rows:
        same = AppPassword.objects.filter(pk=row.pk, revoked_at__isnull=True)
        if same.update(revoked_at=at, verifier="") != 1:
            raise NotAllowed(f"app password {row.name} of {mailbox} is revoked already")
        write_audit(actor, "revoke_app_password", mailbox, {"name": row.name}, at=at, account=account)
    status = current_status(mailbox)
    if status.status != "suspended":
        orders.place_refresh(mailbox, status.generation, actor, at)


def disable(mailbox: str, generation: int, at: datetime) -> int:
    """Switches off what the mailbox has, for the suspension of this generation; how many. In its transaction."""
    return held(mailbox).filter(disabled_at__isnull=True).update(disabled_at=at, disabled_in=generation)


def enable(mailbox: str, generation: int) -> int:
    """Undoes `disable` of this generation (a dismissal); how many. In its transaction."""
    return held(mailbox).filter(disabled_in=generation).update(disabled_at=None, disabled_in=None)


def in_force() -> list[InForce]:
    """All that open doors now: neither revoked nor switched off, of mailboxes the site has and did not switch off.

    Generations are read first: a row is never taken for newer than it is. Asks both databases; the site's only when
    there is any app password. Without the last condition SMTP AUTH would outlive the mailbox: Postfix asks no userdb.
    """
    generations = dict(MailboxStatus.objects.values_list("mailbox", "generation"))
    rows = list(AppPassword.objects.filter(revoked_at__isnull=True, disabled_at__isnull=True).order_by("id"))
    if not rows:
        return []
    made = _switched_on({row.mailbox for row in rows})
    return [
        InForce(
            row.mailbox,
            generations.get(row.mailbox, 0),
            row.pk,
            row.selector,
            row.verifier,
            tuple(row.scope.split(",")),
        )
        for row in rows
        if made.get(row.mailbox) == row.mailbox_made_at
    ]


def _switched_on(mailboxes: Collection[str]) -> dict[str, datetime]:
    """The site's `created` of those it has and did not switch off; 500 a question (SQLite takes 999 values)."""
    names = sorted(mailboxes)
    found: dict[str, datetime] = {}
    for start in range(0, len(names), 500):
        part = SiteMailbox.objects.filter(username__in=names[start : start + 500], active=True)
        found.update(part.values_list("username", "created"))
    return found


def counts(mailbox: str) -> dict[str, int]:
    """How many a mailbox has in use ("on") and switched off ("off")."""
    off = held(mailbox).filter(disabled_at__isnull=False).count()
    return {"on": held(mailbox).count() - off, "off": off}


def facts(row: AppPassword) -> dict[str, Any]:
    """What people may know of one: all but its hash. `state`: "on", or "off" since a suspension."""
    return {
        "id": row.pk,
        "name": row.name,
        "scope": row.scope.split(","),
        "state": "off" if row.disabled_at else "on",
        "disabled_at": row.disabled_at,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "last_used_at": row.last_used_at,
        "last_protocol": row.last_protocol,
        "last_ip": row.last_ip,
        "last_country": row.last_country,
    }


def note_use(number: str, mailbox: str, at: datetime, protocol: str, ip: str, country: str) -> None:
    """Keeps when and where one was used last; `number` is what Dovecot said, and counts for its own mailbox only."""
    if number.isascii() and number.isdigit() and len(number) <= 18:
        AppPassword.objects.filter(pk=int(number), mailbox=mailbox).update(
            last_used_at=at, last_protocol=protocol[:16], last_ip=ip[:45], last_country=country[:2]
        )


def prune(now: datetime) -> int:
    """Forgets app passwords revoked more than REVOKED_KEPT ago; how many. One that is only off stays."""
    return AppPassword.objects.filter(revoked_at__lt=now - REVOKED_KEPT).delete()[0]
