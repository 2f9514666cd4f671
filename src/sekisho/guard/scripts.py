"""Changes of Sieve scripts: spooled at once, judged when somebody has said what the script does.

A forward counts once per mailbox, generation and target, with the time and the source of the ManageSieve session that
planted it; an old forward of the owner's own, redirecting mail every day, is no change and never counts.
"""

from __future__ import annotations

from sekisho.detection import ScriptChange
from sekisho.guard.checkpoint import MAX_ADDRESS, Checkpoint
from sekisho.guard.sessions import Sessions
from sekisho.journal import MailForwarded, ScriptChanged

# How long after a script was stored a new redirect is put down to it: the window of detection's D9.
PLANTED_SECONDS = 3 * 86_400.0
# Mailboxes with a recent change, and findings already judged, that are remembered.
REMEMBERED = 10_000


class Scripts:
    """Joins script changes, sessions and findings, and hands what is new to the checkpoint."""

    def __init__(self, checkpoint: Checkpoint, sessions: Sessions) -> None:
        self._checkpoint = checkpoint
        self.sessions = sessions
        # The last change of each mailbox: when and from where.
        self._changes: dict[str, ScriptChanged] = {}
        self._judged: set[tuple[str, int, str, str]] = set()

    def changed(self, user: str, session: str, script: str, now: float) -> None:
        """A script was stored or activated; the agent, following the spool, looks into it."""
        mailbox = self._checkpoint.mailbox(user)
        if mailbox is None:
            return
        ip = self.sessions.ip(session, mailbox)
        change = ScriptChanged(now, mailbox, "filter", script=script, ip=ip)
        if len(self._changes) >= REMEMBERED:
            self._changes.clear()
        self._changes[mailbox] = change
        self._checkpoint.spool(change)

    def redirected(self, user: str, target: str, now: float) -> None:
        """Dovecot has redirected a message: told each time, and judged only if a script was stored lately."""
        mailbox = self._checkpoint.mailbox(user)
        if mailbox is None:
            return
        if self._checkpoint.leaves(mailbox, target):
            self._checkpoint.spool(MailForwarded(now, mailbox, target.lower()[:MAX_ADDRESS], "sieve"))
        change = self._changes.get(mailbox)
        if change is None or now - change.t > PLANTED_SECONDS:
            return
        found = ScriptChanged(change.t, mailbox, "forward", target, change.script, change.ip)
        if self._judge(found, now):
            self._checkpoint.spool(found)

    def take_finding(self, found: ScriptChanged, now: float) -> None:
        """The agent has read the script: what it does, with the time and the source of the original change."""
        self._judge(found, now)

    def _judge(self, found: ScriptChanged, now: float) -> bool:
        """Observes a finding unless it was judged before or belongs to an older generation; True if observed."""
        checkpoint = self._checkpoint
        recorded = checkpoint.standing.state.mailboxes.get(found.mailbox)
        if recorded is not None and found.t < recorded.since and recorded.status in ("active", "probation"):
            return False
        key = (found.mailbox, checkpoint.standing.generation(found.mailbox), found.change, found.target.lower())
        if key in self._judged or self._stays_inside(found):
            return False
        if len(self._judged) >= REMEMBERED:
            self._judged.clear()
        self._judged.add(key)
        ip, place = checkpoint.places.source(found.ip)
        checkpoint.observe(ScriptChange(found.t, found.mailbox, ip, place, found.change, found.target), now)
        return True

    def _stays_inside(self, found: ScriptChanged) -> bool:
        """A redirect to the mailbox itself leaks nothing; whether another target is outside is detection's to say."""
        return found.change == "forward" and self._checkpoint.mailbox(found.target) == found.mailbox
