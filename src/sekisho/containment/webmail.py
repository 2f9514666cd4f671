"""The webmail programs whose sessions end with a suspension: one class for each kind, all of this shape.

A webmail holds the mailbox' password in a session of its own and logs in with it at each click. The barrier refuses
those logins; but pages that need no login (address book, a form for a new password) go on until the session is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from sekisho.config import Settings, WebmailSettings
from sekisho.containment.roundcube import Roundcube


class Webmail(Protocol):
    """One installation. Both raise WebmailError when it cannot be told within the deadline."""

    def end_sessions(self, is_mine: Callable[[str], bool]) -> int:
        """Ends the sessions of the login names for which `is_mine` says yes; how many there were."""

    def count_sessions(self, is_mine: Callable[[str], bool]) -> int:
        """How many there are now."""


@runtime_checkable
class KeepsContacts(Protocol):
    """One that has an address book of its own."""

    def count_contacts(self, is_mine: Callable[[str], bool]) -> int | None:
        """How many entries the login names for which `is_mine` says yes have; None: it does not know them. Raises
        WebmailError."""


KINDS: dict[str, Callable[[WebmailSettings], Webmail]] = {"roundcube": Roundcube}


def webmails_of(settings: Settings) -> tuple[Webmail, ...]:
    """The installations of this site, as configured."""
    return tuple(KINDS[each.kind](each) for each in settings.webmail)
