"""Reports and evidence as CSV (RFC 4180): no cell is a formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice

from sekisho.impact import gap_texts
from sekisho.impact.model import EvidenceRow, Figure, ImpactReport
from sekisho.incidents.audit import safe_cell

# Excel takes a file for UTF-8 only when it begins with this mark.
MARK = "\ufeff"
REPORT_COLUMNS = ("part", "name", "detail", "value", "at_least", "evidence")
# The facts that are columns are those of the first rows; a kind that comes later puts its own into the last one.
_LOOKED_AHEAD = 500

Row = tuple[object, ...]


def report_lines(report: ImpactReport) -> Iterator[str]:
    """The whole report, a line each: figures with the name of their evidence, times and changes without."""
    yield MARK
    yield _line(REPORT_COLUMNS)
    for row in chain(_entry(report), _sent(report), _read(report), _rest(report)):
        yield _line(row)
    for said in gap_texts.sentences(report):
        yield _line(("limits", "", f"{said.ja} / {said.en}", "", "", ""))


def evidence_lines(rows: Iterable[EvidenceRow]) -> Iterator[str]:
    """The evidence of one figure, a line each; streams."""
    following = iter(rows)
    first = list(islice(following, _LOOKED_AHEAD))
    names = sorted({name for row in first for name in row.facts})
    yield MARK
    yield _line(("at", "kind", "key", *names, "more"))
    for row in chain(first, following):
        more = "; ".join(f"{name}: {value}" for name, value in sorted(row.facts.items()) if name not in names)
        yield _line((_clock(row.at), row.kind, row.key, *(row.facts.get(name) for name in names), more))


def _entry(report: ImpactReport) -> Iterator[Row]:
    entry = report.entry
    for name in ("first_at", "detected_at", "contained_at", "recovered_at"):
        at: float | None = getattr(entry, name)
        yield ("entry", name, "", _clock(at) if at is not None else "", "", "")
    for source in entry.sources:
        detail = f"{source.country} AS{source.asn} {source.network_owner}; {', '.join(source.protocols)}"
        yield _counted("entry", source.ip, detail, source.logins)
    yield _counted("entry", "guesses", "", entry.guesses)


def _sent(report: ImpactReport) -> Iterator[Row]:
    sent = report.sent
    yield _counted("sent", "messages", "", sent.messages)
    yield _counted("sent", "recipients", "", sent.recipients)
    for relation, figure in sent.relations.items():
        yield _counted("sent", "relation", relation, figure)
    for outcome, figure in sent.outcomes.items():
        yield _counted("sent", "outcome", outcome, figure)
    for one in sent.domains:
        yield _counted("sent", "recipients at", one.domain, one.recipients)
        yield _counted("sent", "delivered at", one.domain, one.delivered)


def _read(report: ImpactReport) -> Iterator[Row]:
    read = report.read
    for name in ("sessions", "fetched", "octets", "deleted", "stored"):
        yield _counted("read", name, "", getattr(read, name))
    for folder in read.folders:
        yield _counted("read", "opened", folder.name, folder.opened)
        yield _counted("read", "fetched from", folder.name, folder.fetched)
    for search in read.searches:
        yield ("read", "search", f"{search.folder}: {search.words}", _clock(search.at), "", search.evidence)


def _rest(report: ImpactReport) -> Iterator[Row]:
    for change in report.changed:
        at = _clock(change.at) if change.at is not None else ""
        yield ("changed", change.kind, f"{change.what} ({change.state})", at, "", change.evidence)
    for leak in report.leaked:
        yield _counted("leaked", "messages to", leak.target, leak.messages)
    if report.address_book is not None:
        yield _counted("address book", "entries", "", report.address_book)
    for other in report.touched:
        yield _counted("touched", "logins", other.mailbox, other.logins)
        yield _counted("touched", "failures", other.mailbox, other.failures)
    for service in report.services or ():
        yield ("services", "sender", service, "", "", "")


def _counted(part: str, name: str, detail: str, figure: Figure) -> Row:
    return (part, name, detail, figure.value, "yes" if figure.at_least else "", figure.name)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(_cell(one) for one in cells)
    return line.getvalue()


def _cell(value: object) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    # A NUL stops some readers; a line break inside a cell splits the row in others.
    return safe_cell(str(value).replace("\x00", "").replace("\r", " ").replace("\n", " "))
