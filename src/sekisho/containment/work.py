"""What a step works with: the tools of this host, the ledger entry, the plan; and how it says that it is not done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple, Protocol

from sekisho.config import Settings
from sekisho.containment.app_passwords import AppPasswordFile
from sekisho.containment.barrier import Barrier
from sekisho.containment.dovecot import Dovecot
from sekisho.containment.held_mail import HeldMail
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.containment.messages import AppPasswordsRead
from sekisho.containment.postfix import Postfix
from sekisho.containment.probes import Probes
from sekisho.containment.queue_pairs import QueuePairs
from sekisho.containment.webmail import Webmail


class StepFailed(Exception):
    """The effect could not be read back; the text says what stands in the way. Tried again with back-off."""


class Names(Protocol):
    """Names of this site, kept in memory so that a step never waits for the database."""

    def canonical(self, login: str) -> str:
        """The mailbox a login name means ("" for none)."""

    def our_domains(self) -> frozenset[str]:
        """All mail domains hosted here, alias domains too; lower case."""


class Site(Protocol):
    """The site's mailbox table and our record. All raise StepFailed when a database does not answer in time."""

    def read_active(self, mailbox: str) -> bool | None:
        """`mailbox.active`, or None when there is no such row."""

    def write_active(self, mailbox: str, active: bool) -> None:
        """Writes `mailbox.active`, and nothing else (PostfixAdmin would flip alias.active, too)."""

    def about_planted(self, question: Callable[[Any], Any]) -> Any:
        """The answer of `question`, asked of `incidents.planted` where the databases are."""

    def password_marks(self, mailboxes: Sequence[str]) -> dict[str, str]:
        """For each mailbox with a row, 16 hex digits that change with its stored password."""

    def app_passwords(self) -> AppPasswordsRead:
        """The app passwords in force now."""


@dataclass(frozen=True)
class Tools:
    """Everything outside the ledger that steps may use."""

    settings: Settings
    postfix: Postfix
    dovecot: Dovecot
    barrier: Barrier
    probes: Probes
    app_passwords: AppPasswordFile
    ledger: Ledger
    pairs: QueuePairs
    names: Names
    held: HeldMail
    site: Site
    now: Callable[[], float]
    # Ends early when the agent stops.
    sleep: Callable[[float], object]
    # Held while waiting mail is put on hold or let go, so that the two never meet.
    waiting_lock: AbstractContextManager[object] = field(default_factory=Lock)
    webmails: tuple[Webmail, ...] = ()


@dataclass
class Work:
    """One step on its way: `do` leaves in `notes` what `verify` needs for its outcome."""

    tools: Tools
    entry: Entry
    plan: PlanRecord
    notes: dict[str, int] = field(default_factory=dict)
    # Dovecot's processes that were serving the mailbox.
    served_by: frozenset[int] = frozenset()

    def save(self) -> None:
        """Makes a change of the entry durable; call it with `ledger.lock` held since before the change."""
        self.tools.ledger.save(self.entry)


class Step(NamedTuple):
    """One step of a plan. `do` says whether it changed anything; `verify` reads the effect back in words."""

    name: str
    do: Callable[[Work], bool]
    verify: Callable[[Work], str]
    # Not before so many seconds after that step of the plan was done.
    after: tuple[str, float] | None = None
    # Not before these are done; `patience` tries of theirs are enough (0: never give up waiting).
    needs: tuple[str, ...] = ()
    patience: int = 0


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 message", "2 messages"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
