"""The owner's four steps after a suspension, and which of them are done: 機器のスキャン → 本人確認 → 新しいパスワード →
メールソフトの設定."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sekisho.incidents.changes import current_status
from sekisho.incidents.models import Incident, SignIn, Transition


@dataclass(frozen=True)
class Steps:
    """How far the owner is. `number` is the step that is next, 5 when all are done."""

    incident: Incident | None
    suspended: bool
    scanned: bool
    proved: bool
    # When the new password was made; None: not yet.
    recovered_at: datetime | None
    receives: bool
    sends: bool

    @property
    def number(self) -> int:
        done = (
            self.scanned or self.recovered_at is not None,
            self.proved,
            self.recovered_at is not None,
            self.receives,
        )
        return next((place for place, one in enumerate(done, 1) if not one), 5)


def of_mailbox(mailbox: str, *, proved: bool, scanned: int) -> Steps | None:
    """The steps after the mailbox's latest suspension; None when it is in use and nothing has to be done.

    `scanned`: the incident for which this browser's owner has said that the devices are clean.
    """
    status = current_status(mailbox)
    shut = Transition.objects.filter(mailbox=mailbox, after="suspended", incident__isnull=False).order_by("-id").first()
    if shut is None or status.status not in ("suspended", "probation"):
        return None
    opened = Transition.objects.filter(mailbox=mailbox, cause="recovery", id__gt=shut.pk).order_by("id").first()
    ways = _ways_since(mailbox, opened.at) if opened else set()
    return Steps(
        incident=shut.incident,
        suspended=status.status == "suspended",
        scanned=scanned == shut.incident_id,
        proved=proved or opened is not None,
        recovered_at=opened.at if opened else None,
        receives=bool(ways & {"imap", "pop3"}),
        sends=bool(ways & {"smtp", "submission"}),
    )


def _ways_since(mailbox: str, at: datetime) -> set[str]:
    rows = SignIn.objects.filter(mailbox=mailbox, success=True, at__gt=at)
    return set(rows.values_list("protocol", flat=True))
