"""Burned passwords: what a hijacker may know never opens the mailbox again.

At the moment of a suspension nobody knows the password's plain text, so the site's own hash of it is kept as its
verifier. Where a person types a burned password the plain text is there, and its keyed hash is kept as well
(HMAC-SHA256, key derived from Django's SECRET_KEY: panel and command line have it anyway, one secret less to guard;
after a change of that key the verifiers kept as site hashes still refuse).
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime

from django.db import DatabaseError
from django.utils.crypto import salted_hmac

from sekisho.directory.models import SiteMailbox
from sekisho.directory.passwords import verify_password
from sekisho.incidents.models import BurnedPassword

log = logging.getLogger(__name__)

# A mailbox taken over more than 20 times has other troubles; each old hash costs one verification (4 ms to 150 ms).
KEPT = 20


def _keyed_hash(mailbox: str, password: str) -> str:
    # The mailbox is part of the input: equal passwords of two mailboxes cannot be told from the rows.
    return "hmac:" + salted_hmac("sekisho.burned-password", f"{mailbox}\0{password}", algorithm="sha256").hexdigest()


def _burn(mailbox: str, verifier: str, now: datetime) -> None:
    BurnedPassword.objects.get_or_create(mailbox=mailbox, verifier=verifier, defaults={"at": now})
    kept = BurnedPassword.objects.filter(mailbox=mailbox).order_by("-at", "-id").values_list("id", flat=True)[:KEPT]
    BurnedPassword.objects.filter(mailbox=mailbox).exclude(id__in=list(kept)).delete()


def burn_password(mailbox: str, password: str, now: datetime) -> None:
    """Burns a password whose plain text we have."""
    _burn(mailbox, _keyed_hash(mailbox, password), now)


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


def is_burned(mailbox: str, password: str) -> bool:
    """Whether this password was the mailbox's at the time of a suspension, or was refused for it since."""
    keyed = _keyed_hash(mailbox, password)
    verifiers = BurnedPassword.objects.filter(mailbox=mailbox).values_list("verifier", flat=True)
    return any(
        secrets.compare_digest(verifier, keyed) if verifier.startswith("hmac:") else verify_password(password, verifier)
        for verifier in verifiers
    )


def unburn_since(mailbox: str, since: datetime) -> None:
    """A dismissal says nobody stole the password: what was burned by this incident is an ordinary password again."""
    BurnedPassword.objects.filter(mailbox=mailbox, at__gte=since).exclude(verifier__startswith="hmac:").delete()
