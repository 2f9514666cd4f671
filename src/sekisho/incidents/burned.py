"""Burned passwords: what a hijacker may know never opens the mailbox again.

At the moment of a suspension nobody knows the password's plain text, so the site's own hash of it is kept as its
verifier. Where a person types a burned password the plain text is there, and its keyed hash is kept as well
(HMAC-SHA256, key derived from Django's SECRET_KEY: panel and command line have it anyway, one secret less to guard;
after a change of that key the verifiers kept as site hashes still refuse).

A burned password can come back behind our back: somebody writes the old hash into the site's table, or sets the old
password anew with PostfixAdmin. Two things then show it, and `burned_again` and the guard trip on them:

1. The *stored hash* is one that is burned: the same text, certain (a new hash of the same password has another salt,
   and without the plain text it cannot be compared).
2. A *login* succeeds whose policy hash, Dovecot's 12 bits of a keyed hash of name and password, is one of those that
   opened the mailbox before its suspension. Twelve bits are few: another password has the same once in 4,096 times.
   So that no owner is shut out for his new password:
   - the guard is told hashes only of mailboxes whose stored hash nobody vouches for (`vouch`): what we have set
     ourselves, or a dismissal has confirmed, is known and trips nothing;
   - a new password that Dovecot could not tell from a burned one is refused when it is set (`looks_burned`), so that it
     also stays innocent when the site later hashes it anew;
   - a login with an app password has no such hash (guard.auth_policy).
   What is left: a password set by other means than ours that collides, at most once in 512 for a mailbox with eight
   burned hashes, most have one. It is suspended, and a dismissal vouches for it.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache

from django.db import DatabaseError
from django.utils.crypto import salted_hmac

from sekisho.config import ConfigError, read_secret, settings
from sekisho.directory.models import SiteMailbox
from sekisho.directory.names import login_names
from sekisho.directory.passwords import verify_password
from sekisho.incidents.models import BurnedPassword, KnownPassword, SignIn
from sekisho.wire.dovecot_policy import password_hash

log = logging.getLogger(__name__)

# A mailbox taken over more than 20 times has other troubles; each old hash costs one verification (4 ms to 150 ms).
KEPT = 20
# Policy hashes are kept apart, and fewer: each is one chance in 4,096 to meet an innocent password.
KEPT_POLICY_HASHES = 8
# A password that opened the mailbox within a month before a suspension may be the one that was stolen.
SEEN_SINCE = timedelta(days=30)
_KEYED, _POLICY = "hmac:", "policy:"
# Mailboxes in one statement: SQLite takes 32,766 variables, others fewer.
AT_ONCE = 500


def _keyed_hash(mailbox: str, password: str) -> str:
    # The mailbox is part of the input: equal passwords of two mailboxes cannot be told from the rows.
    return _KEYED + salted_hmac("sekisho.burned-password", f"{mailbox}\0{password}", algorithm="sha256").hexdigest()


def _burn(mailbox: str, verifier: str, now: datetime) -> None:
    BurnedPassword.objects.get_or_create(mailbox=mailbox, verifier=verifier, defaults={"at": now})
    is_policy = verifier.startswith(_POLICY)
    rows = BurnedPassword.objects.filter(mailbox=mailbox)
    rows = rows.filter(verifier__startswith=_POLICY) if is_policy else rows.exclude(verifier__startswith=_POLICY)
    kept = rows.order_by("-at", "-id").values_list("id", flat=True)[: KEPT_POLICY_HASHES if is_policy else KEPT]
    rows.exclude(id__in=list(kept)).delete()


def burn_password(mailbox: str, password: str, now: datetime) -> None:
    """Burns a password whose plain text we have."""
    _burn(mailbox, _keyed_hash(mailbox, password), now)
    # Under its own address only: which other names the site's Dovecot gives a hash of their own, its logins show.
    for pwhash in _policy_hashes([mailbox], password):
        _burn(mailbox, _POLICY + pwhash, now)


def burn_site_hash(mailbox: str, now: datetime) -> None:
    """Burns whatever password the site has for the mailbox now.

    Robustness: the site's database may be away; a suspension must not wait for it. Recovery burns again.
    """
    try:
        row = SiteMailbox.objects.filter(username=mailbox).values_list("password", flat=True).first()
    except DatabaseError as error:
        log.warning("the password of %s is not burned yet: %s", mailbox, error)
        return
    if row:
        _burn(mailbox, row, now)


def burn_seen(mailbox: str, now: datetime) -> None:
    """Burns the policy hashes of the passwords that opened the mailbox lately; called as it gets a new one.

    Of a password we have set, only the logins since count: those before showed another one. Without Dovecot's nonce
    nothing is kept: then nobody could refuse a look-alike, nor tell the logins that carry no password's hash.
    """
    if not _nonce():
        return
    since = now - SEEN_SINCE
    known = KnownPassword.objects.filter(mailbox=mailbox).first()
    if known is not None:
        since = max(since, known.at)
    seen = SignIn.objects.filter(mailbox=mailbox, success=True, at__gte=since, at__lte=now).exclude(pwhash="")
    latest = dict.fromkeys(seen.order_by("-at").values_list("pwhash", flat=True))
    # Compatibility: of a login without the plain text (CRAM-MD5) Dovecot hashes the name alone, whatever the password.
    of_names = _policy_hashes(login_names(mailbox), "")
    for pwhash in [one for one in latest if one not in of_names][:KEPT_POLICY_HASHES]:
        _burn(mailbox, _POLICY + pwhash, now)


def is_burned(mailbox: str, password: str) -> bool:
    """Whether this password was the mailbox's at the time of a suspension, or was refused for it since."""
    keyed = _keyed_hash(mailbox, password)
    return any(
        secrets.compare_digest(verifier, keyed)
        if verifier.startswith(_KEYED)
        else not verifier.startswith(_POLICY) and verify_password(password, verifier)
        for verifier in BurnedPassword.objects.filter(mailbox=mailbox).values_list("verifier", flat=True)
    )


def is_burned_hash(mailbox: str, stored: str) -> bool:
    """Whether this very stored hash is one that was burned for the mailbox."""
    return BurnedPassword.objects.filter(mailbox=mailbox, verifier=stored).exists()


def looks_burned(mailbox: str, password: str) -> bool:
    """Whether Dovecot could not tell this password from a burned one, under any login name of the mailbox."""
    burned = policy_hashes_of([mailbox]).get(mailbox, ())
    return bool(burned) and not _policy_hashes(login_names(mailbox), password).isdisjoint(burned)


def policy_hashes_of(mailboxes: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """The burned policy hashes of these mailboxes (None: of all that have some), the latest first."""
    rows = BurnedPassword.objects.filter(verifier__startswith=_POLICY).order_by("-at", "-id")
    if mailboxes is not None:
        rows = rows.filter(mailbox__in=list(mailboxes))
    found: dict[str, list[str]] = {}
    for mailbox, verifier in rows.values_list("mailbox", "verifier"):
        found.setdefault(mailbox, []).append(verifier.removeprefix(_POLICY))
    return {mailbox: tuple(hashes[:KEPT_POLICY_HASHES]) for mailbox, hashes in found.items()}


def _policy_hashes(names: Iterable[str], password: str) -> set[str]:
    dovecot = settings().dovecot
    nonce = _nonce()
    if not nonce:
        return set()
    return {password_hash(name, password, nonce, dovecot.policy_hash_mech, dovecot.policy_hash_bits) for name in names}


def _nonce() -> str:
    """Dovecot's nonce, "" for none; without it no policy hash is burned or looked for."""
    file = settings().dovecot.policy_hash_nonce_file
    return _read_nonce(file) if file else ""


@cache
def _read_nonce(file: str) -> str:
    """Dovecot's nonce; "" where its file cannot be read, which is logged once."""
    try:
        return read_secret(file)
    except ConfigError as error:
        log.error("logins with burned passwords are not noticed: %s", error)
        return ""


def unburn_since(mailbox: str, since: datetime) -> None:
    """A dismissal says nobody stole the password: what was burned by this incident is an ordinary password again."""
    BurnedPassword.objects.filter(mailbox=mailbox, at__gte=since).exclude(verifier__startswith=_KEYED).delete()


# What we vouch for


def _mark(stored: str) -> str:
    return hashlib.sha256(stored.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def vouch(mailbox: str, stored: str, now: datetime) -> None:
    """The site's stored hash is of a password that may be used: we have set it, or a person has dismissed the doubt."""
    fresh: dict[str, object] = {"mark": _mark(stored), "at": now}
    known, is_new = KnownPassword.objects.get_or_create(mailbox=mailbox, defaults=fresh)
    if not is_new and known.mark != fresh["mark"]:
        KnownPassword.objects.filter(mailbox=mailbox).update(**fresh)


def vouch_for_present(mailbox: str, now: datetime) -> None:
    """Vouches for what stands in the site's table now; with that database away nothing, and it is logged."""
    try:
        stored = SiteMailbox.objects.filter(username=mailbox).values_list("password", flat=True).first()
    except DatabaseError as error:
        log.warning("nobody vouches for the password of %s: %s", mailbox, error)
        return
    if stored:
        vouch(mailbox, stored, now)


def unvouched(mailboxes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of these mailboxes whose stored hash nobody vouches for, with that hash; raises OperationalError."""
    names = list(mailboxes)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        known = dict(KnownPassword.objects.filter(mailbox__in=some).values_list("mailbox", "mark"))
        for name, stored in SiteMailbox.objects.filter(username__in=some).values_list("username", "password"):
            if known.get(name) != _mark(stored):
                yield name, stored


def watched_hashes() -> dict[str, tuple[str, ...]]:
    """What the guard has to look for at logins: burned policy hashes by mailbox; raises OperationalError."""
    burned = policy_hashes_of()
    return {mailbox: burned[mailbox] for mailbox, _ in unvouched(burned)}


def put_back() -> list[str]:
    """Mailboxes in whose row of the site's table a burned hash stands again; raises OperationalError."""
    rows = BurnedPassword.objects.exclude(verifier__startswith=_POLICY).exclude(verifier__startswith=_KEYED)
    burned: dict[str, set[str]] = {}
    for mailbox, verifier in rows.values_list("mailbox", "verifier"):
        burned.setdefault(mailbox, set()).add(verifier)
    return [mailbox for mailbox, stored in unvouched(burned) if stored in burned[mailbox]]
