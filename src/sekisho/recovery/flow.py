"""Recovery: a new password by an allowed person, then the doors open again.

The order of things: refuse what may not be (rules, burned list, the present password); in one transaction of our
database write the site's hash, read it back and verify it while the plain text is here, record the reinstatement, and
order Dovecot's memory of the old password away where the doors are open; the agents then carry out their orders.
Nothing here opens a door, and no password is kept or logged.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sekisho.config import settings
from sekisho.detection import password as rules
from sekisho.detection.password import PasswordProblem
from sekisho.directory import mapping
from sekisho.directory.access import NotFound
from sekisho.directory.models import SiteDomain, SiteMailbox
from sekisho.directory.names import canonical
from sekisho.directory.passwords import HashForm, form_like, hash_in_form, is_taken_whole, verify_password
from sekisho.incidents import burned, decisions, orders
from sekisho.incidents.changes import write_audit
from sekisho.incidents.models import Incident, Order
from sekisho.recovery import breached

log = logging.getLogger(__name__)

# A look at the order's rows ten times a second: the wait is seconds, the look is one indexed query.
POLL_S = 0.1

OLD_PASSWORD = PasswordProblem(
    code="old",
    ja="このパスワードは以前に使われていたもので、第三者に知られているおそれがあります。別のパスワードにしてください。",
    en="This password was used before and may be known to somebody else. Choose another one.",
)
LOOKS_OLD = PasswordProblem(
    code="looks_old",
    ja="このパスワードは、サーバーの記録では以前のものと区別できません(まれに偶然起こります)。別のパスワードにしてください。",
    en="By chance, the server's records cannot tell this password from an old one. Choose another one.",
)
TOO_LONG = PasswordProblem(
    code="long",
    ja="このサーバーの方式では72バイトを超える部分が無視されます。短くしてください。",
    en="This server's scheme ignores what goes beyond 72 bytes. Choose a shorter one.",
)
BREACHED = PasswordProblem(
    code="breached",
    ja="このパスワードは、過去に漏えいしたパスワードの一覧にあります。別のパスワードにしてください。",
    en="This password is on the list of passwords that leaked somewhere before. Choose another one.",
)
SET_AT_SITE = PasswordProblem(
    code="at_site",
    ja="パスワードはサイトの管理画面で設定します。先にそちらで新しいパスワードを設定し、同じものをここに入力してください。",
    en="Passwords are set in the site's own administration. Set the new one there first, then enter the same here.",
)
HASH_NOT_KEPT = "the site's database did not keep the new password"


class PasswordRefused(Exception):
    """The new password may not be used; `problems` says why and what to do, in both languages."""

    def __init__(self, problems: list[PasswordProblem]) -> None:
        super().__init__("; ".join(problem.code for problem in problems))
        self.problems = problems


class RecoveryFailed(Exception):
    """The new password could not be written; the mailbox is as it was. Try again later."""


def words_of(mailbox: str) -> list[str]:
    """Words of its domain's description and of the provider's own host name.

    The rules know the address, the brands that phishing mails borrow, and the programs of a mail host.
    """
    domain = mailbox.rpartition("@")[2]
    description = SiteDomain.objects.filter(domain=domain).values_list("description", flat=True).first() or ""
    # mx01.provider.example: "provider"; neither the numbered first label nor the top-level domain is a clue.
    provider = ".".join(settings().host.lower().split(".")[1:-1])
    return [word for word in re.split(r"[^0-9a-z]+", f"{description.lower()} {provider}") if word]


def rule_problems(mailbox: str, password: str) -> list[PasswordProblem]:
    """What the rules and the mailbox's scheme have against a password for it, old ones left aside."""
    found = list(rules.problems(password, mailbox, words_of(mailbox)))
    if not is_taken_whole(password, _form_for(_site_mailbox(mailbox)).scheme) and not any(
        p.code == TOO_LONG.code for p in found
    ):
        found.append(TOO_LONG)
    if is_breached(password):
        found.append(BREACHED)
    return found


def is_breached(password: str) -> bool:
    """False without a list. Robustness: a damaged one must not keep an owner out; it is logged and told by `status`."""
    try:
        return breached.is_breached(settings().breached_list_file, password)
    except FileNotFoundError:
        return False
    except (OSError, breached.BreachedError) as error:
        log.error("the list of breached passwords is not used: %s", error)
        return False


def password_problems(mailbox: str, password: str) -> list[PasswordProblem]:
    """What is wrong with a password for this mailbox; empty: it may be used. A burned one is burned for good."""
    site = _site_mailbox(mailbox)
    found = rule_problems(mailbox, password)
    is_present, ours = verify_password(password, site.password), mapping.may_set_password()
    if (is_present and ours) or burned.is_burned(mailbox, password):
        found.insert(0, OLD_PASSWORD)
    elif burned.looks_burned(mailbox, password):
        found.insert(0, LOOKS_OLD)
    elif not is_present and not ours:
        found.insert(0, SET_AT_SITE)
    return found


def refuse_burned(address: str, password: str) -> None:
    """Raises PasswordRefused for a password burned for this address, also when its mailbox was deleted meanwhile."""
    mailbox = canonical(address) or address.strip().lower()
    if burned.is_burned(mailbox, password):
        raise PasswordRefused([OLD_PASSWORD])
    if burned.looks_burned(mailbox, password):
        raise PasswordRefused([LOOKS_OLD])


def _site_mailbox(mailbox: str) -> SiteMailbox:
    site = SiteMailbox.objects.filter(username=mailbox).first()
    if site is None:
        raise NotFound(mailbox)
    return site


def _form_for(site: SiteMailbox) -> HashForm:
    """The form its hash has now; the configured scheme where that one is too weak, or none."""
    return form_like(site.password, settings().password_scheme)


def _refuse_unfit(mailbox: str, password: str) -> None:
    problems = password_problems(mailbox, password)
    if OLD_PASSWORD in problems and _is_shut(mailbox):
        burned.burn_password(mailbox, password, timezone.now())
    if problems:
        raise PasswordRefused(problems)


def _is_shut(mailbox: str) -> bool:
    return decisions.current_status(mailbox).status == "suspended"


def _write_hash(mailbox: str, former: str, new: str, password: str) -> str:
    """Replaces the site's hash by compare-and-set; what was read back. Raises RecoveryFailed when it is not there."""
    changed = mapping.write_password(mailbox, former, new)
    kept = SiteMailbox.objects.filter(username=mailbox).values_list("password", flat=True).first()
    if not changed or kept is None or not verify_password(password, kept):
        raise RecoveryFailed(HASH_NOT_KEPT)
    return kept


def _nothing() -> None:
    """What comes first when nobody says otherwise."""


def set_password(
    mailbox: str,
    password: str,
    actor: str,
    *,
    account: AbstractBaseUser | None = None,
    first: Callable[[], None] = _nothing,
) -> None:
    """Gives a mailbox a new password and leaves its status alone; returns when it is written and the orders are placed.

    Unless the mailbox is suspended (its doors are shut, and opening them clears the cache), every host's agent then
    makes Dovecot forget the old password and ends the sessions opened with it: within a second. `first` runs at the
    start of the transaction; what it raises undoes all.
    Raises PasswordRefused, NotFound, RecoveryFailed, and OperationalError while a database is away (nothing changed).
    """
    _set(mailbox, password, actor, account, first)


def reinstate(
    mailbox: str,
    password: str,
    actor: str,
    *,
    account: AbstractBaseUser | None = None,
    first: Callable[[], None] = _nothing,
) -> list[Order]:
    """Recovers a suspended or restricted mailbox with a new password; the orders that open its doors.

    Raises PasswordRefused, NotFound, decisions.NotAllowed (it is active), RecoveryFailed, and OperationalError while
    a database is away. In each case the mailbox stays shut and its password is what it was. A restricted mailbox's
    sessions are ended, too: its doors were open. `first`: see `set_password`.
    """
    placed: list[Order] = []

    def record() -> None:
        first()
        if mapping.may_set_password():
            # Elsewhere the new one stands there already, and the old one was burned as the mailbox was suspended.
            burned.burn_site_hash(mailbox, timezone.now())
        burned.burn_seen(mailbox, timezone.now())
        placed.extend(decisions.reinstate(mailbox, actor, account=account))

    _set(mailbox, password, actor, account, record)
    return placed


def _set(mailbox: str, password: str, actor: str, account: AbstractBaseUser | None, record: Callable[[], None]) -> None:
    _refuse_unfit(mailbox, password)
    ours = mapping.may_set_password()
    new = hash_in_form(password, _form_for(_site_mailbox(mailbox))) if ours else ""
    # Our database first, so that a locked one refuses before the site's password has changed; the site's row is
    # written before our transaction commits, so that no door opens on the old password.
    with transaction.atomic(using="default"):
        was_shut = _is_shut(mailbox)
        record()
        write_audit(actor, "set_password", mailbox, {}, account=account)
        former = _site_mailbox(mailbox).password
        burned.vouch(mailbox, _write_hash(mailbox, former, new, password) if ours else former, timezone.now())
        if not was_shut:
            # Not before: an order that is waiting already may be claimed at any moment, and must find the new hash.
            orders.place_refresh(mailbox, decisions.current_status(mailbox).generation, actor, timezone.now())


def _opening_orders(incident: Incident) -> QuerySet[Order]:
    latest = Order.objects.filter(incident=incident, kind__in=["release", "dismiss"]).order_by("-generation").first()
    generation = latest.generation if latest else 0
    return Order.objects.filter(incident=incident, kind__in=["release", "dismiss"], generation=generation)


def is_released(incident: Incident) -> bool:
    """Whether every host has read back that the doors of the incident's mailbox are open."""
    placed = list(_opening_orders(incident))
    return bool(placed) and all(orders.has_effect(order) for order in placed)


def wait_until_released(incident: Incident, timeout: float) -> bool:
    """Waits at most `timeout` seconds until the doors are open on every host; whether they are."""
    return _wait(lambda: is_released(incident), timeout)


def wait_until_contained(incident: Incident, timeout: float) -> bool:
    """Waits at most `timeout` seconds until the incident is contained on every host; whether it is."""
    return _wait(lambda: Incident.objects.filter(pk=incident.pk, contained_at__isnull=False).exists(), timeout)


def _wait(condition: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True
