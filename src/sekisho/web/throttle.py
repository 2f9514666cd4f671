"""Slows down guessing at the sign-in page; every worker process counts in the same table.

A try is counted *before* the password is looked at and given back when it was right, so parallel guesses cannot slip
through. Counts end with their window: nobody is locked out for ever, and an account's known addresses have a count of
their own, so a stranger who guesses at a name cannot keep its owner out (P3 for our own panel).
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from sekisho.config import settings
from sekisho.web.models import KnownAddress, SignInTries

# OWASP's authentication cheat sheet leaves the figures open; NIST SP 800-63B-4 §3.2.2 allows at most 100 failures in a
# row. Ten in a quarter of an hour is more than a person with a wrong note needs, and 960 a day for a guesser.
WINDOW = timedelta(minutes=15)
TRIES_PER_NAME = 10
# One office behind one address holds several people.
TRIES_PER_ADDRESS = 30
# After a season an address belongs to somebody else.
KNOWN_FOR = timedelta(days=90)


def peer_address(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The client's whole address, None when it cannot be told.

    With `web.https` a web server on this machine ends TLS and appends the address it saw to X-Forwarded-For; only
    that last entry, and only from loopback or a unix socket, is believed.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if settings().web.https and (not peer or _is_loopback(peer)):
        peer = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or peer
    return _address(peer)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def client_address(request: HttpRequest) -> str:
    """The client's address for counting (IPv6: its /64, one customer's worth), "" when it cannot be told."""
    return _counted(peer_address(request))


def customer_of(text: str) -> str:
    """What an address given as text counts as, as `client_address` does; "" for what is no address."""
    return _counted(_address(text))


def _counted(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str:
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _key(kind: str, *parts: str) -> str:
    return salted_hmac(f"sekisho.web.throttle.{kind}", "\0".join(parts), algorithm="sha256").hexdigest()


def _keys(name: str, address: str, now: datetime) -> list[tuple[str, int]]:
    name = name.strip().casefold()
    known = KnownAddress.objects.filter(
        account__in=get_user_model().objects.filter(username__iexact=name),
        address=_key("known", address),
        at__gte=now - KNOWN_FOR,
    ).exists()
    of_name = _key("name at", name, address) if known else _key("name", name)
    return [(_key("address", address), TRIES_PER_ADDRESS), (of_name, TRIES_PER_NAME)]


def _window(now: datetime) -> int:
    return int(now.timestamp() // WINDOW.total_seconds())


def seconds_left(now: datetime) -> int:
    """Seconds until the present window ends and tries count from nought again."""
    return int(WINDOW.total_seconds() - now.timestamp() % WINDOW.total_seconds()) + 1


def reserve(name: str, address: str, now: datetime) -> bool:
    """Counts one try; False when this address or this name has had its share and the try must not be looked at."""
    return _reserve(_keys(name, address, now), now)


def reserve_for_mailbox(mailbox: str, address: str, known: bool, now: datetime) -> bool:
    """As `reserve`, for a mailbox's password at the owner's pages. `known`: the mailbox is used from this address, so
    it has a count of its own and strangers who guess cannot use it up."""
    return _reserve(_mailbox_keys(mailbox, address, known), now)


def give_back_for_mailbox(mailbox: str, address: str, known: bool, now: datetime) -> None:
    """Takes back the try that `reserve_for_mailbox` counted: the password was right."""
    _give_back(_mailbox_keys(mailbox, address, known), now)


def _mailbox_keys(mailbox: str, address: str, known: bool) -> list[tuple[str, int]]:
    of_name = _key("mailbox at", mailbox, address) if known else _key("mailbox", mailbox)
    return [(_key("address", address), TRIES_PER_ADDRESS), (of_name, TRIES_PER_NAME)]


def _reserve(keys: list[tuple[str, int]], now: datetime) -> bool:
    window = _window(now)
    with transaction.atomic():
        for key, limit in keys:
            row, created = SignInTries.objects.select_for_update().get_or_create(key=key, window=window)
            if row.tries >= limit:
                return False
            SignInTries.objects.filter(pk=row.pk).update(tries=F("tries") + 1)
            if created:
                SignInTries.objects.filter(key=key, window__lt=window).delete()
    return True


def reserve_for(what: str, address: str, limit: int, now: datetime) -> bool:
    """Counts one try of `what` by a client address; False when it has had its share of the present window."""
    window, key = _window(now), _key(what, address)
    with transaction.atomic():
        row, created = SignInTries.objects.select_for_update().get_or_create(key=key, window=window)
        if created:
            SignInTries.objects.filter(key=key, window__lt=window).delete()
        return SignInTries.objects.filter(pk=row.pk, tries__lt=limit).update(tries=F("tries") + 1) == 1


def give_back(name: str, address: str, now: datetime) -> None:
    """Takes back the try that `reserve` counted: the password was right."""
    _give_back(_keys(name, address, now), now)


def _give_back(keys: list[tuple[str, int]], now: datetime) -> None:
    for key, _ in keys:
        SignInTries.objects.filter(key=key, window=_window(now), tries__gt=0).update(tries=F("tries") - 1)


def remember(account: User, address: str, now: datetime) -> None:
    """Notes that this account has signed in from this address."""
    KnownAddress.objects.update_or_create(account=account, address=_key("known", address), defaults={"at": now})
    KnownAddress.objects.filter(at__lt=now - KNOWN_FOR).delete()
