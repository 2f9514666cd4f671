"""A checkpoint with a journal and a spool in lists, and values that tests would otherwise repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pytest

from sekisho import detection
from sekisho.detection import Assessment, HostTables, Indicator
from sekisho.guard.checkpoint import Checkpoint
from sekisho.guard.places import Places
from sekisho.guard.profiles import Profiles
from sekisho.guard.standing import Standing
from sekisho.journal import DecisionRecord, Event, MailboxState, StateFile
from sekisho.journal.records import Status, UsualSeen
from sekisho.wire.postfix_policy import PolicyRequest

ALICE = "alice@shop.test"
NOW = 1_790_000_000.0
STRANGER = "203.0.113.9"


class ListJournal:
    """Keeps decisions; `refuses` plays a full disk."""

    def __init__(self) -> None:
        self.records: list[DecisionRecord] = []
        self.refuses = False

    def record(self, decision: DecisionRecord) -> bool:
        if not self.refuses:
            self.records.append(decision)
        return not self.refuses


class Bench:
    """A checkpoint and what it wrote."""

    def __init__(self, mode: Literal["observe", "enforce"] = "enforce") -> None:
        self.journal = ListJournal()
        self.spooled: list[Event] = []
        # What is told of profiles, apart: it comes with the first event of each day.
        self.usual: list[UsualSeen] = []
        self.checkpoint = Checkpoint(
            host="mx",
            mode=mode,
            standing=Standing(),
            profiles=Profiles({}),
            tables=HostTables(),
            places=Places(detection.AddressTable(), ["192.0.2.0/24"]),
            journal=self.journal,
            spool=self._spool,
            delimiter="+",
            protected_local_parts=("postmaster", "abuse"),
            keeps_curves=True,
        )

    def _spool(self, event: Event) -> None:
        if isinstance(event, UsualSeen):
            self.usual.append(event)
        else:
            self.spooled.append(event)

    def state(self, now: float = NOW, **statuses: tuple[Status, int, int | None]) -> None:
        """Takes a state file with alice's (or others') status, generation and limit."""
        mailboxes = {f"{name}@shop.test": MailboxState(*row, since=now) for name, row in statuses.items()}
        self.checkpoint.take_state(StateFile(now, mailboxes, {"alias.test": "shop.test"}), now)

    def ask(self, now: float = NOW, **fields: object) -> str:
        """The answer to a RCPT request of alice's, changed by `fields`."""
        usual: dict[str, object] = {
            "protocol_state": "RCPT",
            "client_address": STRANGER,
            "sender": ALICE,
            "recipient": "new@elsewhere.test",
            "instance": "i.1",
            "sasl_username": ALICE,
        }
        return self.checkpoint.answer(PolicyRequest(**(usual | fields)), now)  # type: ignore[arg-type]


def judge_always(
    monkeypatch: pytest.MonkeyPatch, score: float, *, familiar: bool = False, types: Iterable[type] | None = None
) -> None:
    """Lets the engine find `score` at every authenticated event (of the given types), with evidence of sending."""
    wanted = tuple(types) if types is not None else None

    def assess(
        profile: object,
        host: object,
        event: detection.Event,
        now: float,
        *,
        explain: bool = False,
        limits: object = None,
    ) -> Assessment:
        found = score if wanted is None or isinstance(event, wanted) else 0.0
        indicator = Indicator("test_finding", found, "根拠", "evidence")
        said = profile.announced()  # type: ignore[attr-defined]
        return Assessment(event.mailbox, event.t, found, (indicator,), event.t, familiar, True, True, said)

    monkeypatch.setattr(detection, "assess", assess)
