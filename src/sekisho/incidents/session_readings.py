"""What was read in a session, as a row: a later record of the same id says all of it again, and the newest counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from sekisho.incidents.models import SessionReading
from sekisho.journal import SessionRead


def keep(event: SessionRead) -> None:
    """Writes or renews the session's row; an older record than the row's changes nothing."""
    told_at = _time(event.t)
    known = SessionReading.objects.filter(pk=event.id[:64]).values_list("told_at", flat=True).first()
    if known is not None and known >= told_at:
        return
    row: dict[str, Any] = {
        "mailbox": event.mailbox[:255],
        "session": event.session[:128],
        "protocol": event.protocol[:8],
        "ip": event.ip[:45],
        "country": event.country[:2],
        "asn": event.asn,
        "since": _time(event.since),
        "until": _time(event.until),
        "told_at": told_at,
        "ended": event.ended,
        "folders": msgspec.to_builtins(event.folders),
        "searches": msgspec.to_builtins(event.searches),
        "octets": event.octets,
        "logged_fetches": event.logged_fetches,
        "more": event.more,
    }
    SessionReading.objects.update_or_create(pk=event.id[:64], defaults=row)


def _time(t: float) -> datetime:
    return datetime.fromtimestamp(t, UTC)
