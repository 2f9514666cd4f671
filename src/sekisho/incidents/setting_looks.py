"""Looks at mailboxes' settings, so that an incident can tell what was there before it.

A look notes what stands: once a day for the site's tables, and for the scripts once a day and after each change over
ManageSieve. Looking too often does no harm: only what a look before an incident's first sign saw counts as the owner's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction

from sekisho.directory import site_settings
from sekisho.directory.found import FoundSetting
from sekisho.incidents.models import KnownSetting, SettingsLook

# A setting that no look has seen for so long is history: longer than any incident stays open.
FORGOTTEN_AFTER = timedelta(days=90)


def look_at_tables(now: datetime) -> int:
    """Notes what the site's tables hold for all mailboxes; how many settings. Portions of some hundred rows each."""
    seen = 0
    before = _last_look("", "tables")
    for portion in site_settings.all_settings():
        with transaction.atomic(using="default"):
            _note(portion, before, now)
        seen += len(portion)
    _note_look("", "tables", now)
    KnownSetting.objects.filter(last_seen__lt=now - FORGOTTEN_AFTER).delete()
    SettingsLook.objects.filter(last_at__lt=now - FORGOTTEN_AFTER).delete()
    return seen


def note_scripts(mailbox: str, scripts: Sequence[FoundSetting], now: datetime) -> None:
    """Notes which scripts a mailbox has, as the agent has just read them."""
    with transaction.atomic(using="default"):
        _note(scripts, _last_look(mailbox, "scripts"), now)
        _note_look(mailbox, "scripts", now)


def _last_look(mailbox: str, part: str) -> SettingsLook | None:
    return SettingsLook.objects.filter(mailbox=mailbox, part=part).first()


def _note_look(mailbox: str, part: str, now: datetime) -> None:
    SettingsLook.objects.update_or_create(
        mailbox=mailbox, part=part, defaults={"last_at": now}, create_defaults={"first_at": now, "last_at": now}
    )


def _note(found: Sequence[FoundSetting], before: SettingsLook | None, now: datetime) -> None:
    rows = {(row.mailbox, row.key): row for row in _rows_of(found)}
    for setting in found:
        row = rows.get((setting.mailbox, setting.key))
        if row is None:
            row = KnownSetting(mailbox=setting.mailbox, kind=setting.kind, key=setting.key, first_seen=now)
        elif _was_away(row, before) or (setting.what.get("active") and not row.what.get("active")):
            # Taken away and put back, or switched on: from now on it is a new one.
            row.first_seen = now
        off_since = {} if setting.what.get("active", True) else _off_since(row.what, now)
        # An owner's answer is his own affair; its hash tells whether it is the same.
        told = {name: value for name, value in setting.what.items() if name != "body"}
        row.what, row.last_seen = told | off_since, now
        row.save()


def _off_since(before: dict[str, Any], now: datetime) -> dict[str, str]:
    """Of a script that is not active: the first look that found it so, once one had found it active."""
    if before.get("active"):
        return {"off_since": now.isoformat()}
    return {"off_since": before["off_since"]} if "off_since" in before else {}


def was_active(row: KnownSetting, since: datetime) -> bool:
    """Whether a known script was the active one when an incident began."""
    off_since = row.what.get("off_since")
    return bool(row.what.get("active")) or (off_since is not None and datetime.fromisoformat(off_since) >= since)


def _rows_of(found: Sequence[FoundSetting]) -> Iterable[KnownSetting]:
    keys = [setting.key for setting in found]
    for start in range(0, len(keys), site_settings.CHUNK):
        yield from KnownSetting.objects.filter(key__in=keys[start : start + site_settings.CHUNK])


def _was_away(row: KnownSetting, look: SettingsLook | None) -> bool:
    return look is not None and row.last_seen < look.last_at


class Age(NamedTuple):
    """Whose a setting is: the owner's (known), new since a look (absent_at or known_since), or of unknown age."""

    known: bool
    looked: bool
    absent_at: datetime | None = None
    known_since: datetime | None = None
    # Of the owner's scripts: it was the active one at the first sign.
    was_active: bool = False


def age_of(setting: FoundSetting, since: datetime) -> Age:
    """Whose a setting is that stands now, seen from `since`, an incident's first sign."""
    part = ("scripts", setting.mailbox) if setting.kind == "script" else ("tables", "")
    look = _last_look(part[1], part[0])
    row = KnownSetting.objects.filter(mailbox=setting.mailbox, key=setting.key).first()
    if row is not None and (_was_away(row, look) or (setting.what.get("active") and not was_active(row, since))):
        row = None
    looked = look is not None and look.first_at < since
    if row is not None and row.first_seen < since:
        return Age(known=True, looked=looked, was_active=setting.kind == "script" and was_active(row, since))
    absent_at = look.last_at if looked and look is not None and row is None else None
    return Age(False, looked, absent_at, row.first_seen if row else None)
