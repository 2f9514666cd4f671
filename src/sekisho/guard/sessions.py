"""Which client address a Dovecot session came from: ManageSieve's events name the session only."""

from __future__ import annotations

from sekisho.guard.recent import Recent

# Sessions kept; phones open some ten a day and mailbox.
REMEMBERED = 20_000


class Sessions:
    """Session id to (mailbox, client address), for the sessions begun lately."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._sessions: Recent[tuple[str, str]] = Recent(remembered)

    def begin(self, session: str, mailbox: str, ip: str) -> None:
        self._sessions.put(session, (mailbox, ip))

    def ip(self, session: str, mailbox: str) -> str:
        """The address this mailbox' session came from; empty when it is not known."""
        owner, ip = self._sessions.get(session) or ("", "")
        return ip if owner == mailbox else ""
