"""One batch of spool events as rows. Logins are summed up per mailbox, source and hour before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from django.db.models import F, QuerySet
from django.utils import timezone

from sekisho.incidents import (
    allowances,
    app_passwords,
    deferred,
    knocking,
    letters,
    notices,
    receivers,
    scores,
    sending,
    session_readings,
    settings_test,
    usual,
)
from sekisho.incidents.changes import write_audit
from sekisho.incidents.decisions import OPEN_PHASES, open_incident
from sekisho.incidents.models import Incident, SignIn, UnseenTime
from sekisho.incidents.sent_mail import SentMail
from sekisho.incidents.timeline import RETURNED, add_entry
from sekisho.journal import (
    AttemptSeen,
    DeliveryResult,
    Event,
    GuardGap,
    LoginSeen,
    MailArrived,
    MailForwarded,
    MessageSubmitted,
    NewRecipientAsked,
    NoticeArrived,
    NoticeSeen,
    QueueIdPaired,
    ReturnFiled,
    ScoreSampled,
    ScriptChanged,
    SenderDeferred,
    SentFromElsewhere,
    SessionRead,
    UsualSeen,
)

HOUR = 3600
SourceHour = tuple[str, bool, str, str, int, str, str, str]
# Kept in memory until the end of the batch.
_COLLECTED = (LoginSeen, MessageSubmitted, QueueIdPaired, DeliveryResult, MailForwarded)
# Programs told apart at one address within an hour: a household has fewer, and whoever sends a new name with each login
# makes no more rows than this.
MOST_PROGRAMS = 8


class EventBatch:
    """Collects the events of one transaction. `add` writes what stands alone, `sums` and `sent` give the rest."""

    def __init__(self) -> None:
        self._logins: dict[SourceHour, tuple[LoginSeen, int]] = {}
        # The last use of each app password.
        self._uses: dict[tuple[str, str], LoginSeen] = {}
        self.sent = SentMail()
        self._receivers = receivers.DayCounter()
        # Results that an incident's story counts: mailbox, status, hour -> the latest, how many.
        self._unsent: dict[tuple[str, str, int], tuple[DeliveryResult, int]] = {}
        self._takers: dict[type, Callable[[Any], object]] = {
            LoginSeen: self._login,
            MessageSubmitted: self.sent.add,
            QueueIdPaired: self.sent.add,
            DeliveryResult: self._delivered,
            MailForwarded: self.sent.forwarded,
            SenderDeferred: deferred.note_waiting,
            MailArrived: deferred.note_arrival,
            ScriptChanged: _script_changed,
            ReturnFiled: _return_filed,
            NoticeSeen: _notice_seen,
            NoticeArrived: _notice_arrived,
            ScoreSampled: scores.keep_sample,
            UsualSeen: usual.keep,
            NewRecipientAsked: allowances.keep,
            AttemptSeen: settings_test.keep,
            SentFromElsewhere: sending.keep,
            SessionRead: session_readings.keep,
            GuardGap: _gap,
        }

    def add(self, event: Event) -> None:
        """Takes one event; raises what the database raises, unless it `only_collects`."""
        self._takers[type(event)](event)

    @staticmethod
    def only_collects(event: Event) -> bool:
        """Whether taking this event touches no database yet: no savepoint is needed for it."""
        return isinstance(event, _COLLECTED)

    def _login(self, event: LoginSeen) -> None:
        key = (
            event.mailbox[:255],
            event.success,
            event.protocol[:16],
            event.ip[:45],
            int(event.t // HOUR),
            event.pwhash[:16],
            event.app_password[:18],
            event.device[:200] if event.success else "",
        )
        first, count = self._logins.get(key, (event, 0))
        if event.strange and not first.strange:
            first = msgspec.structs.replace(first, strange=True)
        self._logins[key] = (first, count + 1)
        if event.success and event.app_password:
            self._uses[event.mailbox[:255], event.app_password] = event

    def _delivered(self, event: DeliveryResult) -> None:
        self.sent.add(event)
        self._receivers.add(event)
        if event.status != "sent":
            key = (event.mailbox, event.status, int(event.t // HOUR))
            _, count = self._unsent.get(key, (event, 0))
            self._unsent[key] = (event, count + 1)

    def sums(self) -> Iterator[tuple[Event, Callable[[], None]]]:
        """What was summed up: an event of the sum, and the call that writes its row."""
        for (_, _, _, _, hour, *_), (first, count) in self._logins.items():
            yield first, partial(_write_logins, first, count, _time(hour * HOUR))
        for use in self._uses.values():
            yield use, partial(_note_use, use)
        for result, count in self._unsent.values():
            yield result, partial(_tell_incident, result, count)
        for result, key, counts in self._receivers.sums():
            yield result, partial(receivers.write, key, counts)


def _note_use(use: LoginSeen) -> None:
    app_passwords.note_use(use.app_password, use.mailbox[:255], _time(use.t), use.protocol, use.ip, use.country)


def _write_logins(first: LoginSeen, count: int, hour: datetime) -> None:
    """One row per mailbox, outcome, protocol, source and hour, with the number of logins.

    Successful ones are told apart by their password and program, failed ones only by whether it was the old password:
    a guesser makes two rows an hour, however much he tries.
    """
    password: dict[str, Any] = (
        {"pwhash": first.pwhash[:16], "app_password": first.app_password[:18]}
        if first.success
        else {"old_password": knocking.is_old_password(first.mailbox[:255], first.pwhash[:16], _time(first.t))}
    )
    same = SignIn.objects.filter(
        mailbox=first.mailbox[:255],
        success=first.success,
        protocol=first.protocol[:16],
        ip=first.ip[:45],
        at__gte=hour,
        at__lt=hour + timedelta(seconds=HOUR),
        **password,
    )
    row = _row_of_program(same, first) if first.success else same.first()
    if row is not None:
        changed: dict[str, Any] = {"count": F("count") + count}
        if first.strange and not row.strange:
            changed["strange"] = True
        SignIn.objects.filter(pk=row.pk).update(**changed)
        return
    SignIn.objects.create(
        mailbox=first.mailbox[:255],
        at=_time(first.t),
        success=first.success,
        protocol=first.protocol[:16],
        ip=first.ip[:45],
        country=first.country[:2],
        asn=first.asn,
        device=first.device[:200],
        count=count,
        strange=first.strange,
        **password,
    )


def _row_of_program(same: QuerySet[SignIn], login: LoginSeen) -> SignIn | None:
    rows = list(same.order_by("id")[:MOST_PROGRAMS])
    own = next((row for row in rows if row.device == login.device[:200]), None)
    return own or (rows[-1] if len(rows) == MOST_PROGRAMS else None)


def _time(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)


def _tell_incident(latest: DeliveryResult, count: int) -> None:
    """An incident's story shows how much of its spam came back."""
    incident = open_incident(latest.mailbox)
    if incident is None or _time(latest.t) < incident.first_risk_at:
        return
    key = f"{latest.status}-{incident.pk}-{int(latest.t // HOUR)}"
    if not add_entry(incident, _time(latest.t), f"mail_{latest.status}", key, {"count": count}):
        entry = incident.timeline.get(key=key)
        entry.details["count"] += count
        entry.save(update_fields=["details"])


def _script_changed(event: ScriptChanged) -> None:
    incident = open_incident(event.mailbox)
    if incident is None:
        return
    details: dict[str, object] = {
        "change": event.change,
        "target": event.target[:320],
        "script": event.script[:100],
        "ip": event.ip,
    }
    add_entry(incident, _time(event.t), "script", f"script-{incident.pk}-{event.t:.6f}", details)


def _return_filed(event: ReturnFiled) -> None:
    """Returned mail of the latest incident that was recovered from; a line a day with the number."""
    incident = Incident.objects.filter(mailbox=event.mailbox, orders__kind="release").order_by("-id").first()
    if incident is None:
        return
    key = f"returned-{incident.pk}-{_time(event.t):%Y%m%d}"
    if not add_entry(incident, _time(event.t), RETURNED, key, {"count": 1}):
        entry = incident.timeline.get(key=key)
        entry.details["count"] += 1
        entry.save(update_fields=["details"])


def _notice_seen(event: NoticeSeen) -> None:
    notices.mark_seen(event.message_id, _time(event.t))


def _notice_arrived(event: NoticeArrived) -> None:
    letters.mark_arrived(event.message_id, event.mailbox, _time(event.t))


def _gap(event: GuardGap) -> None:
    details: dict[str, object] = {"since": event.since, "until": event.until}
    write_audit("guard", "guard_gap", "", details, at=timezone.now())
    UnseenTime.objects.get_or_create(since=_time(event.since), until=_time(event.until))
    for incident in Incident.objects.filter(phase__in=OPEN_PHASES):
        add_entry(incident, _time(event.since), "guard_gap", f"gap-{incident.pk}-{event.since:.6f}", details)
