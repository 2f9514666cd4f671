"""A takeover for tests of the report: told by a guard, taken by the worker's own code."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sekisho.config import Settings, settings
from sekisho.impact.evidence import rows
from sekisho.impact.figures import figures_of
from sekisho.impact.model import EvidenceRow, ImpactReport
from sekisho.impact.report import build
from sekisho.incidents.ingest import Intake
from sekisho.incidents.models import Incident
from sekisho.journal import (
    AppendLog,
    DecisionRecord,
    DeliveryResult,
    Event,
    IndicatorRecord,
    LoginSeen,
    MessageSubmitted,
)

T = 1_760_000_000.0
ALICE, BOB, CAROL = "alice@ours.test", "bob@ours.test", "carol@theirs.test"
THIEF, THIEF2, HOME = "203.0.113.9", "203.0.113.77", "192.0.2.1"
# Some hours later: nothing is old enough to be forgotten or given up.
NOW = datetime.fromtimestamp(T + 20_000, UTC)


class World:
    """What the guard tells; `report` is what the record makes of it."""

    def __init__(self, var: Path) -> None:
        self._settings: Settings = msgspec.structs.replace(settings(), var=str(var))
        self._number = 0

    def login(self, ip: str = THIEF, t: float = T, mailbox: str = ALICE, **fields: Any) -> None:
        usual: dict[str, Any] = {"success": True, "protocol": "imap", "strange": ip != HOME, **place(ip)}
        self.see(LoginSeen(t=t, mailbox=mailbox, ip=ip, **(usual | fields)))

    def message(self, ip: str = THIEF, t: float = T + 10, **fields: Any) -> str:
        """A message handed in; its queue id."""
        self._number += 1
        queue_id = f"4{self._number:06X}"
        usual: dict[str, Any] = {"own": (), "partners": (), "strangers": (), "strange": ip != HOME} | place(ip)
        values = usual | fields
        asked = sum(len(values[name]) for name in ("own", "partners", "strangers"))
        recipients = values.pop("recipients", asked)
        self.see(MessageSubmitted(t, ALICE, queue_id, ALICE, recipients, 900, ip, **values))
        return queue_id

    def result(self, queue_id: str, recipient: str, status: str = "sent", dsn: str = "2.0.0", reply: str = "") -> None:
        self.see(DeliveryResult(T + 30, ALICE, queue_id, recipient, status, dsn, "", "stranger", reply))

    def decide(self, action: str = "suspend", ip: str = THIEF, t: float = T + 60, **fields: Any) -> None:
        self._number += 1
        after = {"suspend": "suspended", "restrict": "restricted", "alert": "active"}[action]
        found = (IndicatorRecord("new_country", 3.0, "初めての国", "a new country"),)
        usual: dict[str, Any] = {"enforced": True, "first_risk_at": T, "indicators": found, "generation": 0}
        self._append(
            self._settings.journal_directory,
            DecisionRecord(
                id=f"d{self._number}", t=t, host="mx", mailbox=ALICE, action=action, before="active", after=after,
                limit=None, score=9.5, ip=ip, **(usual | place(ip) | fields),
            ),
        )  # fmt: skip

    def see(self, event: Event) -> None:
        self._append(self._settings.spool_directory, event)

    def _append(self, directory: Path, record: Any) -> None:
        from sekisho.journal import format_record

        log = AppendLog(directory, fsync=False, max_total_bytes=1 << 26)
        log.append(format_record(record))
        log.close()

    def take(self) -> Incident:
        """The worker takes all of it; alice's incident."""
        intake = Intake(self._settings)
        while intake.take():
            pass
        assert intake.rejected == 0
        return Incident.objects.get(mailbox=ALICE)

    def report(self, now: datetime = NOW) -> ImpactReport:
        return build(self.take(), now)


def place(ip: str) -> dict[str, Any]:
    if ip == HOME:
        return {"country": "JP", "asn": 64500}
    return {"country": "VN", "asn": 64501}


def evidence(report: ImpactReport, figure: str, now: datetime = NOW) -> list[EvidenceRow]:
    return list(rows(Incident.objects.get(pk=report.incident), figure, now))


def unproved(report: ImpactReport, now: datetime = NOW) -> list[str]:
    """Figures that are not what their rows add up to."""
    return [
        f"{name}: {figure.value}"
        for name, figure in figures_of(report).items()
        if not name.startswith("read.")
        and sum(int(row.facts.get("count") or 1) for row in evidence(report, name, now)) != figure.value
    ]
