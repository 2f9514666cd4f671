"""The settings test's rows: who watches which mailbox, and the attempts that came (docs/settings-test.md).

The guard tells attempts only at watched mailboxes; here they stay for an hour, the latest of each mailbox only. What is
wrong with the password is not written down: `web.settings_test` says it when the page is shown.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from django.db import transaction

from sekisho.incidents.models import SettingsAttempt, SettingsWatch, SignIn
from sekisho.journal import AttemptSeen

# Time to walk to each device; as long as the new password's slips are remembered.
WATCHED = timedelta(minutes=30)
# For whoever comes back to the page a little later.
KEPT = timedelta(hours=1)
# A list for one person's eyes; a guesser's attempts must not push the table's size up.
MOST_ATTEMPTS = 50
# A browser, a telephone, an admin's: more watch nobody's mailbox.
MOST_SOURCES = 4


def watch(mailbox: str, source: str, now: datetime, *, password_set: bool) -> SettingsWatch:
    """Begins to watch a mailbox, or goes on for another half hour; `source`: the browser's address, "" for unknown.

    `password_set`: its password was set just now; what was before is forgotten then.
    """
    with transaction.atomic(using="default"):
        row = SettingsWatch.objects.select_for_update().filter(pk=mailbox).first()
        if row is None:
            row = SettingsWatch(mailbox=mailbox, since=now, until=now)
        elif row.until <= now or password_set:
            row.since, row.sources = now, []
        if password_set:
            row.password_set_at = now
        row.until = now + WATCHED
        row.sources = _with(row.sources, source)
        row.save()
    return row


def note_source(row: SettingsWatch, source: str) -> None:
    """Another browser watches as well."""
    sources = _with(row.sources, source)
    if sources != row.sources:
        SettingsWatch.objects.filter(pk=row.pk).update(sources=sources)


def _with(sources: list[str], source: str) -> list[str]:
    return [*sources, source][-MOST_SOURCES:] if source and source not in sources else sources


def watched(now: datetime) -> dict[str, tuple[str, ...]]:
    """Mailboxes watched now and the browsers' addresses, for the state file."""
    return {row.mailbox: tuple(row.sources) for row in SettingsWatch.objects.filter(until__gt=now).order_by("mailbox")}


def keep(event: AttemptSeen) -> None:
    """Writes an attempt down; the oldest beyond MOST_ATTEMPTS go. One told twice is shown once."""
    at = datetime.fromtimestamp(event.t, UTC)
    mailbox = event.mailbox[:255]
    SettingsAttempt.objects.get_or_create(
        mailbox=mailbox,
        at=at,
        protocol=event.protocol[:16],
        ip=event.ip[:45],
        defaults={
            "slip": event.slip[:16],
            "form": event.form[:16],
            "success": event.success,
            "country": event.country[:2],
            "pwhash": event.pwhash[:16],
            "device": event.device[:200],
            "tls": event.tls,
            "server_name": event.server_name[:255],
        },
    )
    rows = SettingsAttempt.objects.filter(mailbox=mailbox).order_by("-id")
    surplus = list(rows.values_list("id", flat=True)[MOST_ATTEMPTS : MOST_ATTEMPTS * 2])
    SettingsAttempt.objects.filter(id__in=surplus).delete()


def attempts(row: SettingsWatch) -> list[SettingsAttempt]:
    """What came since the watch began, the latest first."""
    return list(SettingsAttempt.objects.filter(mailbox=row.mailbox, at__gte=row.since).order_by("-id")[:MOST_ATTEMPTS])


def is_near(ip: str, sources: list[str]) -> bool:
    """Whether an attempt came from one of these addresses or networks."""
    try:
        address = ipaddress.ip_address(ip)
        return any(address in ipaddress.ip_network(source, strict=False) for source in sources if source)
    except ValueError:
        return False


def is_from_before(row: SettingsWatch, pwhash: str) -> bool:
    """Whether a password with this hash opened the mailbox before the present one was set."""
    if row.password_set_at is None or not pwhash:
        return False
    earlier = SignIn.objects.filter(mailbox=row.mailbox, success=True, pwhash=pwhash, at__lt=row.password_set_at)
    return earlier.exists()


def prune(now: datetime) -> None:
    """Forgets what nobody looks at any more."""
    SettingsAttempt.objects.filter(at__lt=now - KEPT).delete()
    SettingsWatch.objects.filter(until__lt=now - KEPT).delete()
