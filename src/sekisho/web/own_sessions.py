"""The browsers in which an account is signed in (allauth.usersessions keeps a row for each)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import get_language

from sekisho.incidents import sign_ins
from sekisho.incidents.usual import country_names, owner_names
from sekisho.web.signing_in import UNKNOWN_ADDRESS

# In the order in which they are looked for: Edge and Opera call themselves Chrome as well, Chrome calls itself Safari.
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
            ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
# iPhones say "like Mac OS X", Android says Linux.
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
           ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


@dataclass(frozen=True)
class Signed:
    """One signed-in browser. `address`, `browser` and `place` are "" where nothing is known."""

    since: datetime
    address: str
    browser: str
    here: bool
    # Country and network's owner, in the viewer's language.
    place: str = ""


def browser_words(agent: str) -> str:
    """ "Firefox, Windows" from a User-Agent header; "" for one that names nothing we know."""
    named = (next((word for sign, word in table if re.search(sign, agent)), "") for table in (BROWSERS, SYSTEMS))
    return ", ".join(word for word in named if word)


def of(request: HttpRequest, account: User) -> list[Signed]:
    """The account's browsers, this one first, then the latest. Rows of sessions that are over are dropped."""
    rows = UserSession.objects.purge_and_list(account)
    found = [
        Signed(
            row.created_at,
            "" if row.ip == UNKNOWN_ADDRESS else row.ip,
            browser_words(row.user_agent),
            row.session_key == request.session.session_key,
            "" if row.ip == UNKNOWN_ADDRESS else _place(row.ip),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (not one.here, -one.since.timestamp()))


def _place(address: str) -> str:
    country, asn = sign_ins.place_of(address)
    name = country_names((get_language() or "ja")[:2]).get(country, country)
    return ", ".join(filter(None, (name, owner_names([asn]).get(asn, ""))))


def end_others(request: HttpRequest, account: User) -> int:
    """Ends every session of the account but this one; returns how many."""
    others = UserSession.objects.filter(user=account).exclude(session_key=request.session.session_key)
    ended = 0
    for row in others:
        ended += row.exists()
        row.end()
    return ended


def note(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """A row for a new session, whichever way it began; receiver of Django's user_logged_in."""
    if hasattr(request, "session") and hasattr(request, "user"):
        UserSession.objects.create_from_request(request)


def forget(sender: Any, request: HttpRequest | None, **_: Any) -> None:
    """The row of a session that ends here, whichever way (signing out, single sign-on, an owner signing in); receiver
    of Django's user_logged_out, which comes before the session is flushed."""
    if request is not None and hasattr(request, "session") and request.session.session_key:
        UserSession.objects.filter(session_key=request.session.session_key).delete()
