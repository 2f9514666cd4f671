"""What a third party read: folders, messages, searches, deletions, out of the sessions from his sources.

Counted are `SessionReading` rows: what the guard told of sessions that were not the owner's usual ones. Messages are
told apart by folder and UID, over all sessions. Where Dovecot's own count at the end of a session is higher than what
was told of it, what is missing is added and the figure says "at least": a message that was fetched twice then counts
twice. That nothing is known is never a zero: it is a limit or a gap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Sum

from sekisho.impact.model import EvidenceRow, Figure, Folder, Gap, Limit, Read, Search
from sekisho.incidents.models import Incident, SessionReading, SignIn, UnseenTime

# Doors by which mail is read.
READING_DOORS = ("imap", "pop3")
# Searches named in a report, the first ones: beyond that nobody reads them one by one. The evidence has all.
MOST_SEARCHES = 200
# A session is heard of within a second of its login; the clock of a row is the guard's, that of a login as well.
HEARD_WITHIN = timedelta(seconds=60)

Runs = list[tuple[int, int]]


class _Sessions(NamedTuple):
    """The rows of a report, the number of sessions, and of logins by which mail is read."""

    rows: list[SessionReading]
    sessions: int
    logins: int


def read_of(
    incident: Incident, sources: Collection[str], since: datetime, until: datetime
) -> tuple[Read, tuple[Limit, ...], tuple[Gap, ...]]:
    """What was read in the incident's mailbox from these client addresses between two times, and what nobody knows."""
    found = _sessions(incident.mailbox, sources, since, until)
    gaps = _gaps(since, until)
    seen = found.rows
    missed = sum(_missed(seen).values())
    unseen = found.logins > found.sessions or bool(gaps) or missed > 0 or any(row.more for row in seen)
    folders = tuple(_folder(name, seen, unseen) for name in _names(seen))
    fetched = sum(folder.fetched.value for folder in folders) + missed
    read = Read(
        sessions=Figure("read.sessions", found.sessions, found.logins > found.sessions),
        folders=folders,
        fetched=Figure("read.fetched", fetched, unseen),
        octets=_octets(seen, unseen),
        searches=tuple(_searches(seen))[:MOST_SEARCHES],
        deleted=Figure("read.deleted", _removed(seen), unseen or any(part["dropped"] for _, part in _parts(seen))),
        stored=Figure("read.stored", sum(part["stored"] for _, part in _parts(seen)), unseen),
    )
    return read, tuple(_limits(incident.mailbox, sources, since, until, found, fetched)), gaps


def evidence_of(
    incident: Incident, sources: Collection[str], since: datetime, until: datetime, figure: str = ""
) -> Iterator[EvidenceRow]:
    """The facts behind the figures of `read_of`, or of one of them: what each session did, folder by folder."""
    rows = _sessions(incident.mailbox, sources, since, until).rows
    missed = _missed(rows)
    for row in rows:
        for one in _rows_of(row, missed.pop(row.session, 0)):
            if figure in ("", one.figure):
                yield one


def _rows_of(row: SessionReading, missed: int) -> Iterator[EvidenceRow]:
    session: dict[str, Any] = {
        "session": row.session,
        "protocol": row.protocol,
        "ip": row.ip,
        "country": row.country,
        "asn": row.asn,
    }

    def fact(figure: str, **facts: Any) -> EvidenceRow:
        return EvidenceRow(figure, "session", row.pk, row.since.timestamp(), {**session, **facts})

    yield fact("read.sessions", until=row.until.timestamp(), ended=row.ended)
    for part in row.folders:
        yield from _folder_rows(fact, part)
    if missed:
        yield fact("read.fetched", counted_by="log", fetches=missed)
    if row.octets is not None:
        yield fact("read.octets", octets=row.octets)
    for search in row.searches:
        facts = {**session, "folder": search["folder"], "words": search["words"]}
        yield EvidenceRow("read.searches", "session", row.pk, search["t"], facts)


def _folder_rows(fact: Any, part: dict[str, Any]) -> Iterator[EvidenceRow]:
    name = part["name"]
    if part["opened"]:
        yield fact(f"read.folder:{name}.opened", folder=name, opened=part["opened"])
    if part["fetches"]:
        facts = {"folder": name, "uids": part["uids"], "fetches": part["fetches"]}
        yield fact(f"read.folder:{name}.fetched", **facts)
        yield fact("read.fetched", **facts)
    if part["removed"] or part["dropped"]:
        facts = {"folder": name, "uids": part["removed"], "moved": part["moved"], "whole_folder": part["dropped"]}
        yield fact("read.deleted", **facts)
    if part["stored"]:
        yield fact("read.stored", folder=name, stored=part["stored"], copied=part["copied"])


def _sessions(mailbox: str, sources: Collection[str], since: datetime, until: datetime) -> _Sessions:
    rows = list(
        SessionReading.objects.filter(mailbox=mailbox, ip__in=sources, until__gte=since, since__lte=until).order_by(
            "since", "id"
        )
    )
    logins = _logins(mailbox, sources, since, until).aggregate(sum=Sum("count"))["sum"] or 0
    # Two rows of one session are of two guards. An empty session id cannot be told apart.
    return _Sessions(rows, len({row.session for row in rows}), logins)


def _logins(mailbox: str, sources: Collection[str], since: datetime, until: datetime) -> Any:
    return SignIn.objects.filter(
        mailbox=mailbox, success=True, protocol__in=READING_DOORS, ip__in=sources, at__gte=since, at__lte=until
    )


def _parts(rows: Iterable[SessionReading]) -> Iterator[tuple[SessionReading, dict[str, Any]]]:
    for row in rows:
        for part in row.folders:
            yield row, part


def _names(rows: Iterable[SessionReading]) -> list[str]:
    """Folders that were opened or read, the inbox first."""
    names = {part["name"] for _, part in _parts(rows) if part["opened"] or part["fetches"]}
    return sorted(names, key=lambda name: (name != "INBOX", name))


def _folder(name: str, rows: list[SessionReading], unseen: bool) -> Folder:
    parts = [part for _, part in _parts(rows) if part["name"] == name]
    fetched = _count(part["uids"] for part in parts) + sum(part["beyond"] for part in parts)
    opened = sum(part["opened"] for part in parts)
    return Folder(
        name,
        Figure(f"read.folder:{name}.opened", opened, unseen),
        Figure(f"read.folder:{name}.fetched", fetched, unseen),
    )


def _removed(rows: list[SessionReading]) -> int:
    """Messages removed, each once."""
    names = {part["name"] for _, part in _parts(rows)}
    return sum(_count(part["removed"] for _, part in _parts(rows) if part["name"] == name) for name in names)


def _missed(rows: list[SessionReading]) -> dict[str, int]:
    """By session: fetches that Dovecot's log counts in it and nobody told. POP3's count leaves out previews (TOP)."""
    logged = {row.session: row.logged_fetches for row in rows if row.logged_fetches}
    for row, part in _parts(rows):
        if row.session in logged:
            logged[row.session] -= part["fetches"]
    return {session: left for session, left in logged.items() if left > 0}


def _octets(rows: list[SessionReading], unseen: bool) -> Figure:
    known = {row.session: row.octets for row in rows if row.octets is not None}
    return Figure("read.octets", sum(known.values()), unseen or len(known) < len({row.session for row in rows}))


def _searches(rows: list[SessionReading]) -> Iterator[Search]:
    found = [(search["t"], search, row.pk) for row in rows for search in row.searches]
    for at, search, key in sorted(found, key=lambda one: one[0]):
        yield Search(search["folder"], search["words"], at, f"session {key}")


def _limits(
    mailbox: str, sources: Collection[str], since: datetime, until: datetime, found: _Sessions, fetched: int
) -> Iterator[Limit]:
    first = _logins(mailbox, sources, since, until).order_by("at").values_list("at", flat=True).first()
    if first is None and not found.rows:
        return
    if not found.rows:
        yield Limit("reads_not_told")
        return
    if not fetched:
        yield Limit("nothing_fetched")
    begins = found.rows[0].since
    if first is not None and begins - first > HEARD_WITHIN:
        yield Limit("reads_since", begins.timestamp())


def _gaps(since: datetime, until: datetime) -> tuple[Gap, ...]:
    """When the guard was not there: Dovecot's events of that time went nowhere."""
    rows = UnseenTime.objects.filter(since__lt=until, until__gt=since).order_by("since", "until")
    return tuple(Gap("events", max(row.since, since).timestamp(), min(row.until, until).timestamp()) for row in rows)


def _count(sets: Iterable[str]) -> int:
    """How many UIDs are in these sets ("1:3,7") together, each counted once."""
    runs = sorted(run for one in sets for run in _runs(one))
    total, reached = 0, 0
    for first, last in runs:
        if last > reached:
            total += last - max(first - 1, reached)
            reached = last
    return total


def _runs(text: str) -> Runs:
    found = []
    for one in filter(None, text.split(",")):
        first, _, last = one.partition(":")
        found.append((int(first), int(last or first)))
    return found
