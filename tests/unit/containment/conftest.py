"""A host with a fake Postfix and Dovecot, and the agent's tools on it. Nothing here sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import sekisho.config
from sekisho.config import Settings
from sekisho.containment.app_passwords import AppPasswordFile
from sekisho.containment.barrier import Barrier, ensure
from sekisho.containment.dovecot import Dovecot
from sekisho.containment.held_mail import HeldMail
from sekisho.containment.ledger import Entry, Ledger, PlanRecord
from sekisho.containment.messages import AppPasswordRow, AppPasswordsRead, HeldRow
from sekisho.containment.postfix import Postfix
from sekisho.containment.probes import Probes
from sekisho.containment.queue_pairs import QueuePairs
from sekisho.containment.site_names import SiteNames
from sekisho.containment.work import StepFailed, Tools
from sekisho.incidents.planted import Frozen, Tally

from .fake_host import Clock, FakeHost

ALICE = "alice@customer.example"
ALICE_ALIAS = "alice@alias.example"


class FakePlanted:
    """The module incidents.planted for a mailbox in which nothing was planted; tests set what it answers."""

    def __init__(self) -> None:
        self.frozen: Frozen | None = Frozen((), ())
        self.tally = Tally(0, 0, 0, 0)
        self.calls: list[tuple[object, ...]] = []

    def freeze(self, *what: object) -> Frozen | None:
        self.calls.append(("freeze", *what))
        return self.frozen

    def confirm_off(self, *what: object) -> Tally:
        self.calls.append(("confirm_off", *what))
        return self.tally

    def give_back(self, *what: object) -> int:
        self.calls.append(("give_back", *what))
        return self.tally.frozen


class FakeSite:
    """The site's mailbox table."""

    def __init__(self) -> None:
        self.active: dict[str, bool] = {ALICE: True}
        self.is_away = False
        self.planted = FakePlanted()
        self.app_password_rows: list[AppPasswordRow] = []
        self.held_rows: list[HeldRow] = []
        self._reads = 0

    def read_active(self, mailbox: str) -> bool | None:
        if self.is_away:
            raise StepFailed("the database does not answer")
        return self.active.get(mailbox)

    def write_active(self, mailbox: str, active: bool) -> None:
        self.read_active(mailbox)
        self.active[mailbox] = active

    def about_planted(self, question: Callable[[Any], Any]) -> Any:
        self.read_active(ALICE)
        return question(self.planted)

    def record_held(self, row: HeldRow) -> None:
        self.held_rows.append(row)

    def app_passwords(self) -> AppPasswordsRead:
        self.read_active(ALICE)
        self._reads += 1
        return AppPasswordsRead(self._reads, tuple(self.app_password_rows))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return msgspec.structs.replace(
        sekisho.config.settings(), var=str(tmp_path / "var"), barrier=str(tmp_path / "barrier")
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(settings: Settings, clock: Clock) -> FakeHost:
    host = FakeHost(Path(settings.barrier), clock)
    ensure(settings, host)
    return host


@pytest.fixture
def names(settings: Settings) -> SiteNames:
    names = SiteNames("+", Path(settings.var) / "agent" / "domains.json")
    names.take({"alias.example": "customer.example"}, frozenset({"customer.example", "alias.example"}))
    return names


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


@pytest.fixture
def tools(settings: Settings, host: FakeHost, clock: Clock, names: SiteNames, site: FakeSite) -> Iterator[Tools]:
    postfix, dovecot = Postfix("/etc/postfix", host), Dovecot("/etc/dovecot/dovecot.conf", host)
    directory = Path(settings.barrier)
    ledger = Ledger(settings.ledger_directory)
    yield Tools(
        settings=settings,
        postfix=postfix,
        dovecot=dovecot,
        barrier=Barrier(directory, postfix),
        probes=Probes(directory, dovecot, clock.sleep),
        app_passwords=AppPasswordFile(directory, ledger, names.forms_of),
        ledger=ledger,
        pairs=QueuePairs(),
        names=names,
        held=HeldMail(ledger, site.record_held, clock),
        site=site,
        now=clock,
        sleep=clock.sleep,
    )


def suspended(tools: Tools, mailbox: str = ALICE, generation: int = 0, **fields: object) -> Entry:
    """A suspension in the ledger, its plan just begun."""
    forms = tools.names.forms_of(mailbox)  # type: ignore[attr-defined]
    entry = Entry(mailbox, generation, "suspended", None, tools.now(), tools.now() - 600, forms, list(forms))
    entry.plans["contain"] = PlanRecord("contain", generation, tools.now())
    for name, value in fields.items():
        setattr(entry, name, value)
    tools.ledger.save(entry)
    return entry
